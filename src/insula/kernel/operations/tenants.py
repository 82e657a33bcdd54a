"""What operators do to tenants, as operations of the ``admin`` host."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.access.operation import (
    Audience,
    Call,
    Operation,
    Parameter,
    Reply,
    summary_of,
)
from insula.kernel.catalog.installations import Installations, InstallationView
from insula.kernel.database.home import Isolation
from insula.kernel.foundation.errors import BadRequest, Conflict, Invalid, NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words
from insula.kernel.identity.passwords import (
    PasswordWeak,
    check_password,
    hash_password,
)
from insula.kernel.tenancy.models import PUBLIC_STATUS
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.kernel.tenancy.provisioning import Provisioning
from insula.kernel.tenancy.views import TenantView

STRICT = ConfigDict(extra="forbid", strict=True)


class TenantCreate(BaseModel):
    """A tenant to be made, with its owner."""

    model_config = STRICT
    slug: str = Field(min_length=2, max_length=100)
    name: str = Field(min_length=1, max_length=255)
    isolation: Isolation | None = Field(default=None, strict=False)
    owner_email: str | None = Field(default=None, max_length=255, pattern=r"^\S+@\S+$")
    owner_name: str = Field(default="Owner", max_length=255)
    owner_password: SecretStr | None = None
    plan: str | None = Field(default=None, max_length=50)
    domain: str | None = Field(default=None, max_length=255)


class TenantSuspend(BaseModel):
    """Why a tenant is suspended."""

    model_config = STRICT
    reason: str = Field(min_length=1, max_length=500)


class AppName(BaseModel):
    """An app, by its name."""

    model_config = STRICT
    app: str = Field(min_length=1, max_length=100)


class BadTenantQuery(BadRequest):
    """The query is not understood: {reason}."""

    code = "INVALID_QUERY"


PER_PAGE, MOST_PER_PAGE = 15, 100
STATUSES = sorted(set(PUBLIC_STATUS.values()))
PARAMETERS = (
    Parameter("search", "Only tenants with this in their slug or name."),
    Parameter("status", "Only tenants with this status.", {"enum": STATUSES}),
    Parameter(
        "per_page",
        "Tenants a page.",
        {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE},
    ),
    Parameter("cursor", "Where the page starts: `meta.pagination.next_cursor`."),
)
REF = "#/components/schemas/{model}"


def _item(view: TenantView) -> dict[str, Any]:
    return {"type": "tenant", **msgspec.to_builtins(view)}


def _app(view: InstallationView) -> dict[str, Any]:
    return {"type": "installation", **msgspec.to_builtins(view)}


def _schema(of: type[Any] = TenantView, kind: str = "tenant") -> dict[str, Any]:
    schema = TypeAdapter(of).json_schema(mode="serialization", ref_template=REF)
    schema["title"] = kind.title()
    schema["properties"]["type"] = {"const": kind}
    schema["required"] = ["type", *schema["required"]]
    return {**schema, "additionalProperties": False}


_app_schema = partial(_schema, InstallationView, "installation")


def _many(one: Callable[[], dict[str, Any]]) -> Callable[[], Mapping[str, Any]]:
    def schema() -> Mapping[str, Any]:
        items = one()
        parts = items.pop("$defs", {})
        return {"type": "array", "items": items, "$defs": parts}

    return schema


def _reply(value: object, **more: Any) -> Reply:
    return Reply(msgspec.json.encode(value), **more)


def _id(call: Call) -> UUID:
    found = parse_uuid(call.key)
    if found is None:
        raise NotFound
    return found


def _checked(query: Mapping[str, str]) -> tuple[str | None, int]:
    """The status and the size of a page; raises ``BadTenantQuery``."""
    unknown = query.keys() - {it.name for it in PARAMETERS}
    if unknown:
        raise BadTenantQuery(
            reason=Words("there is no parameter '{name}'", name=min(unknown)[:80])
        )
    status, size = query.get("status"), query.get("per_page", str(PER_PAGE))
    if status is not None and status not in STATUSES:
        raise BadTenantQuery(
            reason=Words("status is one of {names}", names=", ".join(STATUSES))
        )
    if not (size.isascii() and size.isdigit() and len(size) < 6 and int(size)):
        raise BadTenantQuery(
            reason=Words("per_page is a number from 1 to {most}", most=MOST_PER_PAGE)
        )
    return status, min(int(size), MOST_PER_PAGE)


async def _hashed(body: TenantCreate) -> str | None:
    """The owner's password as it is kept; raises ``PasswordWeak``."""
    if body.owner_password is None:
        return None
    password = body.owner_password.get_secret_value()
    context = body.slug, body.name, body.owner_name, body.owner_email or ""
    try:
        check_password(password, context)
    except PasswordWeak as weak:
        faults = (replace(it, field="owner_password") for it in weak.fields)
        raise PasswordWeak(*faults) from None
    return await hash_password(password)


