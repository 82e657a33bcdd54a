"""The throttle: guessing passwords takes for ever, and locks nobody out of their account.

After ten failures within a quarter of an hour an account waits, for a minute at first
and for a quarter of an hour at most. All strangers share one count of an account; who
signed in before with this device, or from this network, has a count of their own that
strangers cannot reach. Nobody is told whether an account exists: it is counted alike.
"""

import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.networks import network_of
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import Limited, Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.secret import derive
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.opaque import OpaqueToken, OpaqueTokens
from insula.kernel.identity.throttle_rows import (
    FORGIVE,
    OPERATORS_FORGIVE,
    OPERATORS_PRUNE,
    OPERATORS_TAKE,
    TAKE,
    WINDOW,
    Counting,
)
from insula.kernel.tenancy.control import Control

DEVICE = "insd"
"""How the token of a device begins."""
PLATFORM = UUID(int=0)
"""Stands for the tenant in what operators' devices carry."""
NOWHERE = "-"
"""The network of whom we cannot tell whence they come: nobody is known there."""


class SignInThrottled(Limited):
    """Too many attempts to sign in: the next one may come in {retry_after} s."""

    code = "SIGN_IN_THROTTLED"


class Rules(NamedTuple):
    """Attempts a minute for one account, and of all strangers to one tenant; 0: any."""

    account: int = 5
    strangers: int = 100

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """As the operator chose them."""
        return cls(settings.limit_login, settings.limit_logins)


Failed = Callable[[Context], Awaitable[None]]
"""Is told that somebody failed to sign in."""


class Book(Protocol):
    """Where attempts are counted."""

    def whose(self, ctx: Context) -> UUID:
        """The tenant whose accounts they are."""

    async def take(self, ctx: Context, counting: Counting) -> Sequence[Record]:
        """Count one: under which key, and until when it is refused."""

    async def forgive(self, ctx: Context, key: str) -> None:
        """Forget the failures of a key."""


class TenantBook:
    """The counts of a tenant, in its home; ``take`` knows whose accounts they are."""

    def __init__(self, take: Statement = TAKE) -> None:
        self._take = take

    def whose(self, ctx: Context) -> UUID:
        """The tenant whose accounts they are."""
        return ctx.tenant.id

    async def take(self, ctx: Context, counting: Counting) -> Sequence[Record]:
        """Count one: under which key, and until when it is refused."""
        return await ctx.session.fetch(self._take, *_arguments(counting))

    async def forgive(self, ctx: Context, key: str) -> None:
        """Forget the failures of a key."""
        await ctx.session.fetch(FORGIVE, key)


class OperatorBook:
    """The counts of the operators' door, in the control database."""

    def __init__(self, control: Control) -> None:
        self._control = control

    def whose(self, _: Context) -> UUID:
        """No tenant's: they are the platform's own."""
        return PLATFORM

    async def take(self, _: Context, counting: Counting) -> Sequence[Record]:
        """Count one: under which key, and until when it is refused."""
        return await self._control.fetch(OPERATORS_TAKE, "", *_arguments(counting))

    async def forgive(self, _: Context, key: str) -> None:
        """Forget the failures of a key."""
        await self._control.fetch(OPERATORS_FORGIVE, key)

    async def prune(self, moment: datetime) -> None:
        """Let go of what is forgotten anyway."""
        await self._control.fetch(OPERATORS_PRUNE, moment)


class Throttle:
    """Is asked before a password is looked at, and told what came of it."""

    def __init__(
        self,
        key: bytes,
        book: Book,
        rules: Rules | None = None,
        *,
        failed: Sequence[Failed] = (),
        clock: Clock = now,
    ) -> None:
        self._key, self._book = derive(key, "sign-in throttle"), book
        self._devices = OpaqueTokens(key, DEVICE)
        self._rules, self._clock = rules or Rules(), clock
        self._listeners = failed

    async def check(self, ctx: Context, email: str, client: str) -> str:
        """Count an attempt to sign in to the account of an address in lower case.

        It counts as failed until ``passed`` is told what this answers. Raises
        ``SignInThrottled``.
        """
        at, known = self._clock(), self._known(ctx)
        network = network_of(client) or NOWHERE
        rows = await self._book.take(
            ctx,
            Counting(
                stranger=self._mac("account", email),
                device=None if known is None else self._mac("device", known.hash),
                device_of=None if known is None else known.row_id,
                network=self._mac("network", email, network),
                email=email,
                client=network,
                at=at,
                ids=(uuid7(), uuid7()),
                everybody=self._mac("everybody"),
                step=step_of(self._rules.account),
                cap_step=step_of(self._rules.strangers),
            ),
        )
        until = rows[0]["until"]
        if until is not None:
            raise SignInThrottled(retry_after=whole_seconds(until - at))
        return str(rows[0]["key"])

    async def passed(self, ctx: Context, attempt: str) -> None:
        """The password was right: what went before was a slip of the pen."""
        await self._book.forgive(ctx, attempt)

    async def failed(self, ctx: Context) -> None:
        """It was wrong; that is counted already."""
        for listen in self._listeners:
            await listen(ctx)

    def introduce(self, ctx: Context, account: UUID) -> str | None:
        """What a device shows from now on, on which somebody has just signed in.

        None for one that is known already.
        """
        known = self._known(ctx)
        if known is not None and known.row_id == account:
            return None
        return self._devices.make(self._book.whose(ctx), account)

    def _known(self, ctx: Context) -> OpaqueToken | None:
        if ctx.device is None:
            return None
        try:
            token = self._devices.read(ctx.device)
        except Unauthenticated:
            return None
        return token if token.tenant_id == self._book.whose(ctx) else None

    def _mac(self, *parts: str) -> str:
        text = "\x1f".join(parts).encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()


def step_of(rate: int) -> timedelta:
    """The time that an attempt costs where there may be so many a minute; 0: any."""
    return timedelta(seconds=WINDOW / rate if rate else 0)


def whole_seconds(wait: timedelta) -> int:
    """What ``Retry-After`` says of a wait."""
    return max(1, math.ceil(wait.total_seconds()))


def _arguments(counting: Counting) -> tuple[object, ...]:
    """As the statement numbers them."""
    before, after = counting[:7], counting[8:]
    return *before, *counting.ids, *after
