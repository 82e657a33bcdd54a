"""The book: which fields tenants added, at hand in this process while they are true."""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.cache.classes import CacheClass
from insula.kernel.cache.front import Cache
from insula.kernel.database.session import CONTEXT, HOME, Statement
from insula.kernel.resource.custom.fields import (
    CUSTOM,
    NONE,
    AddedField,
    AddedFields,
    Values,
)

TAG = "custom_field"
"""What is dropped when a tenant's fields change: the first word of their events."""
MOST = 1024
"""Sets of fields that are kept as objects."""
READ = Statement(
    f"WITH {CONTEXT} SELECT f.* FROM ctx CROSS JOIN LATERAL ("  # noqa: S608  # our names
    "SELECT key, kind, label, labels, required, choices, help, ready, archived,"
    " CASE WHEN filterable THEN slot END AS slot"
    f" FROM {HOME}.custom_fields WHERE tenant_id = ctx.tenant_id AND resource = $2"
    " AND deleted_at IS NULL ORDER BY position, key) f"
)
FIELDS = msgspec.json.Decoder(list[AddedField])


class CustomBook:
    """Knows the fields of every tenant; asked for the first time, it reads them."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._known: OrderedDict[tuple[UUID, str], tuple[bytes, AddedFields]] = (
            OrderedDict()
        )

    async def of(self, ctx: Context, resource: str) -> AddedFields:
        """The fields that the actor's tenant added to a resource."""

        async def read() -> bytes:
            rows = await ctx.session.fetch(READ, resource)
            return msgspec.json.encode([dict(row) for row in rows])

        tenant_id = ctx.tenant.id
        told = await self._cache.of(tenant_id).remember(
            f"custom_fields:{resource}:v1", CacheClass.config, read, tags=(TAG,)
        )
        return self._understood((tenant_id, resource), told)

    def known(self, ctx: Context, resource: str) -> AddedFields:
        """The same for whoever asked ``of`` just before, and may not wait."""
        found = self._known.get((ctx.tenant.id, resource))
        return NONE if found is None else found[1]

    def forget(self, tenant_id: UUID) -> None:
        """The fields of a tenant changed."""
        self._cache.of(tenant_id).drop(TAG)

    def _understood(self, key: tuple[UUID, str], told: bytes) -> AddedFields:
        """The fields as objects, made anew only where they are told otherwise."""
        found = self._known.get(key)
        if found is None or found[0] != told:
            found = self._known[key] = told, AddedFields(FIELDS.decode(told))
            if len(self._known) > MOST:
                self._known.popitem(last=False)
        self._known.move_to_end(key)
        return found[1]


class CustomColumns:
    """The fields that tenants added to one resource, as columns of its rows.

    ``ctx`` says which tenant's; what callers send is checked, what the platform itself
    writes is believed.
    """

    def __init__(self, book: CustomBook, resource: str) -> None:
        self._book, self._resource = book, resource

    async def of(self, ctx: Context) -> AddedFields:
        """The fields themselves."""
        return await self._book.of(ctx, self._resource)

    def known(self, ctx: Context) -> AddedFields:
        """The same for whoever asked ``of`` just before, and may not wait."""
        return self._book.known(ctx, self._resource)

    async def new(self, ctx: Context, sent: Values) -> dict[str, Any]:
        """Columns of a new row; raises ``Invalid``."""
        return (await self.of(ctx)).new(sent)

    async def changed(self, ctx: Context, sent: Values) -> dict[str, Any]:
        """Columns of a row of which some values are sent; raises ``Invalid``."""
        return (await self.of(ctx)).changed(sent)

    async def replaced(self, ctx: Context, sent: Values) -> dict[str, Any]:
        """Columns of a row whose values are to be these; raises ``Invalid``."""
        return (await self.of(ctx)).replaced(sent)

    async def kept(self, ctx: Context, values: Values) -> Mapping[str, str]:
        """The keys of a new row with these values."""
        return (await self.of(ctx)).slots(values)

    async def rewritten(
        self, ctx: Context, old: Values, values: Values
    ) -> dict[str, Any]:
        """Columns of a row that had other values before."""
        gone = dict.fromkeys(key for key in old if key not in values)
        return {CUSTOM: {**gone, **values}, **await self.kept(ctx, values)}
