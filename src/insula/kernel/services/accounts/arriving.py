"""Arriving: people are told when somebody signs in as them from somewhere new."""

from contextlib import suppress
from ipaddress import ip_address
from uuid import UUID

from insula.kernel.foundation.errors import Invalid
from insula.kernel.identity.gates import Entry
from insula.kernel.mail.address import spoken
from insula.kernel.resource.engine import Engine
from insula.kernel.services.accounts.security_mail import spoken_time
from insula.kernel.services.accounts.statements import EARLIER
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.pages.addresses import Origins

PREFIX = {4: 24, 6: 48}
"""Bits of an address that stay the same where one network gives it."""


class NewDevice:
    """Compares a sign-in with the earlier ones of its user (ASVS 6.3.5).

    One is ordinary whose program and whose network were both seen before. The first of
    all is nothing to tell of.
    """

    def __init__(self, engine: Engine, origins: Origins) -> None:
        self._engine, self._origins = engine, origins

    async def __call__(self, entry: Entry, session: UUID) -> None:
        """Somebody came in, by that session."""
        ctx, origin, user_id = entry.ctx, entry.origin, entry.account.id
        rows = await ctx.session.fetch(EARLIER, user_id, session)
        agents = {row["user_agent"] for row in rows}
        networks = {network(row["client"]) for row in rows}
        if not rows or (
            origin.user_agent in agents and network(origin.client) in networks
        ):
            return
        async with self._engine.work(ctx) as work:
            with suppress(Invalid):  # an address that nobody can write to
                await send_mail(
                    work,
                    to=user_id,
                    template="mail.new_device",
                    at=spoken_time(work.now),
                    agent=spoken(origin.user_agent or "-")[:200],
                    address=origin.client,
                    link=self._origins.link(work.tenant.domain, "/profile/sessions"),
                )


def network(client: str | None) -> str:
    """The part of an address that tells where it is, rather than who is there."""
    try:
        address = ip_address(client or "")
    except ValueError:
        return ""
    spare = address.max_prefixlen - PREFIX[address.version]
    return f"{address.version}:{int(address) >> spare:x}"
