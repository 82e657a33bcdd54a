"""Sources: from the text of a key to the actor who acts with it."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from hmac import compare_digest
from uuid import UUID

import asyncpg
import msgspec

from insula.kernel.access.actor import Actor, ActorKind, bounded
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.authenticate import Found
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.services.keys.statements import FIND, USED
from insula.kernel.tenancy.tenant import Tenant

TENANT_KEY, PERSONAL = "insk", "insp"
"""How the texts of the two kinds begin."""
NOTED = timedelta(minutes=1)
"""How far behind the noted last use of a key may be."""
FULL = (asyncpg.ReadOnlySQLTransactionError, asyncpg.DiskFullError)
"""A database that takes no note can still be read with a key."""


def scopes_of(record: Record) -> frozenset[str]:
    """The scopes of a row, as the database gave them."""
    return frozenset(msgspec.json.decode(record["scopes"], type=list[str]))


class KeySource(ABC):
    """Keys of one kind, as credentials (``CredentialSource``)."""

    find, used = FIND, USED

    def __init__(
        self, tokens: OpaqueTokens, prefix: str, *, clock: Clock = now
    ) -> None:
        self.prefix = prefix
        self._tokens, self._clock = tokens, clock

    def tenant_of(self, text: str) -> UUID:
        """The tenant of a key that was made here; raises ``Unauthenticated``."""
        return self._tokens.read(text).tenant_id

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:
        """Who acts with a key at this moment; raises ``Unauthenticated``."""
        token, moment = self._tokens.read(text), self._clock()
        key = await self._good(session, token.row_id)
        if key is None or not compare_digest(key["hash"], token.hash):
            raise Unauthenticated
        expires: datetime | None = key["expires_at"]
        actor, names = await self._actor(tenant, key)
        await self._note_use(session, key, moment)
        until = None if expires is None else expires.timestamp()
        return Found(actor, until, names)

    async def acting(
        self, session: Session, tenant: Tenant, key_id: UUID, _: UUID
    ) -> Actor | None:
        """Who acts with a key that was believed before; None if it is good no more."""
        key = await self._good(session, key_id)
        try:
            return None if key is None else (await self._actor(tenant, key))[0]
        except Unauthenticated:
            return None

    async def _good(self, session: Session, key_id: UUID) -> Record | None:
        """The row of a key that is neither revoked nor over."""
        rows = await session.fetch(self.find, key_id)
        if not rows or rows[0]["revoked_at"] is not None:
            return None
        expires = rows[0]["expires_at"]
        return None if expires and expires <= self._clock() else rows[0]

    @abstractmethod
    async def _actor(
        self, tenant: Tenant, key: Record
    ) -> tuple[Actor, tuple[UUID, ...]]:
        """The actor, and whose changes concern them."""

    async def _note_use(self, session: Session, key: Record, moment: datetime) -> None:
        last, due = key["last_used_at"], moment - NOTED
        if last is None or last <= due:
            with suppress(*FULL):
                await session.fetch(self.used, key["id"], moment, due)


class TenantKeys(KeySource):
    """Keys of tenants: each acts for itself, with its scopes as its rights."""

    def __init__(self, key: bytes, *, clock: Clock = now) -> None:
        super().__init__(OpaqueTokens(key, TENANT_KEY), TENANT_KEY, clock=clock)

    async def _actor(
        self, tenant: Tenant, key: Record
    ) -> tuple[Actor, tuple[UUID, ...]]:
        if key["owner_id"] is not None:
            raise Unauthenticated
        key_id: UUID = key["id"]
        actor = Actor(
            ActorKind.api_key,
            key_id,
            tenant=tenant.id,
            grants=scopes_of(key),
            via=f"api_key:{key_id}",
        )
        return actor, (key_id,)


People = Callable[[Tenant, UUID], Awaitable[Actor | None]]
"""A user with the rights of this moment; None if disabled or gone."""


class PersonalTokens(KeySource):
    """Personal tokens: each acts as its user, within its scopes, while the user may."""

    def __init__(self, key: bytes, people: People, *, clock: Clock = now) -> None:
        super().__init__(OpaqueTokens(key, PERSONAL), PERSONAL, clock=clock)
        self._people = people

    async def _actor(
        self, tenant: Tenant, key: Record
    ) -> tuple[Actor, tuple[UUID, ...]]:
        key_id, owner_id = key["id"], key["owner_id"]
        user = None if owner_id is None else await self._people(tenant, owner_id)
        if user is None:
            raise Unauthenticated
        actor = bounded(user, scopes_of(key), f"api_key:{key_id}")
        return actor, (key_id, owner_id)
