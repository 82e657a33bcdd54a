"""Authentication: from a token to the actor behind it, from memory where that is right."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind, RoleBook
from insula.kernel.database.home import Home
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.identity.operator_sessions import OperatorSessions
from insula.kernel.identity.sessions import Accounts
from insula.kernel.identity.tokens import LONGEST, Claims, TokenAudience, Tokens
from insula.kernel.identity.user_sessions import UserSessions
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.signals import TenantMismatch
from insula.kernel.tenancy.tenant import Tenant

FRESH = 15.0
"""Seconds for which an actor is good while notices arrive."""
FRESH_ALONE = 1.0
"""Seconds for which an actor is good while none can arrive."""
MOST = 20_000

OpenSession = Callable[[Home, UUID], Session]


@dataclass(frozen=True, slots=True)
class Known:
    """A token that was verified, and its actor as of a moment."""

    claims: Claims
    actor: Actor
    loaded: float
    epoch: int


class Epochs:
    """When tenants and actors changed last, by a counter that every change moves on.

    It forgets the oldest changes beyond ``most``, which then count for everybody.
    """

    def __init__(self, most: int = MOST) -> None:
        self.present = 0
        self._most, self._all = most, 0
        self._changed: OrderedDict[UUID, int] = OrderedDict()

    def advance(self, changed: UUID) -> None:
        """Whatever was known of a tenant or an actor is of the past."""
        self.present += 1
        self._changed[changed] = self.present
        self._changed.move_to_end(changed)
        if len(self._changed) > self._most:
            self._all = self._changed.popitem(last=False)[1]

    def advance_all(self) -> None:
        """Whatever was known of anybody is of the past."""
        self.present += 1
        self._all = self.present
        self._changed.clear()

    def hold(self, since: int, *names: UUID | None) -> bool:
        """Whether none of these changed after that moment."""
        if since == self.present:
            return True
        if since < self._all:
            return False
        changed = self._changed
        return all(it is None or changed.get(it, 0) <= since for it in names)


class Authenticator:
    """Tells who a token is, for the cost of a hash where it saw the token lately.

    What it keeps is dropped when a notice says that the tenant or the actor changed,
    and is loaded again after ``FRESH`` seconds in case a notice was lost; while
    ``connected`` is False, after ``FRESH_ALONE``.
    """

    def __init__(
        self,
        tokens: Tokens,
        book: RoleBook,
        control: Control,
        open_session: OpenSession,
        connected: Callable[[], bool],
    ) -> None:
        self.tokens, self.book = tokens, book
        self.operators = OperatorSessions(control)
        self._open, self._connected = open_session, connected
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._epochs = Epochs()

    def __len__(self) -> int:
        return len(self._known)

    async def actor(self, tenant: Tenant, token: str) -> Actor:
        """The user of that tenant whose token it is.

        Raises ``Unauthenticated``, or ``TenantMismatch`` for another tenant's token.
        """
        digest, known, claims = self._read(token, TokenAudience.tenant)
        if claims.tenant_id != tenant.id:
            raise TenantMismatch
        if known is not None and self._good(known):
            return known.actor
        users = UserSessions(self._open(tenant.home, tenant.id), self.book)
        return await self._load(digest, claims, users, ActorKind.user)

    async def user(self, tenant: Tenant, user_id: UUID) -> Actor | None:
        """A user with the rights of this moment; None if disabled or gone."""
        users = UserSessions(self._open(tenant.home, tenant.id), self.book)
        account = await users.get(user_id)
        if account is None or account.disabled:
            return None
        return Actor(
            ActorKind.user,
            user_id,
            tenant=tenant.id,
            roles=account.roles,
            grants=account.grants,
        )

    async def operator(self, token: str) -> Actor:
        """The operator whose token it is; raises ``Unauthenticated``."""
        digest, known, claims = self._read(token, TokenAudience.operator)
        if known is not None and self._good(known):
            return known.actor
        return await self._load(digest, claims, self.operators, ActorKind.operator)

    def tenant_of(self, token: str) -> UUID:
        """The tenant that a valid token names; raises ``Unauthenticated``."""
        tenant_id = self._read(token, TokenAudience.tenant)[2].tenant_id
        if tenant_id is None:
            raise Unauthenticated
        return tenant_id

    def _read(
        self, token: str, audience: TokenAudience
    ) -> tuple[bytes, Known | None, Claims]:
        if len(token) > LONGEST:
            raise Unauthenticated
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is None:
            claims = self.tokens.read(token)
        else:
            claims = known.claims
            if claims.exp <= time.time():
                del self._known[digest]
                raise Unauthenticated
        if claims.aud is not audience:
            raise Unauthenticated
        return digest, known, claims

    def _good(self, known: Known) -> bool:
        age = time.monotonic() - known.loaded
        if age > (FRESH if self._connected() else FRESH_ALONE):
            return False
        claims = known.claims
        return self._epochs.hold(known.epoch, claims.tenant_id, claims.sub)

    async def _load(
        self, digest: bytes, claims: Claims, accounts: Accounts, kind: ActorKind
    ) -> Actor:
        epoch, loaded = self._epochs.present, time.monotonic()
        account = await accounts.active(claims.sid, claims.sub)
        if account is None:
            self._known.pop(digest, None)
            raise Unauthenticated
        actor = Actor(
            kind,
            claims.sub,
            tenant=claims.tenant_id,
            session=claims.sid,
            roles=account.roles,
            grants=account.grants,
        )
        self._known[digest] = Known(claims, actor, loaded, epoch)
        # Whoever is active comes by here every FRESH seconds: no need to do it on a hit.
        self._known.move_to_end(digest)
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return actor

    def forget(self, tenant_id: UUID) -> None:
        """Load all actors of a tenant anew when they come next."""
        self._epochs.advance(tenant_id)

    def forget_actor(self, actor_id: UUID) -> None:
        """Load one actor anew: signed out, disabled, or given other roles."""
        self._epochs.advance(actor_id)

    def heard(self, topic: str | None) -> None:
        """Forget what a notice is about; ``None`` means anything may have changed."""
        if topic is None:
            self._epochs.advance_all()
            return
        kind, _, text = topic.partition(":")
        named = parse_uuid(text)
        if named is None:
            return
        if kind == "tenant":
            self.forget(named)
        elif kind == ACTOR:
            self.forget_actor(named)


ACTOR = "actor"
"""What the topic of a notice about an actor begins with."""


def topic_of(actor_id: UUID) -> str:
    """The topic that has every process load an actor anew."""
    return f"{ACTOR}:{actor_id}"
