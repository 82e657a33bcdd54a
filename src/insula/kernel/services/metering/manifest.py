"""The metering service: every tenant can read how often it was asked."""

from pathlib import Path

from insula.kernel.resource.app import App, Schedule
from insula.kernel.services.metering.resource import prune, request_rates

service = App(
    name="metering",
    title="Request rates",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(request_rates,),
    schedules=(Schedule("prune", run=prune, cron="50 2 * * *"),),
)