class TenantOperations:
    """The operators' view of tenants: the same service as the command line's."""

    def __init__(
        self, provisioning: Provisioning, installations: Installations
    ) -> None:
        self._provisioning, self._installations = provisioning, installations

    async def list(self, _: Context, call: Call) -> Reply:
        """Tenants by their slugs, those that match ``search`` if it is given."""
        query = call.query
        status, per_page = _checked(query)
        views = await self._provisioning.list(
            search=query.get("search", ""),
            status=status,
            after=query.get("cursor", ""),
            limit=per_page + 1,
        )
        page = views[:per_page]
        cursor = page[-1].slug if len(views) > per_page else None
        items = [_item(view) for view in page]
        return _reply(items, per_page=per_page, next_cursor=cursor)

    async def read(self, _: Context, call: Call) -> Reply:
        """One tenant."""
        return _reply(_item(await self._provisioning.find(_id(call))))

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Provision a tenant; answers when it is active or entirely gone again."""
        body: TenantCreate = call.body
        view = await self._provisioning.create(
            NewTenant(
                slug=body.slug,
                name=body.name,
                isolation=body.isolation,
                owner_email=body.owner_email,
                owner_name=body.owner_name,
                owner_password_hash=await _hashed(body),
                plan=body.plan,
                domain=body.domain,
            ),
            by=ctx.actor.id,
        )
        return _reply(_item(view), status=201, location=f"{call.path}/{view.id}")

    async def suspend(self, ctx: Context, call: Call) -> Reply:
        """Refuse a tenant's requests until it is resumed; nothing is lost."""
        done = self._provisioning.suspend
        return _reply(_item(await done(_id(call), call.body.reason, by=ctx.actor.id)))

    async def resume(self, ctx: Context, call: Call) -> Reply:
        """Let a suspended tenant in again."""
        done = self._provisioning.resume
        return _reply(_item(await done(_id(call), by=ctx.actor.id)))

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Close a tenant; within the days of grace it can be restored."""
        done = self._provisioning.delete
        return _reply(_item(await done(_id(call), by=ctx.actor.id)))

    async def restore(self, ctx: Context, call: Call) -> Reply:
        """Bring back a deleted tenant within its days of grace."""
        done = self._provisioning.restore
        return _reply(_item(await done(_id(call), by=ctx.actor.id)))

    async def apps(self, _: Context, call: Call) -> Reply:
        """The apps of a tenant, and whether each is active."""
        tenant_id = (await self._provisioning.find(_id(call))).id
        return _reply([_app(it) for it in await self._installations.list(tenant_id)])

    async def install(self, ctx: Context, call: Call) -> Reply:
        """Subscribe a tenant to an app."""
        done = self._installations.install
        return _reply(_app(await done(_id(call), call.body.app, by=ctx.actor.id)))

    async def uninstall(self, ctx: Context, call: Call) -> Reply:
        """End a tenant's subscription to an app; its rows are kept."""
        done = self._installations.uninstall
        return _reply(_app(await done(_id(call), call.body.app, by=ctx.actor.id)))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        many, one = "/api/v1/tenants", "/api/v1/tenants/{id}"

        def made(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
            return Operation(
                name=f"tenants.{name}",
                method=method,
                path=path,
                run=run,
                audience=Audience.operator,
                permission=f"tenants.{more.pop('permission', name)}",
                summary=summary_of(run),
                writes=method != "GET",
                **{"answer": _schema, **more},
            )

        missing = {"errors": (NotFound, Conflict)}
        app = {"body": AppName, "answer": _app_schema, "permission": "apps", **missing}
        return (
            made(
                "list", "GET", many, self.list, permission="read", paged=True,
                answer=_many(_schema), parameters=PARAMETERS, errors=(BadTenantQuery,),
            ),
            made("read", "GET", one, self.read, **missing),
            made(
                "create", "POST", many, self.create, body=TenantCreate, status=201,
                errors=(Conflict, Invalid),
            ),
            made(
                "suspend", "POST", f"{one}/suspend", self.suspend, body=TenantSuspend,
                **missing,
            ),
            made("resume", "POST", f"{one}/resume", self.resume, **missing),
            made("delete", "DELETE", one, self.delete, **missing),
            made("restore", "POST", f"{one}/restore", self.restore, **missing),
            made(
                "apps", "GET", f"{one}/apps", self.apps, answer=_many(_app_schema),
                **missing,
            ),
            made("install", "POST", f"{one}/apps", self.install, **app),
            made("uninstall", "POST", f"{one}/apps/uninstall", self.uninstall, **app),
        )  # fmt: skip


Run = Callable[[Context, Call], Awaitable[Reply]]
