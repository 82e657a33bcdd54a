"""Samples: valid bodies and rows of whatever resources there are, from their schemas.

A field's ``examples`` come first; any other value follows from its JSON Schema. Texts
carry the mark of who made them and a number, so that no two are alike and each can be
found again in an answer.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import BaseModel
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Operation
from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.imports.mapping import KERNEL_OWN
from insula.kernel.resource.schemas import create_schema
from insula.kernel.storage.places import Folder, new_name
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller
from tests.values import Values, schema_of

Row = dict[str, Any]
LATE = "2100-01-01T00:00:00+00:00"
MARKED = re.compile(r"[a-z]+\d{5}(\.\S+@\S+)?")
NOTIFICATIONS = "notifications"
"""A table with operations of its own, which no resource explains."""
NOTIFY = Statement(
    "INSERT INTO home__.notifications (tenant_id, id, version, created_at, updated_at,"
    " user_id, kind, title, body, in_app, digest_due)"
    " VALUES ($1::text::uuid, $2, 1, $3, $3, $4, 'mail.test', $5, '', true, false)"
)


SESSIONS = "sessions"
"""Another: each user ends their own."""
SIGN_IN = Statement(
    "INSERT INTO home__.sessions (tenant_id, id, created_at, user_id, refresh_hash,"
    " generation, expires_at, client) VALUES ($1::text::uuid, $2, $3::timestamptz, $4,"
    " $5, 0, $3::timestamptz + interval '1 day', '127.0.0.1')"
)
COMMENTS = "comments"
"""Another: what is said of a row, which is where it is said."""
SUPPORT = "support_accesses"
"""A table of the operators' about a tenant, which no resource explains either."""
ASK = """
INSERT INTO control.support_accesses
       (id, tenant_id, admin_id, operator, reason, kind, scope, hours, state)
VALUES ($1, $2, $3, 'ops@insula.test', $4, 'consent', 'read', 4, 'requested')
"""


