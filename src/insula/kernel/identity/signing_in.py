"""Signing in: with e-mail and password, then with refresh tokens, until signing out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Unauthenticated, Unavailable
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity import refresh
from insula.kernel.identity.authenticate import Authenticator, topic_of
from insula.kernel.identity.cookie_sessions import CookieSessions
from insula.kernel.identity.gates import Doors, Entry
from insula.kernel.identity.passwords import verify_password
from insula.kernel.identity.refresh import RefreshToken, RefreshTokens
from insula.kernel.identity.sessions import (
    Account,
    Accounts,
    Ending,
    Failure,
    Fate,
    Hold,
    Opening,
    Origin,
    Turn,
    fate,
)
from insula.kernel.identity.tokens import TokenAudience, Tokens
from insula.kernel.identity.user_sessions import UserSessions
from insula.kernel.mail.address import BadAddress, key_of

MOST_WAITING = 100
"""Sign-ins whose password may wait to be checked: about ten seconds' work."""


class InvalidCredentials(Unauthenticated):
    """The e-mail address or the password is wrong."""

    code = "INVALID_CREDENTIALS"


class SignInBusy(Unavailable):
    """Too many people are signing in at this moment: try again shortly."""

    code = "SIGN_IN_BUSY"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What somebody gets who signed in, or came back with a refresh token."""

    account: Account
    session: UUID
    access_token: str
    refresh_token: str
    refresh_expires_in: timedelta


class Queue:
    """Bounds how many passwords of this process wait to be checked."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most, self._waiting = most, 0

    async def verify(self, password: str, known: str | None) -> tuple[bool, str | None]:
        """Whether the password is right, and a better hash; or ``SignInBusy`` at once."""
        if self._waiting >= self._most:
            raise SignInBusy
        self._waiting += 1
        try:
            return await verify_password(password, known)
        finally:
            self._waiting -= 1


@dataclass(frozen=True, slots=True)
class Realm:
    """One place to sign in: a tenant's, or the operators'."""

    audience: TokenAudience
    tenant_id: UUID | None
    accounts: Accounts
    refresh: RefreshTokens
    tokens: Tokens
    queue: Queue
    left: Callable[[UUID], None]
    ctx: Context
    doors: Doors = field(default_factory=Doors)
    cookies: CookieSessions | None = None

    async def login(self, email: str, password: str, origin: Origin) -> SignedIn:
        """Sign in; every way to fail takes as long and says the same."""
        address, throttle = spelled(email), self.doors.throttle
        attempt = await throttle.check(self.ctx, address, origin.client)
        account = await self.accounts.find(address)
        known = None if account is None else account.password
        right, better = await self.queue.verify(password, known)
        reason = _failure(account, right=right)
        if account is None or reason is not None:
            await self.accounts.fail(account, reason or Failure.unknown, origin)
            await throttle.failed(self.ctx)
            raise InvalidCredentials
        await throttle.passed(self.ctx, attempt)
        return await self.enter(account, ("pwd",), origin, better)

    async def enter(
        self,
        account: Account,
        methods: tuple[str, ...],
        origin: Origin,
        better: str | None = None,
    ) -> SignedIn:
        """Let somebody in who has proved who they are, if every gate lets them.

        ``better`` is a better hash of their password, to be kept from now on. Raises
        what a gate raises, and ``InvalidCredentials`` if the account is disabled or
        its password changed since it was found.
        """
        entry = Entry(self.ctx, self, account, methods, origin)
        for gate in self.doors.gates:
            await gate(entry)
        signed_in = await self.begin(account, methods, origin, better)
        for arrival in self.doors.arrivals:
            await arrival(entry, signed_in.session)
        return signed_in

    async def begin(
        self,
        account: Account,
        methods: tuple[str, ...],
        origin: Origin,
        better: str | None = None,
    ) -> SignedIn:
        """Open a session, whatever the gates would say; as ``enter`` otherwise."""
        opening, token = self.opening(methods, better)
        if not await self.accounts.open(account, opening, origin):
            raise InvalidCredentials
        return self._signed_in(account, opening.session, token, refresh.LIFETIME)

    def opening(
        self, methods: tuple[str, ...], better: str | None = None
    ) -> tuple[Opening, str]:
        """A session about to begin, and its refresh token."""
        session, at = uuid7(), now()
        token = self.refresh.make(session, 0)
        opening = Opening(
            session=session,
            refresh_hash=self.refresh.hash(token),
            at=at,
            expires_at=at + refresh.LIFETIME,
            password=better,
            factors=methods,
        )
        return opening, token

    def _signed_in(
        self, account: Account, session: UUID, token: str, remaining: timedelta
    ) -> SignedIn:
        claims = self.tokens.claims(self.audience, account.id, session, self.tenant_id)
        return SignedIn(account, session, self.tokens.issue(claims), token, remaining)

    async def renew(self, text: str, origin: Origin) -> SignedIn:
        """Exchange a refresh token for its successor and a new access token.

        A token that was used before ends its session, with all that came of it.
        """
        token = self.refresh.read(text)
        async with self.accounts.hold(token.session) as hold:
            fated, signed_in = await self._decide(hold, token, origin)
        if hold.row is not None and fated is Fate.reuse:
            self.left(hold.row.account.id)
        if signed_in is None:
            raise Unauthenticated
        return signed_in

    async def _decide(
        self, hold: Hold, token: RefreshToken, origin: Origin
    ) -> tuple[Fate, SignedIn | None]:
        """Answers rather than raises: what it wrote about the theft must commit."""
        row, at = hold.row, now()
        if row is None:
            return Fate.refuse, None
        fated = fate(row, token, at, origin.client)
        if fated is Fate.reuse:
            await hold.end(Ending.reuse, origin)
        if fated in (Fate.reuse, Fate.refuse):
            return fated, None
        successor = self.refresh.make(token.session, token.generation + 1)
        until = row.expires_at
        if fated is Fate.rotate:
            until = at + refresh.LIFETIME
            hashed = self.refresh.hash(successor)
            turn = Turn(token.generation + 1, hashed, at, until, origin.client)
            await hold.rotate(turn)
        return fated, self._signed_in(row.account, token.session, successor, until - at)

    async def bake(self, signed_in: SignedIn) -> str:
        """The cookie of a session that has just begun, in the place of its tokens."""
        if self.cookies is None:
            raise Unavailable
        cookie = await self.cookies.bake(self.ctx.session, signed_in.session)
        self.left(signed_in.session)
        return cookie

    async def logout(self, actor: Actor, origin: Origin) -> None:
        """End the actor's session: its access and refresh tokens die with it."""
        if actor.id is None or actor.session is None:
            return
        await self.accounts.end(actor.session, Ending.logout, origin)
        self.left(actor.id)

    async def current(self, actor: Actor) -> Account:
        """The account of the actor, as it is now."""
        account = None if actor.id is None else await self.accounts.get(actor.id)
        if account is None:
            raise Unauthenticated
        return account


