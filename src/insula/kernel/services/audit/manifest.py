"""The audit service: every tenant can read what was done in it."""

from pathlib import Path

from insula.kernel.resource.app import App
from insula.kernel.services.audit.resource import entries

service = App(
    name="audit",
    title="Audit log",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(entries,),
)
