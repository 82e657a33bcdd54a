"""The service of access: roles and teams."""

from pathlib import Path

from insula import __version__
from insula.kernel.resource.app import App
from insula.kernel.services.access.resources import members, roles, teams

service = App(
    name="access",
    title="Access",
    version=__version__,
    folder=Path(__file__).parent,
    resources=(roles, teams, members),
    always=True,
)