def spelled(email: str) -> str:
    """An address as it is kept, whichever way somebody writes it."""
    try:
        return key_of(email)
    except BadAddress:
        return email.strip().lower()


def _failure(account: Account | None, *, right: bool) -> Failure | None:
    if account is None:
        return Failure.unknown
    if account.password is None:
        return Failure.no_password
    if not right:
        return Failure.wrong_password
    return Failure.disabled if account.disabled else None


class Identity:
    """Where people sign in: users with their tenant, operators apart from them (S1-49).

    ``announce`` has every process hear a topic; ``Authenticator.heard`` listens.
    """

    def __init__(
        self,
        key: bytes,
        authenticator: Authenticator,
        announce: Callable[[str], None],
        doors: Callable[[TokenAudience], Doors] = lambda _: Doors(),
    ) -> None:
        self._authenticator, self._announce = authenticator, announce
        self._doors = doors
        self.cookies = CookieSessions(key, authenticator.book)
        self._queue = Queue()
        self._refresh = {
            audience: RefreshTokens(key, audience) for audience in TokenAudience
        }

    def users(self, ctx: Context) -> Realm:
        """The realm of the request's tenant."""
        accounts = UserSessions(ctx.session, self._authenticator.book)
        return self.realm(TokenAudience.tenant, ctx, accounts)

    def operators(self, ctx: Context) -> Realm:
        """The realm of the operators."""
        return self.realm(TokenAudience.operator, ctx, self._authenticator.operators)

    def realm(self, audience: TokenAudience, ctx: Context, accounts: Accounts) -> Realm:
        """The realm of those accounts, for one request."""
        ours = audience is TokenAudience.operator
        return Realm(
            audience=audience,
            tenant_id=None if ours else ctx.tenant.id,
            accounts=accounts,
            refresh=self._refresh[audience],
            tokens=self._authenticator.tokens,
            queue=self._queue,
            left=self.left,
            ctx=ctx,
            doors=self._doors(audience),
            cookies=None if ours else self.cookies,
        )

    async def refuse(self, password: str) -> NoReturn:
        """Take as long as over anybody's wrong password, and say the same."""
        await self._queue.verify(password, None)
        raise InvalidCredentials

    def left(self, actor_id: UUID) -> None:
        """Have every process load an actor anew."""
        self._authenticator.forget_actor(actor_id)
        self._announce(topic_of(actor_id))
