"""Profile: what everybody sees and changes of themselves."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import FieldError, Invalid, Limited, Stale
from insula.kernel.identity.models import User
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.api import tag
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import (
    done,
    own_id,
    own_id_in_person,
    sent,
)
from insula.kernel.services.accounts.bodies import AddressChange, ProfilePatch, Proof
from insula.kernel.services.accounts.mails import (
    CHANGE,
    MOST,
    RESET,
    VERIFY,
    WHILE,
    AccountMails,
)
from insula.kernel.services.accounts.security_mail import notify_security_change
from insula.kernel.services.accounts.statements import BY_ADDRESS, TOKENS_LATELY
from insula.kernel.services.accounts.users import taken
from insula.kernel.services.audit.noting import note
from insula.kernel.services.mail.outgoing import send_mail


class TooManyMails(Limited):
    """Several mails about this were sent just now: wait an hour."""

    code = "TOO_MANY_MAILS"


class Profile(BaseModel):
    """Somebody as they see themselves."""

    id: UUID
    version: int
    name: str
    email: str
    email_verified: bool
    avatar: str | None
    locale: str | None
    settings: dict[str, Any]
    roles: list[str]
    second_factor: bool
    created_at: datetime
    last_login_at: datetime | None


class ProfileOperations:
    """Reading and changing oneself."""

    def __init__(self, engine: Engine, identity: Identity, mails: AccountMails) -> None:
        self._engine, self._identity, self._mails = engine, identity, mails

    async def read(self, ctx: Context, _: Call) -> Reply:
        """The caller, as the row says it."""
        async with self._engine.work(ctx) as work:
            return told(await work.get(User, own_id(ctx)))

    async def update(self, ctx: Context, call: Call) -> Reply:
        """Change name, language or settings."""
        body: ProfilePatch = call.body
        async with self._engine.work(ctx) as work:
            user = await work.lock(User, own_id_in_person(ctx))
            if user.version != call.version:
                raise Stale
            if "name" in body.model_fields_set:
                user.name = body.name
            if "settings" in body.model_fields_set:
                user.settings = body.settings
            if "locale" in body.model_fields_set:
                user.locale = body.locale
        return told(user)

    async def change_address(self, ctx: Context, call: Call) -> Reply:
        """Ask for another address: it is the user's once somebody confirms it there.

        One that somebody has is answered the same; its owner is told, and nobody else.
        """
        body: AddressChange = call.body
        user_id = own_id_in_person(ctx)
        async with self._engine.work(ctx) as work:
            user = await work.lock(User, user_id)
            if user.email == body.email:
                message = "This is your address already."
                raise Invalid(FieldError("email", "same", message))
            await self._refuse_many(work, user_id)
            await self._ask(work, user, body.email)
            await note(work.transaction, ctx, "users.ask_address", ("user", None))
            await send_mail(
                work,
                to=user_id,
                template="mail.address_changing",
                address=body.email,
            )
        return sent()

    async def _ask(self, work: WorkContext, user: User, wanted: str) -> None:
        """Write to the new address: whose it is already, or who is to confirm it."""
        token = await self._mails.change_token(work, user.id, user.email, wanted)
        known = await work.transaction.fetch(BY_ADDRESS, wanted)
        if not known:
            await self._mails.change(work, wanted, token)
        elif known[0]["deleted_at"] is None and known[0]["disabled_at"] is None:
            await self._mails.taken(work, known[0]["id"])

    async def confirm_address(self, ctx: Context, call: Call) -> Reply:
        """Take the new address; whatever was sent to the old one opens nothing more."""
        body: Proof = call.body
        async with self._engine.work(ctx) as work:
            tokens, transaction = self._mails.tokens, work.transaction
            proof = await tokens.redeem(transaction, CHANGE, body.token)
            old, wanted = proof.data["email"], proof.data["wanted"]
            found = await work.lock_rows(User, [proof.subject_id or UUID(int=0)])
            if not found or found[0].email != old or found[0].disabled_at is not None:
                raise TokenSpent
            (user,) = found
            if await transaction.fetch(BY_ADDRESS, wanted):
                raise taken()
            user.email, user.email_verified_at = wanted, now()
            for purpose in (RESET, VERIFY):
                await tokens.withdraw(transaction, purpose, user.id)
            await notify_security_change(work, old, "address_changed")
        self._identity.left(user.id)
        return done()

    @staticmethod
    async def _refuse_many(work: WorkContext, user_id: UUID) -> None:
        since = work.now - WHILE
        rows = await work.transaction.fetch(TOKENS_LATELY, user_id, CHANGE, since)
        if rows[0]["issued"] >= MOST:
            raise TooManyMails(retry_after=int(WHILE.total_seconds()))


def told(user: User) -> Reply:
    """The profile of a user."""
    view = Profile(
        id=user.id,
        version=user.version,
        name=user.name,
        email=user.email,
        email_verified=user.email_verified_at is not None,
        avatar=user.avatar,
        locale=user.locale,
        settings=user.settings,
        roles=user.roles,
        second_factor=user.second_factor_at is not None,
        created_at=user.created_at,
        last_login_at=user.last_login_at,
    )
    return Reply(view.model_dump_json().encode(), etag=tag(user.version))
