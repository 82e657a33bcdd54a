"""The security policy of a tenant: read by many, changed with care."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.access.context import Context
from insula.kernel.access.grants import holds
from insula.kernel.access.networks import Networks
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.access.roles import RoleBook
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.services.audit.noting import note
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.policy import SecurityPolicy

PATH = "/api/v1/security-policy"
SOME = 100
"""Entries of the longest list."""
ORIGIN = re.compile(r"https?://[a-z0-9.-]{1,253}(:[0-9]{1,5})?", re.ASCII)
DOMAIN = re.compile(r"([a-z0-9-]{1,63}\.)+[a-z]{2,63}", re.ASCII)

SAVE = "UPDATE control.tenants SET security = $2, updated_at = now() WHERE id = $1"
Names = Annotated[list[Annotated[str, Field(max_length=255)]], Field(max_length=SOME)]
Method = Literal["password", "magic_link", "passkey", "oidc", "saml"]


class PolicyChange(BaseModel):
    """What is to be otherwise from now on; the rest stays as it is."""

    model_config = ConfigDict(extra="forbid", strict=True)
    verify: Literal["before_login", "grace", "off"] | None = None
    grace_days: Annotated[int, Field(ge=1, le=90)] | None = None
    registration: Literal["closed", "invited", "open"] | None = None
    registration_domains: Names | None = None
    registration_roles: Names | None = None
    mfa: Literal["optional", "required"] | None = None
    methods: Annotated[list[Method], Field(min_length=1)] | None = None
    networks: Names | None = None
    countries_allowed: Names | None = None
    countries_blocked: Names | None = None
    cors_origins: Names | None = None
    linking: bool | None = None
    locale: Literal["en", "de", "ar"] | None = None
    mcp: bool | None = None


class SecurityPolicyOperations:
    """Reading and changing the policy; ``changed`` has every process hear of it."""

    def __init__(
        self,
        control: Control,
        networks: Networks,
        book: Callable[[], RoleBook],
        changed: Callable[[UUID], None],
    ) -> None:
        self._control, self._networks = control, networks
        self._book, self._changed = book, changed

    async def read(self, ctx: Context, _: Call) -> Reply:
        """Tell the policy."""
        return Reply(msgspec.json.encode(ctx.tenant.policy))

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Change some of the policy; nobody locks themselves out with it."""
        given: dict[str, Any] = call.body.model_dump(exclude_none=True)
        known = msgspec.to_builtins(ctx.tenant.policy)
        policy = msgspec.convert({**known, **given}, SecurityPolicy)
        self._check(ctx, policy)
        changes = {
            name: [known[name], value]
            for name, value in given.items()
            if list_or_value(known[name]) != value
        }
        if changes:
            row = "security_policy", ctx.tenant.id
            await note(ctx.session, ctx, "security_policy.update", row, changes)
            await self._control.fetch(SAVE, ctx.tenant.id, msgspec.to_builtins(policy))
            self._changed(ctx.tenant.id)
        return Reply(msgspec.json.encode(policy))

    def _check(self, ctx: Context, policy: SecurityPolicy) -> None:
        self._networks.validate(policy, ctx.client)
        wrong = []
        if not all(map(ORIGIN.fullmatch, policy.cors_origins)):
            told = "Each origin is written as https://app.example.com."
            wrong.append(FieldError("cors_origins", "invalid", told))
        if not all(map(DOMAIN.fullmatch, policy.registration_domains)):
            told = "Each domain is written as example.com, in lower case."
            wrong.append(FieldError("registration_domains", "invalid", told))
        grants = self._book().grants(policy.registration_roles)
        if not all(holds(ctx.actor.grants, it) for it in grants):
            told = "You cannot give others more than you may do yourself."
            wrong.append(FieldError("registration_roles", "too_much", told))
        if wrong:
            raise Invalid(*wrong)

    def operations(self) -> tuple[Operation, ...]:
        """Reading and changing."""
        return (
            Operation(
                name="security.read", method="GET", path=PATH, run=self.read,
                summary="How people are let in", permission="security.read",
                writes=False, answer=_schema,
            ),
            Operation(
                name="security.update", method="PATCH", path=PATH, run=self.change,
                summary="Change how people are let in", permission="security.manage",
                body=PolicyChange, step_up=True, answer=_schema, errors=(Invalid,),
            ),
        )  # fmt: skip


def list_or_value(value: Any) -> Any:
    """A tuple as the list that JSON knows."""
    return list(value) if isinstance(value, tuple) else value


def _schema() -> dict[str, Any]:
    return msgspec.json.schema(SecurityPolicy)["$defs"]["SecurityPolicy"]  # type: ignore[no-any-return]  # untyped there
