"""Linking: from what a provider says to the user here whom it speaks of."""

from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

import asyncpg

from insula.kernel.access.context import Context
from insula.kernel.database.session import CONTEXT, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.models import User
from insula.kernel.identity.sessions import Account
from insula.kernel.identity.signing_in import Realm
from insula.kernel.mail.address import BadAddress, key_of
from insula.kernel.resource.engine import Engine
from insula.kernel.services.audit.noting import note
from insula.kernel.services.federation.flow import Known
from insula.kernel.services.federation.problems import Untrusted
from insula.kernel.services.federation.providers import Provider, domain_of, proved

LONGEST_NAME = 255

FIND = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT i.user_id FROM home__.user_identities i
     WHERE i.tenant_id = ctx.tenant_id AND i.provider_id = $2::uuid
       AND i.subject = $3::varchar LIMIT 1) r"""  # noqa: S608  # our names
)
LINK = Statement(
    """INSERT INTO home__.user_identities
       (tenant_id, id, created_at, provider_id, user_id, subject, last_used_at)
VALUES ($1::text::uuid, $2::uuid, $3::timestamptz, $4::uuid, $5::uuid, $6::varchar,
       $3::timestamptz)
ON CONFLICT DO NOTHING RETURNING id"""
)
USED = Statement(
    f"""WITH {CONTEXT}, old AS MATERIALIZED (
    SELECT o.* FROM ctx CROSS JOIN LATERAL (
        SELECT i.tenant_id, i.id FROM home__.user_identities i
         WHERE i.tenant_id = ctx.tenant_id AND i.provider_id = $2::uuid
           AND i.subject = $3::varchar LIMIT 1 FOR UPDATE SKIP LOCKED) o)
UPDATE home__.user_identities i SET last_used_at = $4::timestamptz
  FROM old WHERE (SELECT true FROM old)
   AND i.tenant_id = old.tenant_id AND i.id = old.id"""  # noqa: S608  # our names
)
VERIFY = Statement(
    """UPDATE home__.users
   SET email_verified_at = $3::timestamptz, version = version + 1,
       updated_at = $3::timestamptz
 WHERE tenant_id = $1::text::uuid AND id = $2::uuid AND email_verified_at IS NULL"""
)


class IdentityTaken(Conflict):
    """This account at the provider is linked to somebody already, or you to another."""

    code = "SSO_IDENTITY_TAKEN"


class Address(NamedTuple):
    """An address that the provider vouches for, within a domain of the tenant."""

    email: str
    name: str


class Linking:
    """Finds the user, or links one, or makes one; ``Untrusted`` where none of it may be."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine

    async def account(self, ctx: Context, known: Known, realm: Realm) -> Account:
        """Who may sign in by what is known of them."""
        provider, subject = known.provider, known.person.subject
        linked = await self._linked(ctx, provider, subject, realm)
        if linked is not None:
            await ctx.session.fetch(USED, provider.id, subject, now())
            return _able(linked)
        address = await self._address(ctx, known)
        account = await realm.accounts.find(address.email)
        if account is None:
            account = await self._created(ctx, provider, address, realm)
        if account.verified is None and account.password is not None:
            # Whoever set that password may not be who owns the address.
            raise Untrusted("the address was never proved here, and has a password")
        if not await self._link(ctx, provider, subject, _able(account).id):
            # An address may be given to somebody else; a subject never is.
            raise Untrusted("the address is linked to another subject")
        return account

    async def link(self, ctx: Context, known: Known, user_id: UUID) -> None:
        """Link whom the provider speaks of to a user who is signed in."""
        provider, subject = known.provider, known.person.subject
        found = await ctx.session.fetch(FIND, provider.id, subject)
        if found and found[0]["user_id"] == user_id:
            return
        if not await self._link(ctx, provider, subject, user_id):
            raise IdentityTaken

    async def _linked(
        self, ctx: Context, provider: Provider, subject: str, realm: Realm
    ) -> Account | None:
        rows = await ctx.session.fetch(FIND, provider.id, subject)
        return await realm.accounts.get(rows[0]["user_id"]) if rows else None

    async def _address(self, ctx: Context, known: Known) -> Address:
        """The address that the provider may speak for, by which nobody else is meant."""
        provider, person = known.provider, known.person
        if not person.email:
            raise Untrusted("the provider does not vouch for the address")
        try:
            email = key_of(person.email)
        except BadAddress:
            raise Untrusted("the address is none") from None
        domain = domain_of(email)
        if domain not in provider.domains or not await proved(ctx.session, domain):
            raise Untrusted("the address is in no proved domain of the provider")
        name = (person.name or "").replace("\x00", "").strip()[:LONGEST_NAME]
        return Address(email, name or email.partition("@")[0])

    async def _created(
        self, ctx: Context, provider: Provider, address: Address, realm: Realm
    ) -> Account:
        if not provider.create_users:
            raise Untrusted("nobody here has the address")
        roles = provider.roles or ctx.tenant.policy.registration_roles
        user = User(
            name=address.name,
            email=address.email,
            roles=list(roles),
            email_verified_at=now(),
        )
        try:
            async with self._engine().work(ctx) as work:
                await work.add(user)
        except asyncpg.UniqueViolationError:
            pass  # somebody of that address came at the same moment, or was deleted
        account = await realm.accounts.find(address.email)
        if account is None:
            raise Untrusted("the address belonged to somebody who was deleted")
        return account

    async def _link(
        self, ctx: Context, provider: Provider, subject: str, user_id: UUID
    ) -> bool:
        async with ctx.session.transaction() as transaction:
            row = uuid7(), now(), provider.id, user_id, subject
            made = await transaction.fetch(LINK, *row)
            if made:
                await self._note(transaction, ctx, provider, user_id)
        return bool(made)

    async def _note(
        self, where: Transaction, ctx: Context, provider: Provider, user_id: UUID
    ) -> None:
        await where.fetch(VERIFY, user_id, now())
        said = {"provider": provider.id}
        await note(where, ctx, "users.link_identity", ("users", user_id), said)


def _able(account: Account) -> Account:
    if account.disabled:
        raise Untrusted("the account is disabled")
    return account
