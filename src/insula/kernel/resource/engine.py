"""The engine room: all registered apps, and every operation that follows from them."""

from collections.abc import (
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import entry_points
from uuid import UUID

from sqlalchemy.orm import configure_mappers

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.features import feature_of
from insula.kernel.access.grants import NO_FIELDS
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.access.roles import RoleBook
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.cache.invalidation import ROWS
from insula.kernel.foundation.languages import Languages
from insula.kernel.resource.aggregates.answering import Aggregator
from insula.kernel.resource.aggregates.operation import aggregate_operation
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.app import App, View
from insula.kernel.resource.children import Family
from insula.kernel.resource.commands import Desk
from insula.kernel.resource.custom.book import CustomBook
from insula.kernel.resource.declaration import DeclarationError
from insula.kernel.resource.deriving import derive
from insula.kernel.resource.exports.exporting import Exporter
from insula.kernel.resource.exports.operation import export_operation
from insula.kernel.resource.imports.importing import Importer
from insula.kernel.resource.imports.operation import import_operation
from insula.kernel.resource.links import following
from insula.kernel.resource.merging.forwarding import forwarding, forwards
from insula.kernel.resource.reports.registering import Reports
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.violations import Breach, breaches
from insula.kernel.resource.writers import Writers

GROUP = "insula.apps"
"""The entry-point group in which a wheel announces its app; ours do the same."""
SCHEMA = "#/components/schemas/{model}"


def registered_apps() -> tuple[App, ...]:
    """The apps that are installed beside the platform: the base apps, then the others.

    That is the order of their migrations too: every app may refer to rows of base apps.

    Raises ``DeclarationError`` for two apps of one name, or what is no app.
    """
    found: dict[str, App] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda it: it.name):
        app = entry.load()
        if not isinstance(app, App) or app.name != entry.name:
            raise DeclarationError(f"{entry.value} is not the app {entry.name}")
        if app.name in found:
            raise DeclarationError(f"two packages bring an app {app.name}")
        found[app.name] = app
    return tuple(sorted(found.values(), key=lambda it: not it.always))


class UnknownResource(LookupError):
    """No registered app has a resource of that name."""


def _refuse_shared_keys(apps: Iterable[App]) -> None:
    """Two views under one key would answer for each other."""
    keys = [it.cache_key for app in apps for it in app.views if it.cache_key]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise DeclarationError(f"two views are kept under {', '.join(sorted(twice))}")


