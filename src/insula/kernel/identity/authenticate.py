"""Authentication: from a token to the actor behind it, from memory where that is right."""

import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.roles import RoleBook
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
PREFIX = 8
"""Characters of a credential in which its prefix ends."""

OpenSession = Callable[[Home, UUID], Session]


@dataclass(frozen=True, slots=True)
class Known:
    """A token that was verified, and its actor as of a moment.

    ``names`` are the tenants, actors and keys whose change makes it of the past.
    """

    actor: Actor
    audience: TokenAudience
    tenant_id: UUID | None
    expires: float
    names: tuple[UUID | None, ...]
    loaded: float
    epoch: int


@dataclass(frozen=True, slots=True)
class Found:
    """Whom a credential stands for; ``names`` are rows whose change undoes that."""

    actor: Actor
    expires: float | None = None
    names: tuple[UUID, ...] = ()


class CredentialSource(Protocol):
    """Knows one kind of opaque credential, told by how it begins."""

    @property
    def prefix(self) -> str:
        """How its credentials begin, without the ``_`` behind it."""

    def tenant_of(self, text: str) -> UUID:
        """The tenant that one names; raises ``Unauthenticated`` for what is not ours."""

    async def load(self, session: Session, tenant: Tenant, text: str) -> Found:
        """Whom it stands for at this moment; raises ``Unauthenticated``."""


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

    def __init__(  # noqa: PLR0913  # each is a part of the platform
        self,
        tokens: Tokens,
        book: RoleBook,
        control: Control,
        open_session: OpenSession,
        connected: Callable[[], bool],
        sources: Callable[[], Iterable[CredentialSource]] = tuple,
        portal: Callable[[Session], Accounts] | None = None,
    ) -> None:
        self.tokens, self.book = tokens, book
        self._portal_accounts = portal
        self._sources, self._by_prefix = sources, dict[str, CredentialSource]()
        self.operators = OperatorSessions(control)
        self._open, self._connected = open_session, connected
        self._known: OrderedDict[bytes, Known] = OrderedDict()
        self._epochs = Epochs()

    def __len__(self) -> int:
        return len(self._known)

    async def actor(
        self,
        tenant: Tenant,
        token: str,
        audience: TokenAudience = TokenAudience.tenant,
    ) -> Actor:
        """The actor of that tenant whose token it is.

        Raises ``Unauthenticated``, or ``TenantMismatch`` for another tenant's token.
        """
        digest, known = self._recall(token, audience)
        if known is not None:
            if known.tenant_id != tenant.id:
                raise TenantMismatch
            if self._good(known):
                return known.actor
        session = self._open(tenant.home, tenant.id)
        source = self._source(token)
        if source is not None:
            if audience is not TokenAudience.tenant:  # they are all of the staff's side
                raise Unauthenticated
            return await self._ask(source, session, tenant, (digest, token))
        claims = self._claims(token, audience)
        if claims.tenant_id != tenant.id:
            raise TenantMismatch
        accounts: Accounts = UserSessions(session, self.book)
        kind = ActorKind.user
        if audience is TokenAudience.portal:
            accounts, kind = self._portal(session), ActorKind.contact
        return await self._load(digest, claims, accounts, kind)

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
            teams=account.teams,
            masks=account.masks,
        )

    async def in_session(
        self, session: Session, tenant: Tenant, session_id: UUID, user_id: UUID
    ) -> Actor | None:
        """A user in a session that was begun before; None if either is good no more."""
        found = await UserSessions(session, self.book).active(session_id, user_id)
        if found is None:
            return None
        return found.actor(ActorKind.user, tenant.id, session_id)

    async def operator(self, token: str) -> Actor:
        """The operator whose token it is; raises ``Unauthenticated``."""
        digest, known = self._recall(token, TokenAudience.operator)
        if known is not None and self._good(known):
            return known.actor
        claims = self._claims(token, TokenAudience.operator)
        return await self._load(digest, claims, self.operators, ActorKind.operator)

    def tenant_of(self, token: str) -> UUID:
        """The tenant that a valid token names; raises ``Unauthenticated``."""
        if len(token) > LONGEST:
            raise Unauthenticated
        source = self._source(token)
        tenant_id = (
            self.tokens.read(token).tenant_id
            if source is None
            else source.tenant_of(token)
        )
        if tenant_id is None:
            raise Unauthenticated
        return tenant_id

    def _portal(self, session: Session) -> Accounts:
        if self._portal_accounts is None:
            raise Unauthenticated
        return self._portal_accounts(session)

    def _source(self, token: str) -> CredentialSource | None:
        """Who knows such a credential; None for an access token."""
        prefix, found, _ = token[:PREFIX].partition("_")
        if not found:
            return None
        if not self._by_prefix:
            self._by_prefix = {it.prefix: it for it in self._sources()}
        return self._by_prefix.get(prefix)

    def _recall(
        self, token: str, audience: TokenAudience
    ) -> tuple[bytes, Known | None]:
        """What is remembered of a token; raises for one that is over or not for here."""
        if len(token) > LONGEST:
            raise Unauthenticated
        digest = hashlib.sha256(token.encode()).digest()
        known = self._known.get(digest)
        if known is not None:
            if known.expires <= time.time():
                del self._known[digest]
                raise Unauthenticated
            if known.audience is not audience:
                raise Unauthenticated
        return digest, known

    def _claims(self, token: str, audience: TokenAudience) -> Claims:
        claims = self.tokens.read(token)
        if claims.aud is not audience:
            raise Unauthenticated
        return claims

    def _good(self, known: Known) -> bool:
        age = time.monotonic() - known.loaded
        if age > (FRESH if self._connected() else FRESH_ALONE):
            return False
        return self._epochs.hold(known.epoch, *known.names)

    async def _load(
        self, digest: bytes, claims: Claims, accounts: Accounts, kind: ActorKind
    ) -> Actor:
        epoch, loaded = self._epochs.present, time.monotonic()
        sign_in = await accounts.active(claims.sid, claims.sub)
        if sign_in is None:
            self._known.pop(digest, None)
            raise Unauthenticated
        actor = sign_in.actor(kind, claims.tenant_id, claims.sid)
        names = claims.tenant_id, claims.sub, claims.sid
        self._keep(
            digest,
            Known(
                actor,
                claims.aud,
                claims.tenant_id,
                claims.exp,
                names,
                loaded,
                epoch,
            ),
        )
        return actor

    async def _ask(
        self,
        source: CredentialSource,
        session: Session,
        tenant: Tenant,
        token: tuple[bytes, str],
    ) -> Actor:
        """The actor behind an opaque credential."""
        digest, text = token
        if source.tenant_of(text) != tenant.id:
            raise TenantMismatch
        epoch, loaded = self._epochs.present, time.monotonic()
        try:
            found = await source.load(session, tenant, text)
        except Unauthenticated:
            self._known.pop(digest, None)
            raise
        expires = math.inf if found.expires is None else found.expires
        actor, names = found.actor, (tenant.id, found.actor.id, *found.names)
        audience = TokenAudience.tenant
        known = Known(actor, audience, tenant.id, expires, names, loaded, epoch)
        self._keep(digest, known)
        return actor

    def _keep(self, digest: bytes, known: Known) -> None:
        self._known[digest] = known
        # Whoever is active comes by here every FRESH seconds: no need to do it on a hit.
        self._known.move_to_end(digest)
        if len(self._known) > MOST:
            self._known.popitem(last=False)

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
