"""Inviting: somebody is asked to come in, and comes with the token of the mail."""

from datetime import timedelta
from uuid import UUID

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import (
    Conflict,
    Denied,
    Invalid,
    NotFound,
    Unauthenticated,
)
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.models import User
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.opaque import OpaqueToken, OpaqueTokens
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.identity.signing_in import Identity
from insula.kernel.mail.address import spoken
from insula.kernel.resource.api import row_id
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.access.granting import check_roles
from insula.kernel.services.accounts.answers import (
    done,
    known_of,
    require_passwords,
    row_reply,
)
from insula.kernel.services.accounts.bodies import Acceptance, NewInvitation
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.models import Invitation, InvitationState
from insula.kernel.services.accounts.statements import (
    BY_ADDRESS,
    END_SESSIONS,
    RENEWED,
    RESET_PASSWORD,
)
from insula.kernel.services.accounts.users import taken
from insula.kernel.services.mail.outgoing import send_mail

PREFIX = "insv"
AGAIN = timedelta(days=7)
"""How long an invitation is good for that was sent once more."""


class AddressInUse(Conflict):
    """There is an account with this address already: sign in with it."""

    code = "INVITATION_MOOT"


class Inviting:
    """Makes, resends, revokes and redeems invitations."""

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        authenticator: Authenticator,
        mails: AccountMails,
        key: bytes,
    ) -> None:
        self._engine, self._identity, self._mails = engine, identity, mails
        self._authenticator = authenticator
        self._tokens = OpaqueTokens(key, PREFIX)
        self.api, self._book = engine.api("invitations"), engine.roles

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Invite somebody, with roles that the caller may give."""
        body: NewInvitation = call.body
        inviter = await self._inviter(ctx)
        roles = list(dict.fromkeys(body.roles))
        async with self._engine.work(ctx) as work:
            await check_roles(work.transaction, self._book, ctx.actor, roles)
            await self._make_way(work, body.email)
            invitation = Invitation(
                email=body.email,
                roles=roles,
                locale=body.locale,
                token_hash="",
                expires_at=now() + timedelta(days=body.days),
                invited_by=ctx.actor.id if ctx.actor.kind == ActorKind.user else None,
            )
            token = self._tokens.make(ctx.tenant.id, invitation.id)
            invitation.token_hash = self._tokens.hash(token)
            if not await work.add_missing([invitation]):
                raise taken()
            await self._write(work, invitation, token, inviter)
        return row_reply(ctx, self.api, invitation, 201)

    async def resend(self, ctx: Context, call: Call) -> Reply:
        """Send an invitation once more; the token of the last mail is void."""
        key, inviter = row_id(call), await self._inviter(ctx)
        token = self._tokens.make(ctx.tenant.id, key)
        async with self._engine.work(ctx) as work:
            invitation = await self._pending(work, key)
            roles = invitation.roles
            await check_roles(work.transaction, self._book, ctx.actor, roles)
            invitation.expires_at = now() + AGAIN
            # Apart from the row's changes, which the journal keeps.
            hashed = self._tokens.hash(token)
            await work.transaction.fetch(RENEWED, key, hashed)
            await self._write(work, invitation, token, inviter)
        return row_reply(ctx, self.api, invitation)

    async def revoke(self, ctx: Context, call: Call) -> Reply:
        """Make an invitation void."""
        async with self._engine.work(ctx) as work:
            invitation = await self._pending(work, row_id(call))
            work.move(invitation, InvitationState.revoked)
        return row_reply(ctx, self.api, invitation)

    async def accept(self, ctx: Context, call: Call) -> Reply:
        """Come in: the mail proves the address (R32), so nothing else is asked."""
        body: Acceptance = call.body
        require_passwords(ctx)
        token = self._read(ctx, body.token)
        email = await self._look(ctx, token)
        check_password(body.password, known_of(ctx, email, body.name))
        hashed = await hash_password(body.password)
        async with self._engine.work(ctx) as work:
            invitation = await self._good(work, token)
            user_id = await self._arrive(work, invitation, body, hashed)
            work.move(invitation, InvitationState.accepted)
            invitation.user_id, invitation.accepted_at = user_id, now()
        self._identity.left(user_id)
        return done()

    async def _arrive(
        self, work: WorkContext, invitation: Invitation, body: Acceptance, hashed: str
    ) -> UUID:
        """The new user; or whoever registered with the address and never proved it.

        What a stranger began with somebody's address is theirs from now on, with the
        password that they chose.
        """
        user = User(
            name=body.name,
            email=invitation.email,
            password=hashed,
            roles=list(invitation.roles),
            locale=invitation.locale,
            email_verified_at=now(),
        )
        if await work.add_missing([user]):
            return user.id
        (row,) = await work.transaction.fetch(BY_ADDRESS, invitation.email)
        if row["email_verified_at"] is not None or row["deleted_at"] is not None:
            raise AddressInUse
        moment = now()
        values = row["id"], hashed, invitation.email, moment
        if not await work.transaction.fetch(RESET_PASSWORD, *values):
            raise AddressInUse
        await work.transaction.fetch(END_SESSIONS, row["id"], moment, None)
        known = await work.lock(User, row["id"])
        known.name, known.roles = body.name, list(invitation.roles)
        return known.id

    async def _make_way(self, work: WorkContext, email: str) -> None:
        """Refuse an address that is somebody's; let go of an invitation that expired."""
        for row in await work.transaction.fetch(BY_ADDRESS, email):
            if row["email_verified_at"] is not None or row["deleted_at"] is not None:
                raise taken()
        old = await work.select(
            Invitation,
            Invitation.__table__.c.email == email,
            Invitation.__table__.c.state == InvitationState.pending,
            Invitation.__table__.c.expires_at <= now(),
        )
        for invitation in old:
            work.move(invitation, InvitationState.revoked)
        await work.flush()

    async def _pending(self, work: WorkContext, key: UUID) -> Invitation:
        invitation = await work.lock(Invitation, key)
        if invitation.state is not InvitationState.pending:
            raise Conflict
        return invitation

    def _read(self, ctx: Context, text: str) -> OpaqueToken:
        try:
            token = self._tokens.read(text)
        except Unauthenticated:
            raise TokenSpent from None
        if token.tenant_id != ctx.tenant.id:
            raise TokenSpent
        return token

    async def _look(self, ctx: Context, token: OpaqueToken) -> str:
        """The address of an invitation that stands, and whose inviter still may invite.

        Who was sent away brings nobody in. No transaction is open while that is asked:
        it takes a connection of its own.
        """
        async with self._engine.work(ctx) as work:
            invitation = await self._good(work, token)
        if invitation.invited_by is None:
            return invitation.email
        inviter = await self._authenticator.user(ctx.tenant, invitation.invited_by)
        if inviter is None or not inviter.may("users.invite"):
            raise TokenSpent
        try:
            roles = invitation.roles
            await check_roles(ctx.session, self._book, inviter, roles)
        except (Denied, Invalid):
            raise TokenSpent from None
        return invitation.email

    async def _good(self, work: WorkContext, token: OpaqueToken) -> Invitation:
        """The invitation of a token, locked, if it still stands."""
        try:
            invitation = await work.lock(Invitation, token.row_id)
        except NotFound:
            raise TokenSpent from None
        stands = (
            invitation.state is InvitationState.pending
            and invitation.token_hash == token.hash
            and invitation.expires_at > now()
        )
        if not stands:
            raise TokenSpent
        return invitation

    async def _inviter(self, ctx: Context) -> str:
        """Who invites, as the mail says it."""
        if ctx.actor.kind != ActorKind.user:
            return ctx.tenant.name
        return (await self._identity.users(ctx).current(ctx.actor)).name

    async def _write(
        self, work: WorkContext, invitation: Invitation, token: str, inviter: str
    ) -> None:
        left = invitation.expires_at - now()
        await send_mail(
            work,
            to=invitation.email,
            template="mail.invitation",
            language=invitation.locale or work.tenant.policy.locale,
            link=self._mails.link(work, "/accept-invitation", token),
            inviter=spoken(inviter)[:100],
            days=max(1, round(left / timedelta(days=1))),
        )