class Engine:
    """What the declarations of all apps amount to."""

    def __init__(
        self,
        apps: Iterable[App],
        *,
        secret: bytes,
        cache: Cache,
        changed: Callable[[UUID], None],
        languages: Languages | None = None,
    ) -> None:
        self._languages = languages or Languages(())
        self.apps: Mapping[str, App] = {app.name: app for app in apps}
        configure_mappers()  # only then can rows be made from records
        self._writers = Writers()
        self.custom = self._writers.book = CustomBook(cache)
        self._cache, self._changed = cache, changed
        _refuse_shared_keys(self.apps.values())
        self._apis = {
            resource.name: ResourceApi(resource, self._writers, secret, changed)
            for app in self.apps.values()
            for resource in app.resources
        }
        for api in self._apis.values():
            api.includable()  # whatever contradicts itself is told now
        self._types = {api.resource.type: api for api in self._apis.values()}
        commands = {app.name: app.commands for app in self.apps.values()}
        self.desk = self._writers.desk = Desk(commands, self._apis)
        told = cache, self._languages
        self.reports = Reports(self.apps.values(), self._apis, self._writers, *told)
        self.tasks = _tasks(self.apps.values())
        self.roles = RoleBook(
            {
                role: grants
                for app in self.apps.values()
                for role, grants in app.role_grants().items()
            }
        )

    def api(self, name: str) -> ResourceApi:
        """The operations of ``app.resources``; raises ``UnknownResource``."""
        found = self._apis.get(name)
        if found is None:
            raise UnknownResource(f"{name}: known are {', '.join(self._apis)}")
        return found

    def importer(self, name: str) -> Importer:
        """What imports files into ``app.resources``; raises ``UnknownResource``."""
        return Importer(self.api(name), self.api, self._changed)

    def exporter(self, name: str) -> Exporter:
        """What writes ``app.resources`` to files; raises ``UnknownResource``."""
        return Exporter(self.api(name), self.api)

    def hidden_from(self, actor: Actor, kind: str) -> frozenset[str]:
        """The fields of a type, ``crm.deal``, that are not shown to somebody."""
        api = self._types.get(kind)
        return NO_FIELDS if api is None else api.writer.masking.of(actor).hide

    @property
    def apis(self) -> Sequence[ResourceApi]:
        """The operations of every resource."""
        return tuple(self._apis.values())

    def _derived(self, api: ResourceApi) -> Iterator[Operation]:
        links = api.shape.links
        for it in derive(api, self._family(api)):
            if it.name == f"{api.resource.name}.read" and forwards(api):
                it = replace(it, run=forwarding(api, it.run))  # read on
            if links and it.name == f"{api.resource.name}.read":
                yield replace(it, run=following(self._apis, it.run, links))
            else:
                yield it

    def _family(self, api: ResourceApi) -> Family | None:
        """A resource with those that are written with it, if there are any."""
        names = [child.name for child in api.resource.children]
        return Family(api, [self.api(name) for name in names]) if names else None

    def breaches(self) -> Mapping[str, Breach]:
        """Every constraint that a write can run into."""
        return breaches(api.resource for api in self.apis)

    def operations(self) -> tuple[Operation, ...]:
        """Every operation of every app."""
        found = [it for api in self.apis for it in self._derived(api)]
        found += [
            import_operation(self.importer(api.resource.name), self._languages)
            for api in self.apis
            if api.shape.trashable and "create" not in api.resource.without
        ]
        found += [
            export_operation(self.exporter(api.resource.name))
            for api in self.apis
            if "list" not in api.resource.without
        ]
        found += [
            aggregate_operation(Aggregator(api, self._writers))
            for api in self.apis
            if api.resource.aggregates.measures and "list" not in api.resource.without
        ]
        for app in self.apps.values():
            found += [self._view(app, view) for view in app.views]
        found += [operation for _, operation in self.reports.operations()]
        return tuple(found)

    def _view(self, app: App, view: View) -> Operation:
        async def run(ctx: Context, _: Call) -> Reply:
            return Reply(await self._read(ctx, app, view))

        return Operation(
            name=f"{app.name}.{view.path}.read",
            method="GET",
            path=f"/api/v1/{app.name}/{view.path}",
            run=run,
            summary=view.summary,
            permission=f"{app.name}.{view.path}.read",
            app=None if app.always else app.name,
            feature=feature_of(view.run),
            writes=False,
            answer=partial(view.answer.model_json_schema, ref_template=SCHEMA),
        )

    async def _read(self, ctx: Context, app: App, view: View) -> bytes:
        """The answer of a view as JSON, from the cache where it may be."""
        work_out = partial(self._work_out, ctx, view)
        if view.cached is None or ctx.actor.qualified or ctx.actor.masks:
            return await work_out()  # what is kept is for whoever sees everything
        kept_as = view.cache_key or f"{app.name}.{view.path}"
        return await self._cache.of(ctx.tenant.id).remember(
            f"{kept_as}:{ctx.tenant.id}",
            CacheClass.dashboard,
            work_out,
            tags=(ROWS, app.name),
            ttl=view.cached.total_seconds(),
        )

    async def _work_out(self, ctx: Context, view: View) -> bytes:
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            return (await view.run(work)).model_dump_json().encode()

    @asynccontextmanager
    async def work(self, ctx: Context) -> AsyncIterator[WorkContext]:
        """One transaction in which rows are read and written; it commits at the end."""
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            yield work
            await work.flush()
        self._changed(ctx.tenant.id)

    async def fill(self, ctx: Context, app: App) -> None:
        """Give a tenant the app's demonstration data."""
        if app.demo is not None:
            async with self.work(ctx) as work:
                await app.demo(work)


def _tasks(apps: Iterable[App]) -> Mapping[str, Task]:
    found: dict[str, Task] = {}
    for task in (task for app in apps for task in app.tasks):
        if task.name in found:
            raise DeclarationError(f"two tasks are called {task.name}")
        found[task.name] = task
    return found
