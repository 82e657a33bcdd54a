"""Asking for mails: what strangers may have sent, and never learn whether it was.

The request leaves a job behind, whatever the address; a worker looks whether there is an
account. So the answer takes the same time, and says the same.
"""

import hashlib
from typing import Literal

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.jobs.models import Queue
from insula.kernel.resource.declaration import Command
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.tasks import Task
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.answers import require_passwords, sent
from insula.kernel.services.accounts.bodies import Addressed
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.statements import BY_ADDRESS

WRITE = "accounts.write"
PLACE = "jobs.accounts"


class Write(Command):
    """Write to an address, if there is an account for it."""

    purpose: Literal["verify", "reset"]
    address: str
    """Sealed: nobody who reads jobs learns who forgot what."""


class Asking:
    """Takes wishes for mails, and has them fulfilled."""

    def __init__(self, engine: Engine, sealer: Sealer, mails: AccountMails) -> None:
        self._engine, self._sealer, self._mails = engine, sealer, mails

    async def verification(self, ctx: Context, call: Call) -> Reply:
        """Send the mail that asks for a confirmation once more."""
        return await self._ask(ctx, "verify", call.body)

    async def reset(self, ctx: Context, call: Call) -> Reply:
        """Send a link with which a forgotten password is replaced."""
        require_passwords(ctx)
        return await self._ask(ctx, "reset", call.body)

    async def _ask(
        self, ctx: Context, purpose: Literal["verify", "reset"], body: Addressed
    ) -> Reply:
        tenant_id, address = ctx.tenant.id, body.email
        named = hashlib.sha256(f"{tenant_id}:{address}".encode()).hexdigest()
        command = Write(
            purpose=purpose,
            address=self._sealer.seal(tenant_id, PLACE, address.encode()),
        )
        task = task_of(self._sealer, self._mails)
        async with self._engine.work(ctx) as work:
            unique = f"{WRITE}:{purpose}:{named[:32]}"
            work.enqueue(task, command, unique=unique, system=True)
        return sent()


def task_of(sealer: Sealer, mails: AccountMails) -> Task:
    """What looks whether there is such an account, and writes to it."""

    async def run(work: WorkContext, command: Write) -> None:
        raw = sealer.open(work.tenant.id, PLACE, command.address)
        address = raw.decode()
        for row in await work.transaction.fetch(BY_ADDRESS, address):
            if row["deleted_at"] is not None or row["disabled_at"] is not None:
                return
            if command.purpose == "reset":
                await mails.reset(work, row["id"], address)
            elif row["email_verified_at"] is None:
                await mails.verify(work, row["id"], address)

    return Task(name=WRITE, command=Write, run=run, queue=Queue.email)
