"""The service of saved views."""

from pathlib import Path

from insula.kernel.resource.app import App
from insula.kernel.services.saved_views.resource import saved_views

service = App(
    name="saved_views",
    title="Saved views",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(saved_views,),
)
