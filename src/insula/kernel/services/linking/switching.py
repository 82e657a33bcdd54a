"""Switching: from one's user in a tenant to one's user in another, without a password."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import time
from uuid import UUID

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.database.home import Home
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import Conflict, Denied, NotFound
from insula.kernel.foundation.sealing import SealBroken, Sealer
from insula.kernel.identity.one_time import OneTimeTokens, TokenSpent
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import Identity, SignedIn
from insula.kernel.services.accounts.answers import own_id_in_person
from insula.kernel.services.audit.noting import note
from insula.kernel.services.linking.members import (
    Member,
    Members,
    Person,
    person_of,
)
from insula.kernel.tenancy.directory import Directory
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.tenant import Tenant

PURPOSE, PLACE, PREFIX = "switch", "accounts.link", "insl_"
OFFER_LASTS, SWITCH_LASTS = 600, timedelta(minutes=1)
NOBODY = UUID(int=0)
OpenSession = Callable[[Home, UUID], Session]


class LinkingForbidden(Denied):
    """This organisation lets nobody link their account with one elsewhere."""

    code = "LINKING_FORBIDDEN"


class NotTheSame(Conflict):
    """Both accounts need the same address, confirmed at both."""

    code = "ACCOUNTS_DIFFER"


class LinkAsleep(Conflict):
    """Sign in with your password; if it or your address changed since, link once more."""

    code = "LINK_ASLEEP"


class Offer(msgspec.Struct, frozen=True):
    """What one side of a link says of itself, sealed, for the other."""

    tenant: UUID
    user: UUID
    until: int


@dataclass(frozen=True, slots=True)
class Organisation:
    """Where the same person has a user."""

    id: UUID
    slug: str
    name: str
    host: str
    current: bool


@dataclass(frozen=True, slots=True)
class Switcher:
    """Links users of several tenants, and takes a person from one to the other."""

    members: Members
    directory: Directory
    open_session: OpenSession
    identity: Identity
    tokens: OneTimeTokens
    sealer: Sealer

    async def offer(self, ctx: Context) -> str:
        """What to show at the other organisation, within ten minutes."""
        user_id, _ = await self._me(ctx)
        offer = Offer(ctx.tenant.id, user_id, int(time()) + OFFER_LASTS)
        await note(ctx.session, ctx, "auth.link_offered", ("user", user_id))
        return PREFIX + self.sealer.seal(NOBODY, PLACE, msgspec.json.encode(offer))

    async def accept(self, ctx: Context, text: str) -> None:
        """Link with whoever made the offer, if it is the same person."""
        user_id, me = await self._me(ctx)
        offer = self._read(text)
        theirs = await self._tenant(offer.tenant)
        if theirs is None or theirs.id == ctx.tenant.id:
            raise TokenSpent
        session = self.open_session(theirs.home, theirs.id)
        other = await person_of(session, offer.user)
        if other is None:
            raise TokenSpent
        proved = me.email_verified_at and other.email_verified_at
        if not proved or me.email != other.email:
            raise NotTheSame
        # The other organisation's log has that its user linked, and not with whom.
        await note(ctx.session, ctx, "auth.linked", ("user", user_id))
        await self.members.link(
            (offer.tenant, offer.user), (ctx.tenant.id, user_id), me.email
        )

    async def organisations(self, ctx: Context) -> Sequence[Organisation]:
        """Where the caller has users, as far as these tenants allow links."""
        user_id, _ = await self._me(ctx)
        found = []
        for member in await self.members.of(ctx.tenant.id, user_id):
            tenant = await self._tenant(member.tenant_id)
            if tenant is not None:
                current = tenant.id == ctx.tenant.id
                named = tenant.id, tenant.slug, tenant.name, tenant.domain
                found.append(Organisation(*named, current))
        return found

    async def switch(self, ctx: Context, tenant_id: UUID) -> tuple[str, str]:
        """The host of another organisation, and a token that is redeemed there once."""
        user_id, me = await self._me(ctx)
        both = {
            it.tenant_id: it for it in await self.members.of(ctx.tenant.id, user_id)
        }
        there, tenant = both.get(tenant_id), await self._tenant(tenant_id)
        if there is None or tenant is None or tenant.id == ctx.tenant.id:
            raise NotFound
        if not self._awake(ctx, both[ctx.tenant.id], me):
            raise LinkAsleep
        session = self.open_session(tenant.home, tenant.id)
        other = await person_of(session, there.user_id)
        if other is None:
            raise NotFound
        data = {"methods": list(ctx.actor.factors)}
        async with session.transaction() as transaction:
            token = await self.tokens.issue(
                transaction, PURPOSE, there.user_id, SWITCH_LASTS, data
            )
        await note(ctx.session, ctx, "auth.switched", ("user", user_id))
        return tenant.domain, token

    async def redeem(self, ctx: Context, text: str, origin: Origin) -> SignedIn:
        """Come in, if the gates of this organisation let one in."""
        if not ctx.tenant.policy.linking:
            raise LinkingForbidden
        async with ctx.session.transaction() as transaction:
            proof = await self.tokens.redeem(transaction, PURPOSE, text)
        realm = self.identity.users(ctx)
        user_id = proof.subject_id
        account = None if user_id is None else await realm.accounts.get(user_id)
        if account is None or account.disabled:
            raise TokenSpent
        return await realm.enter(account, tuple(proof.data["methods"]), origin)

    async def leave(self, ctx: Context) -> None:
        """Unlink the caller's user here from all others."""
        user_id = own_id_in_person(ctx)
        await note(ctx.session, ctx, "auth.unlinked", ("user", user_id))
        await self.members.leave(ctx.tenant.id, user_id)

    async def _me(self, ctx: Context) -> tuple[UUID, Person]:
        user_id = own_id_in_person(ctx)
        if not ctx.tenant.policy.linking:
            raise LinkingForbidden
        me = await person_of(ctx.session, user_id)
        if me is None:
            raise NotFound
        return user_id, me

    async def _tenant(self, tenant_id: UUID) -> Tenant | None:
        """A tenant that takes part; None for one that is gone or forbids it."""
        try:
            tenant = await self.directory.with_id(tenant_id)
        except TenantNotFound:
            return None
        return tenant if tenant.policy.linking else None

    def _read(self, text: str) -> Offer:
        try:
            raw = self.sealer.open(NOBODY, PLACE, text.removeprefix(PREFIX))
            offer = msgspec.json.decode(raw, type=Offer)
        except (SealBroken, msgspec.DecodeError, UnicodeError):
            raise TokenSpent from None
        if offer.until <= time():
            raise TokenSpent
        return offer

    @staticmethod
    def _awake(ctx: Context, mine: Member, me: Person) -> bool:
        """Whether nobody but the person can be behind this session.

        Whoever runs an organisation can give a user another address, and sign in by
        mail or through a directory of theirs; the password they do not know.
        """
        return "pwd" in ctx.actor.factors and mine.is_still(me)
