"""The ASGI application of one server process: built when it starts, closed when it ends."""

import gc

import structlog
from pydantic import SecretStr

from insula import __version__
from insula.kernel.database.doctor import Level, findings
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.asgi import ASGIApp, Receive, Scope, Send
from insula.kernel.mail.choosing import silence_of
from insula.kernel.operations.channels import Channels
from insula.kernel.operations.health import Check, Health
from insula.kernel.operations.installation import Installation
from insula.kernel.operations.lifecycle import PHASES, Lifecycle, Phase
from insula.kernel.operations.logs import AccessLog, configure, log_form
from insula.kernel.operations.metrics import Metrics
from insula.kernel.operations.pages import pages
from insula.kernel.operations.probes import CacheProbe, DatabaseProbe
from insula.kernel.resource.engine import registered_apps
from insula.server.build import build_app
from insula.server.guard import ON_NOTICE
from insula.server.mailbox import mailbox_pages
from insula.server.observer import RequestObserver
from insula.server.platform import Platform, attach_cluster
from insula.server.scheduler import Scheduler

logger: structlog.stdlib.BoundLogger = structlog.get_logger()


class Unsafe(RuntimeError):
    """The database would not keep tenants apart; the message says what to do."""


class Process:
    """One server process: the platform, its phases, and the application over it."""

    def __init__(self, settings: Settings, platform: Platform) -> None:
        self._settings, self._platform = settings, platform
        form = log_form(settings)
        self._channels = Channels(settings.log_dir)
        configure(self._channels, level=settings.log_level, form=form)
        self._scheduler = Scheduler(platform)
        self._probe = DatabaseProbe(
            platform.cluster.app(platform.cluster.control), platform.pools
        )
        self.lifecycle = Lifecycle(self._phases())
        metrics = Metrics(version=__version__, most_tenants=settings.metrics_tenants)
        metrics.watch(self.lifecycle, platform.pools, platform.cache)
        metrics.gauge("live_listeners", "Who hears events.", platform.live.__len__)
        fetch, most = platform.control.fetch, settings.metrics_tenants
        metrics.ask(Installation(fetch, most).families)
        log = AccessLog(self._channels, form)
        self._meter = meter = platform.services.meter
        metrics.gauge(
            "request_rates_lost", "Requests in no tenant's hour.", lambda: meter.lost
        )
        observer = RequestObserver(self.lifecycle, metrics, log, self._meter.count)
        checks = (
            Check("database", self._probe),
            Check("cache", CacheProbe(platform.cache), critical=False),
        )
        self._health = Health(checks, self.lifecycle)
        plain = pages(
            self._health,
            self.lifecycle,
            metrics,
            metrics_token=_plain(settings.metrics_token),
        )
        every = {**plain, **mailbox_pages(settings)}
        self._app = build_app(platform, every, observer)

    def _phases(self) -> tuple[Phase, ...]:
        steps = (
            (self._open_database, self._close_database),
            (self._check_walls, None),
            (self._nothing, self._drop_cache),
            (self._check_tokens, None),
            (self._listen, self._stop_listening),
            (self._watch_health, self._stop_health),
        )
        return tuple(
            Phase(number, name, start, stop)
            for number, (name, (start, stop)) in enumerate(
                zip(PHASES, steps, strict=True), start=1
            )
        )

    async def _open_database(self) -> None:
        await self._channels.start()
        await self._platform.control.fetch("SELECT 1")

    async def _close_database(self) -> None:
        await self._probe.close()
        await self._platform.close()
        await self._channels.stop()

    async def _check_walls(self) -> None:
        """Refuse to serve over a database that would not keep tenants apart (D3)."""
        budget = self._settings.connections
        found = await findings(self._platform.cluster, connections=budget)
        refused = [it for it in found if it.level is Level.refuse]
        if refused:
            reasons = "; ".join(f"{it.message} {it.remedy}" for it in refused)
            raise Unsafe(f"{reasons} See `insula doctor`.")

    async def _nothing(self) -> None:
        """The cache and the layers before the walk are there when they are built."""

    async def _drop_cache(self) -> None:
        self._platform.cache.clear()

    async def _check_tokens(self) -> None:
        """Deriving the keys fails now rather than at the first sign-in."""
        _ = self._platform.identity
        await self._platform.signing_keys.load()

    async def _listen(self) -> None:
        self._platform.listen()
        await self._platform.bus.start()
        await self._platform.provisioning.resume_all()
        if silence := silence_of(self._settings):
            logger.warning("mail.silent", reason=silence)
        await self._meter.start()
        await self._scheduler.start()

    async def _stop_listening(self) -> None:
        await self._scheduler.stop()
        await self._meter.stop()

    async def _watch_health(self) -> None:
        await self._health.start()

    async def _stop_health(self) -> None:
        await self._health.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or begin and end with the server."""
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        if ON_NOTICE in scope:
            scope[ON_NOTICE](self.lifecycle.begin_shutdown)
            scope[ON_NOTICE](self._platform.live.close)
        await receive()
        await self.lifecycle.start()
        calm_garbage_collector()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.lifecycle.stop(self._settings.shutdown_grace)
        await send({"type": "lifespan.shutdown.complete"})


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def calm_garbage_collector() -> None:
    """Leave what start-up made out of every collection, and collect less often.

    Requests make few cycles; the default looks for them every 700 allocations.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def make() -> ASGIApp:
    """The application of this process, from the environment's settings.

    The database was prepared by whoever started the process.
    """
    settings = Settings()
    platform = Platform(settings, attach_cluster(settings), registered_apps())
    return Process(settings, platform)
