"""Deeds: what can be done to many rows of a resource, each by the path of a single one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ValidationError

from insula.kernel.access.context import Context
from insula.kernel.access.features import feature_of, has_feature
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.errors import Denied, Invalid
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.bulk.items import Item, Outcome
from insula.kernel.resource.declaration import Action
from insula.kernel.resource.schemas import field_errors

Record = Mapping[str, Any]
"""A row as it was before, by its fields."""
CREATE, UPDATE, DELETE, RESTORE = "create", "update", "delete", "restore"
PURGE = "purge"
PERMISSIONS = {
    CREATE: "create",
    UPDATE: "update",
    DELETE: "delete",
    RESTORE: "delete",
    PURGE: "purge",
}
REVERSE = {CREATE: DELETE, UPDATE: UPDATE, DELETE: RESTORE, RESTORE: DELETE}
"""What undoes a deed; actions are not undone."""


class MayNot(Denied):
    """This needs the permission {permission}."""


class NotForMany(Denied):
    """This cannot be done to many rows at once: {deed}."""

    code = "BULK_NOT_OFFERED"


class AppGone(Denied):
    """The app {app} is not part of this subscription."""

    code = "APP_NOT_INSTALLED"


def checked(model: type[BaseModel], raw: bytes) -> BaseModel:
    """The body of one row; raises ``Invalid``."""
    try:
        return model.__pydantic_validator__.validate_json(raw)  # type: ignore[no-any-return]  # untyped there
    except ValidationError as error:
        raise Invalid(*field_errors(error)) from None


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that is done to rows of one resource.

    Each row takes the very function that serves it when it is asked for alone: rights,
    masks, scope, audit and events are those of single writes because they are the same.
    """

    api: ResourceApi
    verb: str
    action: Action | None
    common: bytes | None
    """The JSON body of every row, if they have one in common."""

    @property
    def permission(self) -> str:
        """What whoever asks for it must be granted."""
        verb = self.action.permission if self.action else PERMISSIONS[self.verb]
        return f"{self.api.resource.name}.{verb}"

    @property
    def takes_old(self) -> bool:
        """Whether it must be known how the rows were before."""
        return self.verb == UPDATE

    def check(self, ctx: Context) -> None:
        """Raise a ``Denied`` if the actor may not do this, or not any more."""
        app = self.api.resource.app
        if ctx.tenant.apps.get(app) != "active":
            raise AppGone(app=app)
        for permission in (f"{self.api.resource.name}.read", self.permission):
            if ctx.actor.reach(permission) is None:
                raise MayNot(permission=permission)
        feature = None if self.action is None else feature_of(self.action.run)
        tenant = ctx.tenant
        if feature and not has_feature(feature, tenant.features, tenant.limits):
            raise NotForMany(deed=self.verb)

    def body(self, item: Item) -> BaseModel | None:
        """What is said of one row; raises ``Invalid``."""
        model = self._model()
        if model is None:
            return None
        return checked(model, item.body if self.common is None else self.common)

    def _model(self) -> type[BaseModel] | None:
        if self.action is not None:
            return self.action.command
        bodies = {CREATE: self.api.create_body, UPDATE: self.api.patch_body}
        return bodies.get(self.verb)

    async def do(self, ctx: Context, item: Item, old: Record | None) -> Outcome:
        """Do it to one row; raises whatever it would raise for that row alone."""
        body = self.body(item)
        call = Call(self.api.resource.address, version=item.version, body=body)
        call.key = "" if item.row_id is None else str(item.row_id)
        reply = await self._run()(ctx, call)
        if self.verb == CREATE:
            made = UUID(str(reply.location).rpartition("/")[2])
            return Outcome(item.number, made, 1)
        return Outcome(
            item.number,
            item.row_id,
            _version(reply),
            None if old is None or body is None else self._before(old, body),
        )

    def _run(self) -> Callable[[Context, Call], Any]:
        if self.action is not None:
            action = self.action
            return lambda ctx, call: self.api.act(action, ctx, call)
        runs = {
            CREATE: self.api.create,
            UPDATE: self.api.patch,
            DELETE: self.api.throw_away,
            RESTORE: self.api.restore,
            PURGE: self.api.purge,
        }
        return runs[self.verb]

    def _before(self, old: Record, body: BaseModel) -> bytes:
        """The fields that change, as they were."""
        facets, sent = self.api.shape.facets, body.model_fields_set - {"version"}
        values = {name: facets[name].loaded(old[name]) for name in sent}
        new = body.__dict__
        for name in (it for it in sent if facets[it].field.merged):
            values[name] = {key: values[name].get(key) for key in new[name]}
        return msgspec.json.encode({k: v for k, v in values.items() if v != new[k]})


def _version(reply: Reply) -> int | None:
    return None if reply.etag is None else int(reply.etag.strip('"'))


def deed_of(api: ResourceApi, verb: str, common: bytes | None = None) -> Deed:
    """What can be done to many rows of a resource; raises ``NotForMany``."""
    resource = api.resource
    action = resource.actions.get(verb)
    if verb in resource.without or (action is not None and action.step_up):
        raise NotForMany(deed=verb)
    if action is None and verb not in _plain(api):
        raise NotForMany(deed=verb[:80])
    return Deed(api, verb, action, common)


def _plain(api: ResourceApi) -> set[str]:
    gone = {RESTORE, PURGE} if DELETE in api.resource.without else set()
    fixed = set() if api.shape.changeable else {UPDATE}
    return set(PERMISSIONS) - api.resource.without - gone - fixed


def offers_bulk(api: ResourceApi) -> bool:
    """Whether many rows of a resource can be written at once: those of apps are."""
    return bool(api.resource.app) and api.shape.trashable
