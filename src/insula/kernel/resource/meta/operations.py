"""The operations of metadata: what a console asks before it shows a screen."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.languages import Catalog, Languages, told
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.meta.contract import (
    AppEntry,
    Boot,
    CallerEntry,
    Label,
    QuotaMeta,
    ResourceEntry,
    ResourceMeta,
    SavedViewMeta,
    TenantEntry,
)
from insula.kernel.resource.meta.custom import with_added
from insula.kernel.resource.meta.describing import Describer, Say
from insula.kernel.resource.meta.labels import label_of
from insula.kernel.resource.references import References

REF = "#/components/schemas/{model}"
SavedViews = Callable[[Context, str], Awaitable[Sequence[SavedViewMeta]]]
MOST_KEPT = 512
"""Descriptions that are kept, of one resource for one set of rights in one language."""


class MetaOperations:
    """Answers what there is in a tenant for a caller; ``every`` are all operations.

    ``saved`` knows the views of a resource that a caller may use.
    """

    def __init__(
        self,
        engine: Engine,
        every: Callable[[], Sequence[Operation]],
        languages: Languages,
        saved: SavedViews,
    ) -> None:
        self._saved = saved
        self._engine, self._every, self._languages = engine, every, languages
        self._kept: OrderedDict[object, ResourceMeta] = OrderedDict()

    def operations(self) -> tuple[Operation, ...]:
        """The menu, and one resource."""
        return (
            Operation(
                name="meta.list",
                method="GET",
                path="/api/v1/meta",
                run=self.boot,
                summary="What there is here for you",
                writes=False,
                answer=_schema(Boot),
            ),
            Operation(
                name="meta.read",
                method="GET",
                path="/api/v1/meta/{id}",
                run=self.read,
                summary="A resource as a screen needs it",
                writes=False,
                answer=_schema(ResourceMeta),
                errors=(NotFound,),
            ),
        )

    async def boot(self, ctx: Context, call: Call) -> Reply:
        """The menu: what the caller can open, and what they can do there."""
        catalog, say = self._spoken(ctx, call)
        tenant, actor = ctx.tenant, ctx.actor
        found = Boot(
            language="en" if catalog is None else catalog.language,
            languages=list(self._languages.offered),
            tenant=TenantEntry(id=str(tenant.id), slug=tenant.slug, name=tenant.name),
            caller=CallerEntry(
                id=None if actor.id is None else str(actor.id),
                kind=actor.kind.value,
                roles=list(actor.roles),
            ),
            apps=[
                AppEntry(name=app.name, title=say(app.title), version=app.version)
                for app in self._engine.apps.values()
                if tenant.apps.get(app.name) == "active"
            ],
            resources=[
                ResourceEntry(
                    name=api.resource.name,
                    app=api.resource.app or None,
                    label=_label(api, say),
                    path=api.resource.address,
                    can=can,
                )
                for api, can in self._open(ctx)
            ],
            features=dict(tenant.features or {}),
            limits=dict(tenant.limits),
        )
        return _reply(found, catalog)

    async def read(self, ctx: Context, call: Call) -> Reply:
        """One resource; one that the caller may not read is not found."""
        opened = {api.resource.name: (api, can) for api, can in self._open(ctx)}
        if call.key not in opened:
            raise NotFound
        api, can = opened[call.key]
        catalog, say = self._spoken(ctx, call)
        mask = api.writer.masking.of(ctx.actor)
        language = None if catalog is None else catalog.language
        rights = frozenset(name for name, yes in can.items() if yes)
        key = call.key, language, rights, mask.hide, mask.freeze, frozenset(opened)
        found = self._kept.get(key)
        if found is None:
            found = self._kept[key] = self._describers[call.key].describe(
                say,
                can,
                hidden=mask.hide,
                frozen=mask.freeze,
                related=frozenset(opened),
            )
            if len(self._kept) > MOST_KEPT:
                self._kept.popitem(last=False)
        if (custom := api.writer.custom) is not None:
            found = with_added(found, await custom.of(ctx), language)
        limits = ctx.tenant.limits
        if call.key in limits:
            quota = QuotaMeta(key=call.key, limit=limits[call.key])
            found = found.model_copy(update={"quota": quota})
        if saved := await self._saved(ctx, call.key):
            found = found.model_copy(update={"saved": saved})
        return _reply(found, catalog)

    def _spoken(self, ctx: Context, call: Call) -> tuple[Catalog | None, Say]:
        usual = ctx.actor.locale, ctx.tenant.policy.locale
        catalog = self._languages.choose(call.headers, usual)
        return catalog, lambda text: told(text, catalog)

    def _open(self, ctx: Context) -> Iterable[tuple[ResourceApi, dict[str, bool]]]:
        """The resources whose rows the caller may read, and what else they may."""
        for api in self._engine.apis:
            app = api.resource.app
            if app and not self._has(ctx, self._engine.apps[app]):
                continue
            operations = self._of.get(api.resource.name, {})
            if "list" not in operations or not _may(ctx.actor, operations["list"]):
                continue
            yield (
                api,
                {
                    verb: _may(ctx.actor, operation)
                    for verb, operation in operations.items()
                },
            )

    @staticmethod
    def _has(ctx: Context, app: App) -> bool:
        return app.always or ctx.tenant.apps.get(app.name) == "active"

    @cached_property
    def _of(self) -> Mapping[str, Mapping[str, Operation]]:
        """By resource: its operations by their last name."""
        found: dict[str, dict[str, Operation]] = {}
        for operation in self._every():
            if operation.audience is Audience.tenant:
                resource, _, verb = operation.name.rpartition(".")
                found.setdefault(resource, {})[verb] = operation
        return found

    @cached_property
    def _describers(self) -> Mapping[str, Describer]:
        references = References(it.resource for it in self._engine.apis)
        events = [it.name for app in self._engine.apps.values() for it in app.events]
        return {
            api.resource.name: Describer(
                api,
                references,
                tuple(self._of.get(api.resource.name, {}).values()),
                [it for it in events if it.startswith(f"{api.resource.type}.")],
            )
            for api in self._engine.apis
        }


def _may(actor: Actor, operation: Operation) -> bool:
    permission = operation.permission
    if permission is None or actor.may(permission):
        return True
    return operation.scoped and actor.reach(permission) is not None


def _label(api: ResourceApi, say: Say) -> Label:
    resource = api.resource
    return Label(
        one=say(label_of(resource.singular)), many=say(label_of(resource.plural))
    )


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(ref_template=REF)


def _reply(found: BaseModel, catalog: Catalog | None) -> Reply:
    language = "en" if catalog is None else catalog.language
    return Reply(
        found.model_dump_json(exclude_none=True).encode(),
        headers=((b"content-language", language.encode()),),
    )
