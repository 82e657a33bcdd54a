"""The service of tags."""

from pathlib import Path

from insula.kernel.resource.app import App
from insula.kernel.services.tags.resource import tags

service = App(
    name="tags",
    title="Tags",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(tags,),
)