class Samples:
    """Makes rows of one tenant, those first that others refer to."""

    def __init__(
        self,
        caller: Caller,
        apis: Iterable[ResourceApi],
        tenant: Tenant,
        session: Session,
        mark: str,
        control: Control,
    ) -> None:
        self.caller, self.values, self._control = caller, Values(mark), control
        self.apis = {api.resource.table.name: api for api in apis}
        nobody = Actor(ActorKind.system, None)
        self._ctx = Context(nobody, tenant=tenant, session=session)
        self.rows: dict[str, Row] = {}
        self._given: Mapping[str, Callable[[], str | None]] = {
            "requested_by": lambda: str(caller.actor_id),
            "owner_id": lambda: str(caller.actor_id),
            "expires_at": lambda: LATE,
            "storage_key": lambda: new_name(Folder.attachments),
            "locale": lambda: "de",
            "slot": lambda: None,  # the name of a column; the kernel gives them out
        }
        self.secrets: set[str] = set()
        self._pending: set[str] = set()

    async def fill(self) -> None:
        """Make one row of every resource, and of what else has operations."""
        for table in (*self.apis, NOTIFICATIONS, SESSIONS, SUPPORT):
            await self.row(table)

    async def row(self, table: str) -> Row | None:
        """The row of a table that others refer to; None while it is being made."""
        if table not in self.rows and table not in self._pending:
            self._pending.add(table)
            self.rows[table] = await self.another(table)
            self._pending.discard(table)
        return self.rows.get(table)

    async def another(self, table: str, *, having: str = "") -> Row:
        """Another row of a table."""
        if table == NOTIFICATIONS:
            return await self._notified()
        if table == SESSIONS:
            return await self._signed_in()
        if table == COMMENTS:
            return await self._commented()
        if table == SUPPORT:
            return await self._supported()
        return await self.new(self.apis[table], having=having)

    async def new(self, api: ResourceApi, *, having: str = "") -> Row:
        """Another row, in which ``having`` is not left out."""
        row, _ = await self.made(api, having=having)
        return row

    async def made(
        self, api: ResourceApi, *, having: str = ""
    ) -> tuple[Row, frozenset[str]]:
        """Another row, and the fields that were said of it."""
        offered = creatable(api)
        model = api.create_body if offered else _whole(api)
        make = self._post if offered else self._insert
        refused: object = None
        async for body in self._bodies(model, api, having):
            refused = await make(api, model, body)
            if isinstance(refused, dict):
                self.secrets |= secrets_of(refused)
                return refused, frozenset(body)
        raise AssertionError(f"no sample of {api.resource.name} is taken: {refused}")

    async def understood(
        self, operation: Operation, api: ResourceApi | None, *, having: str = ""
    ) -> frozenset[str]:
        """The fields of a body that an operation takes, or refuses for its state."""
        refused: object = None
        assert operation.body is not None
        async for body in self._bodies(operation.body, api, having):
            refused = await self.caller.post(operation.path, body)
            if refused.status < 300 or refused.status == 409:
                self.secrets |= secrets_of(refused.body)
                return frozenset(body)
        raise AssertionError(f"no body of {operation.name} is taken: {refused}")

    async def body(
        self,
        model: type[BaseModel],
        api: ResourceApi | None,
        keys: Iterable[str] | None = None,
    ) -> Row:
        """A body of new values, of these fields or of all that can be filled."""
        schema = schema_of(model)
        parts: Mapping[str, Any] = schema.get("$defs", {})
        made: Row = {}
        for name, field in schema.get("properties", {}).items():
            if name == "version" or (keys is not None and name not in keys):
                continue
            table = self.target(api, name)
            if name in self._given:
                made[name] = self._given[name]()
                continue
            if table is None:
                made[name] = self.values.value(field, parts)
                continue
            fresh = api is not None and name in _apart(api)
            row = await (self.another(table) if fresh else self.row(table))
            if row is not None:
                made[name] = row["id"]
        return made

    def target(self, api: ResourceApi | None, name: str) -> str | None:
        """The table that a field refers to, as declared or, in a command, by its name.

        ``endpoint_id`` is a ``webhook_endpoint`` too, if nothing else ends so.
        """
        facet = None if api is None else api.shape.facets.get(name)
        if facet is not None and (facet.field.target or facet.cast != "uuid"):
            return facet.field.target
        app = "" if api is None else api.resource.app
        known = {
            f"{it.resource.singular}_id": table
            for table, it in self.apis.items()
            if it.resource.app == app
        }
        ending = [table for key, table in known.items() if key.endswith(f"_{name}")]
        return known.get(name) or (ending[0] if len(ending) == 1 else None)

    async def _bodies(
        self, model: type[BaseModel], api: ResourceApi | None, having: str
    ) -> AsyncIterator[Row]:
        """Bodies to try, the fullest first: some fields do not go together."""
        full = await self.body(model, api)
        needed = {*schema_of(model).get("required", ()), having}
        optional = [name for name in full if name not in needed]
        yield full
        for name in optional:
            yield {key: full[key] for key in full if key != name}
        yield {key: full[key] for key in full if key in needed}
        for name in optional:
            yield {key: full[key] for key in full if key in {*needed, name}}

    async def _post(self, api: ResourceApi, _: type[BaseModel], body: Row) -> object:
        answer = await self.caller.post(path_of(api), body)
        return answer.data if answer.status == 201 else answer

    async def _insert(
        self, api: ResourceApi, model: type[BaseModel], body: Row
    ) -> object:
        """Write a row that callers cannot make, as the kernel would."""
        values = api.new_values(model.model_validate_json(json.dumps(body)))
        statement, args, _ = api.writer.create(values, self._ctx)
        try:
            await self._ctx.session.fetch(statement, *args)
        except asyncpg.IntegrityConstraintViolationError as error:
            return error
        if "read" in api.resource.without:
            return json.loads(api.writer.encode(values))
        return (await self.caller.get(f"{path_of(api)}/{values['id']}")).data

    async def _notified(self) -> Row:
        """Tell the caller something, as the kernel would."""
        key, title = uuid7(), self.values.text()
        moment, user = datetime.now(UTC), self.caller.actor_id
        async with self._ctx.session.transaction() as transaction:
            await transaction.fetch(NOTIFY, key, moment, user, title)
        row = {"id": str(key), "title": title}
        self.secrets |= secrets_of(row)
        return row

    async def _signed_in(self) -> Row:
        """Have the caller sign in once more, as from another device."""
        key, moment = uuid7(), datetime.now(UTC)
        async with self._ctx.session.transaction() as transaction:
            values = key, moment, self.caller.actor_id, key.hex * 2
            await transaction.fetch(SIGN_IN, *values)
        row = {"id": str(key)}
        self.secrets |= secrets_of(row)
        return row

    async def _commented(self) -> Row:
        """Say something of a contact."""
        contact = await self.row("people_contacts")
        assert contact is not None
        path = f"people/contacts/{contact['id']}/comments"
        row: Row = await self.caller.create(path, text=self.values.text())
        self.secrets |= secrets_of(row)
        return row

    async def _supported(self) -> Row:
        """Have an operator ask for access, as they do on a host of their own."""
        key, reason = uuid7(), self.values.text()
        values = key, self._ctx.tenant.id, uuid7(), reason
        await self._control.fetch(ASK, *values)
        row = {"id": str(key), "reason": reason}
        self.secrets |= secrets_of(row)
        return row


def _apart(api: ResourceApi) -> set[str]:
    """References that no two rows may have in common: each row needs one of its own."""
    table, found = api.resource.table, set()
    for index in table.indexes:
        names = [it.name for it in index.columns if it.name != "tenant_id"]
        if index.unique and all(api.shape.facets[it].field.target for it in names):
            found.add(names[-1])
    for rule in table.constraints:
        if isinstance(rule, ExcludeConstraint):
            names = [it.name for it in rule.columns if it.name in api.shape.facets]
            found.update(it for it in names if api.shape.facets[it].field.target)
    return found


def creatable(api: ResourceApi) -> bool:
    """Whether callers make rows as the resource offers it by itself."""
    return api.shape.trashable and "create" not in api.resource.without


def path_of(api: ResourceApi) -> str:
    """Where a resource is, behind ``/api/v1/``."""
    return api.resource.address.removeprefix("/api/v1/")


def secrets_of(value: object) -> set[str]:
    """All ids and marked texts in a row: what no other tenant may ever be told."""
    if isinstance(value, Mapping):
        return secrets_of([*value, *value.values()])
    if isinstance(value, list):
        return {secret for it in value for secret in secrets_of(it)}
    if isinstance(value, str) and (_is_id(value) or MARKED.fullmatch(value)):
        return {value}
    return set()


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _whole(api: ResourceApi) -> type[BaseModel]:
    """A body of every field but the kernel's own, those that callers cannot write too."""
    facets = [
        facet
        for facet in api.shape.stored
        if facet.name not in KERNEL_OWN and not facet.field.moves
    ]
    return create_schema(f"{api.title}Sample", facets)
