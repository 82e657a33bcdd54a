"""Passwords of users: reset with a mail, or changed by who knows the old one."""

from collections.abc import Sequence
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict, FieldError, Invalid
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.identity.sessions import Account
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import (
    KeptWays,
    PasswordSet,
    known_of,
    own_id_in_person,
    require_passwords,
)
from insula.kernel.services.accounts.bodies import NewPassword, PasswordChange
from insula.kernel.services.accounts.mails import CHANGE, RESET, VERIFY, AccountMails
from insula.kernel.services.accounts.statements import (
    CHANGE_PASSWORD,
    END_SESSIONS,
    KEPT_WAYS,
    RESET_PASSWORD,
)
from insula.kernel.services.audit.noting import note


class NoPassword(Conflict):
    """You have no password yet: ask for a link to choose one."""

    code = "NO_PASSWORD"


class Passwords:
    """Sets passwords; every sign-in that is not the caller's own ends with the old one."""

    def __init__(self, engine: Engine, identity: Identity, mails: AccountMails) -> None:
        self._engine, self._identity, self._mails = engine, identity, mails

    async def reset(self, ctx: Context, call: Call) -> Reply:
        """Choose a password with the token of a mail; every sign-in ends.

        A password that is refused does not use the token up.
        """
        body: NewPassword = call.body
        require_passwords(ctx)
        tokens = self._mails.tokens
        async with ctx.session.transaction() as transaction:
            proof = await tokens.look(transaction, RESET, body.token)
        account = await self._account(ctx, proof.subject_id)
        if account is None:
            raise TokenSpent
        hashed = await self._hashed(ctx, account, body.password)
        async with self._engine.work(ctx) as work:
            proof = await tokens.redeem(work.transaction, RESET, body.token)
            values = hashed, proof.data["email"], now()
            if not await self._set(work, RESET_PASSWORD, account.id, values):
                raise TokenSpent
            settled = await self._settle(work, account.id, "auth.reset_password", None)
        self._identity.left(account.id)
        return settled

    async def change(self, ctx: Context, call: Call) -> Reply:
        """Change the caller's own password; every other sign-in of theirs ends."""
        body: PasswordChange = call.body
        user_id = own_id_in_person(ctx)
        require_passwords(ctx)
        realm = self._identity.users(ctx)
        account = await realm.current(ctx.actor)
        if account.password is None:
            raise NoPassword
        right, _ = await realm.queue.verify(body.current_password, account.password)
        if not right:
            await note(ctx.session, ctx, "auth.password_refused", ("user", None))
            message = "This is not your password."
            raise Invalid(FieldError("current_password", "wrong", message))
        hashed = await self._hashed(ctx, account, body.password)
        async with self._engine.work(ctx) as work:
            values = hashed, account.password, now()
            if not await self._set(work, CHANGE_PASSWORD, user_id, values):
                raise Conflict  # another change was faster
            session = ctx.actor.session
            deed = "auth.change_password"
            settled = await self._settle(work, user_id, deed, session)
        self._identity.left(user_id)
        return settled

    async def _account(self, ctx: Context, user_id: UUID | None) -> Account | None:
        if user_id is None:
            return None
        return await self._identity.users(ctx).accounts.get(user_id)

    @staticmethod
    async def _hashed(ctx: Context, account: Account, password: str) -> str:
        known = known_of(ctx, account.email, account.name)
        check_password(password, known, second_factor=account.second_factor)
        return await hash_password(password)

    @staticmethod
    async def _set(
        work: WorkContext, statement: Statement, user_id: UUID, values: Sequence[object]
    ) -> bool:
        return bool(await work.transaction.fetch(statement, user_id, *values))

    async def _settle(
        self, work: WorkContext, user_id: UUID, deed: str, but: UUID | None
    ) -> Reply:
        """End the sign-ins and the links of before, and tell the user what stays."""
        transaction = work.transaction
        ended = await transaction.fetch(END_SESSIONS, user_id, now(), but)
        for purpose in (RESET, VERIFY, CHANGE):
            await self._mails.tokens.withdraw(transaction, purpose, user_id)
        said = {"sessions_ended": len(ended)}
        await note(transaction, work, deed, ("user", user_id), said)
        (row,) = await transaction.fetch(KEPT_WAYS, user_id, now())
        ways = KeptWays(**dict(row))
        await self._mails.password_changed(work, user_id, ways)
        answer = PasswordSet(sessions_ended=len(ended), still_open=ways)
        return Reply(answer.model_dump_json().encode())
