"""The service of comments."""

from pathlib import Path

from insula.kernel.resource.app import App
from insula.kernel.services.comments.mentions import ANSWERED, MENTIONED
from insula.kernel.services.comments.resource import comments

service = App(
    name="comments",
    title="Comments",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(comments,),
    notifications=(MENTIONED, ANSWERED),
)
