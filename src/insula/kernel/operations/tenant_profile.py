"""The tenant's profile: what an organisation says of itself, to whoever belongs to it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import available_timezones

import msgspec
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Invalid
from insula.kernel.services.audit.noting import note
from insula.kernel.tenancy.control import Control

PATH = "/api/v1/tenant"
LARGEST_SETTINGS = 16_384
READ = "SELECT id, slug, name, settings FROM control.tenants WHERE id = $1"
SAVE = """
UPDATE control.tenants
   SET name = coalesce($2, name), settings = settings || $3, updated_at = now()
 WHERE id = $1"""


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise PydanticCustomError("time_zone_unknown", "no time zone is called so")
    return value


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(value)) > LARGEST_SETTINGS:
        raise PydanticCustomError("settings_too_large", "at most 16 KiB as JSON")
    return value


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)  # it stands for a name that was not sent


Zone = Annotated[
    str, AfterValidator(_zone), Field(max_length=64, examples=["Europe/Berlin"])
]
Logo = Annotated[
    str,
    Field(
        max_length=1000,
        pattern=r"^https://[\x21-\x7e]+$",
        examples=["https://example.com/logo.svg"],
    ),
]
Settings = Annotated[dict[str, Any], AfterValidator(_small)]


class ProfileChange(BaseModel):
    """What is to be otherwise from now on; null takes away, the rest stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    name: Annotated[
        str, Field(min_length=1, max_length=255, json_schema_extra=_drop_default)
    ] = ""
    description: Annotated[str, Field(max_length=2000)] | None = None
    logo_url: Logo | None = None
    timezone: Zone | None = None
    settings: Settings = Field(default_factory=dict)


class Profile(msgspec.Struct, frozen=True):
    """What is told of a tenant; ``settings`` are whatever its own programs keep there."""

    id: UUID
    slug: str
    name: str
    description: str | None
    logo_url: str | None
    timezone: str | None
    settings: dict[str, Any]


class TenantProfile:
    """Reading and changing the profile; ``changed`` has every process hear of it."""

    def __init__(self, control: Control, changed: Callable[[UUID], None]) -> None:
        self._control, self._changed = control, changed

    async def read(self, ctx: Context, _: Call) -> Reply:
        """Tell it."""
        return Reply(msgspec.json.encode(await self._profile(ctx.tenant.id)))

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Change some of it."""
        sent = call.body.model_fields_set
        given = {name: getattr(call.body, name) for name in sent}
        tenant_id = ctx.tenant.id
        before = msgspec.to_builtins(await self._profile(tenant_id))
        changes = {k: [before[k], it] for k, it in given.items() if before[k] != it}
        if changes:
            row = "tenant", tenant_id
            await note(ctx.session, ctx, "tenant.update", row, changes)
            name = given.pop("name", None)
            await self._control.fetch(SAVE, tenant_id, name, given)
            self._changed(tenant_id)
        return await self.read(ctx, call)

    async def _profile(self, tenant_id: UUID) -> Profile:
        (row,) = await self._control.fetch(READ, tenant_id)
        kept: Mapping[str, Any] = msgspec.json.decode(row["settings"])
        return Profile(
            id=row["id"],
            slug=row["slug"],
            name=row["name"],
            description=kept.get("description"),
            logo_url=kept.get("logo_url"),
            timezone=kept.get("timezone"),
            settings=kept.get("settings", {}),
        )

    def operations(self) -> tuple[Operation, ...]:
        """Reading, by whoever belongs to the tenant, and changing."""
        return (
            Operation(
                name="tenant.read", method="GET", path=PATH, run=self.read,
                summary="What your organisation says of itself", writes=False,
                answer=_schema,
            ),
            Operation(
                name="tenant.update", method="PATCH", path=PATH, run=self.change,
                summary="Change what your organisation says of itself",
                permission="tenant.manage", body=ProfileChange, answer=_schema,
                errors=(Invalid,),
            ),
        )  # fmt: skip


def _schema() -> dict[str, Any]:
    return msgspec.json.schema(Profile)["$defs"]["Profile"]  # type: ignore[no-any-return]  # untyped there
