"""The notification service: what every tenant has of it, whatever its apps."""

from pathlib import Path

from insula.kernel.resource.app import App, Schedule
from insula.kernel.services.notifications.digests import send_digests

service = App(
    name="notifications",
    title="Notifications",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(),
    schedules=(Schedule(name="digest", run=send_digests, cron="0 7 * * *"),),
)
