"""Users: made, changed, disabled and removed by those who may do as much as they may."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid, NotFound, Stale
from insula.kernel.identity.models import User
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.api import row_id
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writing import DELETE, RESTORE, Verb
from insula.kernel.services.access.granting import check_roles, own_roles
from insula.kernel.services.accounts.answers import row_reply
from insula.kernel.services.accounts.bodies import NewUser, UserPatch
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.ranking import (
    OWNERS,
    LastOwner,
    check_rank,
    hold_owners,
)
from insula.kernel.services.accounts.statements import END_SESSIONS, TRASHED


def taken() -> Invalid:
    """The refusal of an address that somebody of this tenant has."""
    message = "The email field has already been taken."
    return Invalid(FieldError("email", "taken", message))


class UserOperations:
    """What callers do to users; whatever takes rights away counts within a second."""

    def __init__(self, engine: Engine, identity: Identity, mails: AccountMails) -> None:
        self._engine, self._identity, self._mails = engine, identity, mails
        self.api, self._book = engine.api("users"), engine.roles

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a user, who chooses a password with the mail that they get."""
        body: NewUser = call.body
        async with self._engine.work(ctx) as work:
            roles = list(dict.fromkeys(body.roles))
            await check_roles(work.transaction, self._book, ctx.actor, roles)
            user = User(
                name=body.name, email=body.email, roles=roles, locale=body.locale
            )
            if not await work.add_missing([user]):
                raise taken()
            await self._mails.welcome(work, user.id, user.email)
        return row_reply(ctx, self.api, user, 201)

    async def update(self, ctx: Context, call: Call) -> Reply:
        """Change name, roles, settings or language; or take the avatar away."""
        body: UserPatch = call.body
        async with self._held(ctx, call) as (work, user, last):
            before = list(user.roles)
            self._set(user, body)
            if "roles" in body.model_fields_set:
                user.roles = list(dict.fromkeys(body.roles))
            given = set(user.roles) - set(before)
            await check_roles(work.transaction, self._book, ctx.actor, given)
            if last and not OWNERS & set(user.roles):
                raise LastOwner
        if user.roles != before:
            self._identity.left(user.id)
        return row_reply(ctx, self.api, user)

    @staticmethod
    def _set(user: User, body: UserPatch) -> None:
        sent = body.model_fields_set
        if "name" in sent:
            user.name = body.name
        if "settings" in sent:
            user.settings = body.settings
        if "locale" in sent:
            user.locale = body.locale
        if "avatar" in sent and body.avatar != user.avatar:
            if body.avatar is not None:
                message = "An avatar is uploaded by whom it shows."
                raise Invalid(FieldError("avatar", "read_only", message))
            user.avatar = None

    async def disable(self, ctx: Context, call: Call) -> Reply:
        """Let a user in no more, and end every sign-in of theirs."""
        async with self._held(ctx, call) as (work, user, last):
            if last:
                raise LastOwner
            user.disabled_at = user.disabled_at or now()
            await work.transaction.fetch(END_SESSIONS, user.id, now(), None)
        self._identity.left(user.id)
        return row_reply(ctx, self.api, user)

    async def enable(self, ctx: Context, call: Call) -> Reply:
        """Let a user in again; they sign in anew."""
        async with self._held(ctx, call) as (_, user, _):
            user.disabled_at = None
        self._identity.left(user.id)
        return row_reply(ctx, self.api, user)

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Put a user in the trash: they are out at once, and their address stays taken."""
        async with self._held(ctx, call) as (work, user, last):
            if last:
                raise LastOwner
            await work.transaction.fetch(END_SESSIONS, user.id, now(), None)
            await self._write(work, user.id, call.version, DELETE)
        self._identity.left(user.id)
        return Reply()

    async def restore(self, ctx: Context, call: Call) -> Reply:
        """Bring a user back from the trash, with the roles that they had."""
        key = row_id(call)
        async with self._engine.work(ctx) as work:
            rows = await work.transaction.fetch(TRASHED, key)
            if not rows:
                raise NotFound
            roles = msgspec.json.decode(rows[0]["roles"], type=list[str])
            own = await own_roles(work.transaction, roles)
            check_rank(ctx.actor, key, self._book.grants(roles))
            check_rank(ctx.actor, key, (g for it in own.values() for g in it.grants))
            await self._write(work, key, call.version, RESTORE)
            user = await work.get(User, key)
        self._identity.left(key)
        return row_reply(ctx, self.api, user)

    @asynccontextmanager
    async def _held(
        self, ctx: Context, call: Call
    ) -> AsyncIterator[tuple[WorkContext, User, bool]]:
        """A locked user whom the actor may touch; and whether it is the last owner."""
        key = row_id(call)
        # Before the transaction, which would need a second connection for it.
        account = await self._identity.users(ctx).accounts.get(key)
        if account is None:
            raise NotFound
        check_rank(ctx.actor, key, account.grants)
        async with self._engine.work(ctx) as work:
            last = await hold_owners(work.transaction, key)
            user = await work.lock(User, key)
            if call.version is not None and user.version != call.version:
                raise Stale
            if set(user.roles) != set(account.roles):
                raise Stale  # somebody changed what they may do just now
            yield work, user, last

    async def _write(
        self, work: WorkContext, key: UUID, version: int | None, verb: Verb
    ) -> None:
        moment = now() if verb is DELETE else None
        changed = {"deleted_at": moment}
        writer = self.api.writer
        statement, args = writer.change(key, version, changed, work, verb)
        rows = await work.transaction.fetch(statement, *args)
        if not rows:
            raise NotFound
        if rows[0]["id"] is None:
            raise Stale
