"""Registering: somebody makes an account for themselves, where the tenant lets them."""

from contextlib import suppress
from datetime import timedelta

import asyncpg

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Denied, FieldError, Invalid
from insula.kernel.identity.models import User
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import known_of, require_passwords, sent
from insula.kernel.services.accounts.bodies import Registration
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.statements import (
    BY_ADDRESS,
    FORGET_MAILS,
    FORGET_TOKENS,
    FORGET_TRIES,
    FORGET_USER,
    UNCONFIRMED,
)
from insula.kernel.services.audit.noting import note

REFERRED = asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError
UNCONFIRMED_KEPT = timedelta(days=7)
"""How long an account waits for whoever began it to confirm the address."""


class RegistrationClosed(Denied):
    """Here people come in by invitation: ask somebody of the organisation for one."""

    code = "REGISTRATION_CLOSED"


class Registering:
    """Takes registrations, and tells nobody which addresses are known."""

    def __init__(self, engine: Engine, mails: AccountMails) -> None:
        self._engine, self._mails = engine, mails

    async def register(self, ctx: Context, call: Call) -> Reply:
        """Make an account whose address is to be confirmed.

        The answer and the work are the same where there is one already: its owner is
        told, and nobody else.
        """
        body: Registration = call.body
        self._check(ctx, body)
        hashed, policy = await hash_password(body.password), ctx.tenant.policy
        user = User(
            name=body.name,
            email=body.email,
            password=hashed,
            roles=list(policy.registration_roles),
            registered_at=now(),
            locale=body.locale or policy.locale,
        )
        async with self._engine.work(ctx) as work:
            if await work.add_missing([user]):
                await self._mails.verify(work, user.id, user.email)
            else:
                await self._taken(work, body.email)
        return sent()

    @staticmethod
    def _check(ctx: Context, body: Registration) -> None:
        policy, domain = ctx.tenant.policy, body.email.rpartition("@")[2]
        if policy.registration != "open":
            raise RegistrationClosed
        require_passwords(ctx)
        wanted = {it.lower() for it in policy.registration_domains}
        if wanted and domain not in wanted:
            message = "Addresses of this domain cannot register here."
            raise Invalid(FieldError("email", "domain", message))
        check_password(body.password, known_of(ctx, body.email, body.name))

    async def _taken(self, work: WorkContext, email: str) -> None:
        """Tell whom it belongs to; one that was never confirmed, how to claim it.

        A confirmation of what a stranger began would give the stranger's password an
        address that is proved: hence it is claimed with a new one.
        """
        (row,) = await work.transaction.fetch(BY_ADDRESS, email)
        await note(work.transaction, work, "auth.register_taken", ("user", row["id"]))
        if row["deleted_at"] is not None or row["disabled_at"] is not None:
            return
        if row["email_verified_at"] is None:
            await self._mails.welcome(work, row["id"], email)
        else:
            await self._mails.taken(work, row["id"])


async def forget_unconfirmed(work: WorkContext) -> None:
    """Remove what strangers began and nobody confirmed: the address is free again.

    Each in a transaction of its own: one to which somebody's row refers stays.
    """
    found = await work.session.fetch(UNCONFIRMED, work.now - UNCONFIRMED_KEPT)
    for row in found:
        with suppress(*REFERRED):
            async with work.session.transaction() as transaction:
                for statement in (
                    FORGET_TRIES, FORGET_MAILS, FORGET_TOKENS, FORGET_USER,
                ):  # fmt: skip
                    await transaction.fetch(statement, row["id"])
