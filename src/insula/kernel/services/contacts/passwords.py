"""Passwords of contacts: chosen with the token of a mail, which proves the address too."""

from datetime import timedelta
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.identity.one_time import OneTimeTokens, TokenSpent
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.audit.noting import note
from insula.kernel.services.contacts.bodies import Forgotten, PortalPassword
from insula.kernel.services.contacts.models import Contact
from insula.kernel.services.contacts.sessions import END_ALL, ContactSessions
from insula.kernel.services.mail.outgoing import sealed, send_mail
from insula.kernel.services.pages.addresses import Origins

PURPOSE = "contact_password"
LASTS = timedelta(days=7)
MOST, WHILE = 5, timedelta(hours=1)
TEMPLATE = "mail.set_password"

SET = Statement(
    """UPDATE home__.contacts SET password = $4::text, verified_at = $5::timestamptz,
       updated_at = $5::timestamptz, version = version + 1
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND email = $3::varchar
   AND disabled_at IS NULL AND deleted_at IS NULL RETURNING 1"""
)
LATELY = Statement(
    """SELECT count(*) AS sent FROM home__.mails WHERE tenant_id = $1::text::uuid
   AND recipient = $2::varchar AND template = $3::varchar
   AND created_at > $4::timestamptz"""
)


class PortalPasswords:
    """Invites contacts to choose a password, and keeps the one they choose."""

    def __init__(
        self,
        engine: Engine,
        identity: Identity,
        tokens: OneTimeTokens,
        sealer: Sealer,
        origins: Origins,
    ) -> None:
        self._engine, self._identity = engine, identity
        self._tokens, self._sealer, self._origins = tokens, sealer, origins

    async def ask(self, ctx: Context, call: Call) -> Reply:
        """Have a mail sent to choose a password with; who is unknown is told the same."""
        body: Forgotten = call.body
        account = await ContactSessions(ctx.session).find(body.email.strip().lower())
        if account is not None and not account.disabled:
            async with self._engine.work(ctx) as work:
                await self.invite(work, account.id, account.email)
        return Reply(status=202)

    async def invite(self, work: WorkContext, contact_id: UUID, email: str) -> None:
        """Send the mail, unless enough of them went there lately."""
        since = work.now - WHILE
        rows = await work.transaction.fetch(LATELY, email, TEMPLATE, since)
        if rows[0]["sent"] >= MOST:
            return
        data = {"email": email}
        token = await self._tokens.issue(
            work.transaction, PURPOSE, contact_id, LASTS, data
        )
        path = f"/portal/password#token={token}"
        link = self._origins.link(work.tenant.domain, path)
        await send_mail(
            work,
            to=email,
            template=TEMPLATE,
            link=sealed(self._sealer, work.tenant.id, link),
            days=LASTS.days,
        )

    async def choose(self, ctx: Context, call: Call) -> Reply:
        """Choose a password; every sign-in of before ends."""
        body: PortalPassword = call.body
        async with ctx.session.transaction() as transaction:
            proof = await self._tokens.look(transaction, PURPOSE, body.token)
        email, contact_id = proof.data["email"], proof.subject_id
        if contact_id is None:
            raise TokenSpent
        check_password(body.password, [email, ctx.tenant.name, ctx.tenant.slug])
        hashed = await hash_password(body.password)
        async with self._engine.work(ctx) as work:
            transaction = work.transaction
            await self._tokens.redeem(transaction, PURPOSE, body.token)
            if not await transaction.fetch(SET, contact_id, email, hashed, now()):
                raise TokenSpent
            await transaction.fetch(END_ALL, contact_id, now())
            await self._tokens.withdraw(transaction, PURPOSE, contact_id)
            await note(transaction, work, "contacts.password", ("contact", contact_id))
        self._identity.left(contact_id)
        return Reply()

    async def invited(self, ctx: Context, contact_id: UUID) -> Contact:
        """Invite a contact on behalf of the staff; raises ``NotFound``."""
        async with self._engine.work(ctx) as work:
            contact = await work.lock(Contact, contact_id)
            contact.invited_at = work.now
            await self.invite(work, contact.id, contact.email)
        return contact
