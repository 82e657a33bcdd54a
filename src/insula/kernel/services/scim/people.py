"""People: users as a directory makes, changes and removes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from scim2_models import (
    ConflictException,
    NotFoundException,
    PatchOp,
    UniquenessException,
)
from scim2_models import Context as ScimContext

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.identity.models import User as Person
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.resource.writing import DELETE
from insula.kernel.services.accounts.ranking import hold_owners
from insula.kernel.services.accounts.statements import END_SESSIONS
from insula.kernel.services.federation.providers import domain_of
from insula.kernel.services.federation.signing_in import base_url
from insula.kernel.services.scim.answering import (
    body_of,
    check_version,
    nothing,
    shown,
)
from insula.kernel.services.scim.models import ScimUser
from insula.kernel.services.scim.rank import allowed_roles, check_person
from insula.kernel.services.scim.reading import key_of, user_row, users_of
from insula.kernel.services.scim.schemas import POLICY, User
from insula.kernel.services.scim.wanted import WantedUser, completed, wanted

PROVED = Statement(
    """SELECT 1 FROM home__.identity_domains WHERE tenant_id = $1::text::uuid
   AND name = $2::varchar AND verified_at IS NOT NULL AND deleted_at IS NULL"""
)


class Held(NamedTuple):
    """A locked user, as we and as the directory see them."""

    work: WorkContext
    person: Person
    user: User
    last: bool
    """Whether nobody else is an owner who can sign in."""

    def keep_one(self) -> None:
        """Refuse to send the last owner away."""
        if self.last:
            detail = "the last owner cannot be sent away"
            raise ConflictException(detail=detail)


@dataclass(frozen=True, slots=True)
class People:
    """What a directory does with users."""

    engine: Engine
    identity: Identity

    async def get(self, ctx: Context, call: Call) -> Reply:
        """Read one user."""
        async with ctx.session.transaction() as transaction:
            row = await user_row(transaction, key_of(call))
            (user,) = await users_of(transaction, [row], base_url(ctx, call))
        return shown(user, call, context=ScimContext.RESOURCE_QUERY_RESPONSE)

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a user."""
        sent = User.model_validate(
            completed(body_of(call), active=True),
            scim_ctx=ScimContext.RESOURCE_CREATION_REQUEST,
            scim_policy=POLICY,
        )
        asked = wanted(sent)
        async with self.engine.work(ctx) as work:
            person = await self._made(work, asked)
            await self._describe(work, person, asked)
            await work.flush()
            user = await self._shown(work, call, person.id)
        self.identity.left(person.id)
        context = ScimContext.RESOURCE_CREATION_RESPONSE
        return shown(user, call, status=201, context=context)

    async def replace(self, ctx: Context, call: Call) -> Reply:
        """Replace all that a directory says of a user."""
        async with self._held(ctx, call) as held:
            known = held.user
            sent = User.model_validate(
                completed(body_of(call), active=bool(known.active)),
                scim_ctx=ScimContext.RESOURCE_REPLACEMENT_REQUEST,
                scim_policy=POLICY,
            )
            sent.replace(known)
            user = await self._change(held, call, sent)
        self.identity.left(held.person.id)
        return shown(user, call, context=ScimContext.RESOURCE_REPLACEMENT_RESPONSE)

    async def patch(self, ctx: Context, call: Call) -> Reply:
        """Change some of what a directory says of a user."""
        asked = PatchOp[User].model_validate(
            body_of(call),
            scim_ctx=ScimContext.RESOURCE_PATCH_REQUEST,
            scim_policy=POLICY,
        )
        async with self._held(ctx, call) as held:
            user = held.user
            if asked.patch(user, scim_policy=POLICY):
                user = await self._change(held, call, user)
        self.identity.left(held.person.id)
        return shown(user, call, context=ScimContext.RESOURCE_PATCH_RESPONSE)

    async def delete(self, ctx: Context, call: Call) -> Reply:
        """Remove a user, who is out at once."""
        async with self._held(ctx, call) as held:
            held.keep_one()
            work, person = held.work, held.person
            await work.transaction.fetch(END_SESSIONS, person.id, now(), None)
            await self._trash(work, person.id)
            for words in await work.select(ScimUser, ScimUser.user_id == person.id):
                words.deleted_at = now()
        self.identity.left(person.id)
        return nothing()

    @asynccontextmanager
    async def _held(self, ctx: Context, call: Call) -> AsyncIterator[Held]:
        """A locked user whom the token may change."""
        key = key_of(call)
        # Before the transaction, which would need a second connection for it.
        account = await self.identity.users(ctx).accounts.get(key)
        if account is None:
            raise NotFoundException(detail="there is no such resource")
        await check_person(ctx, self.engine.roles, account)
        async with self.engine.work(ctx) as work:
            last = await hold_owners(work.transaction, key)
            person = await work.lock(Person, key)
            if set(person.roles) != set(account.roles):
                raise ConflictException(detail="their roles were changed just now")
            user = await self._shown(work, call, key)
            check_version(call, user)
            yield Held(work, person, user, last)

    async def _made(self, work: WorkContext, asked: WantedUser) -> Person:
        """A new user; whoever was removed keeps their address, and is restored here."""
        roles = await allowed_roles(work.transaction, work, self.engine.roles)
        person = Person(name=asked.name, email=asked.email, roles=roles)
        if not await work.add_missing([person]):
            detail = "somebody has this address, or had it and was removed"
            raise UniquenessException(detail=detail)
        return await work.lock(Person, person.id)

    async def _describe(
        self, work: WorkContext, person: Person, asked: WantedUser
    ) -> None:
        """Have our tables say what the directory does."""
        if asked.email != person.email or person.email_verified_at is None:
            proved = await work.transaction.fetch(PROVED, domain_of(asked.email))
            person.email_verified_at = now() if proved else None
        person.email, person.name = asked.email, asked.name
        person.external_id, person.locale = asked.external_id, asked.locale
        if asked.active is (person.disabled_at is not None):
            person.disabled_at = None if asked.active else now()
        found = await work.select(ScimUser, ScimUser.user_id == person.id)
        if not found:
            words = ScimUser(
                user_id=person.id,
                user_name=asked.user_name,
                user_key=asked.key,
                attributes=asked.attributes,
            )
            await work.add(words)
            return
        (kept,) = found
        kept.user_name, kept.user_key = asked.user_name, asked.key
        kept.attributes = asked.attributes

    async def _change(self, held: Held, call: Call, user: User) -> User:
        work, person = held.work, held.person
        asked = wanted(user)
        if not asked.active:
            held.keep_one()
            await work.transaction.fetch(END_SESSIONS, person.id, now(), None)
        await self._describe(work, person, asked)
        await work.flush()
        return await self._shown(work, call, person.id)

    async def _shown(self, work: WorkContext, call: Call, user_id: UUID) -> User:
        row = await user_row(work.transaction, user_id)
        (user,) = await users_of(work.transaction, [row], base_url(work, call))
        return user

    async def _trash(self, work: WorkContext, user_id: UUID) -> None:
        writer = self.engine.api("users").writer
        changed = {"deleted_at": now()}
        statement, args = writer.change(user_id, None, changed, work, DELETE)
        if not await work.transaction.fetch(statement, *args):
            raise NotFoundException(detail="there is no such resource")
