"""The service: how the rest of the platform stores, reads and removes tenants' files."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from insula.kernel.access.actor import ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.foundation.errors import TooLarge
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.arriving import Arrival, Reception
from insula.kernel.services.files.models import File
from insula.kernel.services.files.quota import STORAGE, Usage, read_usage, reserve
from insula.kernel.storage.disks import Disk, Storage
from insula.kernel.storage.links import Links
from insula.kernel.storage.places import Folder
from insula.kernel.storage.scanning import Scanner

BOUNDLESS = 2**62
LimitOf = Callable[[UUID, str], Awaitable[int | None]]
"""What a tenant's plan says of a limit; None if it says nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Bytes that one file may have, and all of a tenant whose plan does not say."""

    file: int = 100 * 2**20
    tenant: int = 10 * 2**30


@dataclass(frozen=True, slots=True)
class NewFile:
    """What a file is called, and what becomes of it."""

    name: str
    subject_type: str | None = None
    subject_id: UUID | None = None
    expires_at: datetime | None = None


class Files:
    """The files of all tenants, and the parts that work on them."""

    def __init__(
        self,
        storage: Storage,
        scanner: Scanner,
        limit_of: LimitOf,
        key: bytes,
        *,
        bounds: Bounds,
        clock: Clock = now,
    ) -> None:
        self.storage, self.bounds, self.clock = storage, bounds, clock
        self.links = Links(key)
        self._reception, self._limit_of = Reception(storage, scanner), limit_of

    def disk(self, tenant_id: UUID) -> Disk:
        """The content of a tenant's files."""
        return self.storage.disk(tenant_id)

    async def ceiling(self, tenant_id: UUID) -> int:
        """The bytes that all files of a tenant may have."""
        limit = await self._limit_of(tenant_id, STORAGE)
        return self.bounds.tenant if limit is None else limit

    async def receive(
        self,
        ctx: Context,
        chunks: AsyncIterator[bytes],
        *,
        folder: Folder = Folder.attachments,
        expected: int = 0,
        limit: int | None = None,
    ) -> Arrival:
        """Store content outside of any transaction; ``record`` makes a file of it.

        An attachment for which there is no room now is not even received, as far as
        that can be told from ``expected``. What a service makes in another folder,
        such as a person's own data, is never refused for its size.
        """
        ceiling, largest = None, limit or BOUNDLESS
        if folder is Folder.attachments:
            ceiling, largest = await self._room(ctx, expected, limit)
        try:
            return await self._reception.receive(
                ctx.tenant.id, chunks, folder=folder, limit=largest, ceiling=ceiling
            )
        except TooLarge:
            if ceiling is not None and largest < (limit or self.bounds.file):
                raise Usage(ceiling - largest, ceiling).full() from None
            raise

    async def _room(
        self, ctx: Context, expected: int, limit: int | None
    ) -> tuple[int, int]:
        """Bytes that all files of the tenant may have, and those that one more may."""
        ceiling = await self.ceiling(ctx.tenant.id)
        async with ctx.session.transaction() as transaction:
            usage = await read_usage(transaction, ceiling)
        room = ceiling - usage.used
        if expected > room:
            raise usage.full()
        return ceiling, min(room, limit or self.bounds.file)

    async def record(self, work: WorkContext, arrival: Arrival, new: NewFile) -> File:
        """Make a file of content that has arrived, and take the room for it.

        Both commit with ``work`` or not at all; raises ``StorageFull``.
        """
        await reserve(work.transaction, arrival.size, arrival.ceiling)
        is_user = work.actor.kind == ActorKind.user
        return await work.add(
            File(
                name=new.name,
                content_type=arrival.content_type,
                size=arrival.size,
                sha256=arrival.sha256,
                folder=arrival.folder,
                storage_key=arrival.storage_key,
                state=arrival.state,
                scan=arrival.finding.verdict,
                found=arrival.finding.name,
                variants=dict(arrival.variants),
                owner_id=work.actor.id if is_user else None,
                subject_type=new.subject_type,
                subject_id=new.subject_id,
                expires_at=new.expires_at,
            )
        )

    async def discard(self, ctx: Context, arrival: Arrival) -> None:
        """Remove content for which it is certain that no file was made of it."""
        await self._reception.discard(ctx.tenant.id, arrival)

    async def remove_tenant(self, tenant_id: UUID) -> None:
        """Remove all content of a tenant that is being purged; safe to repeat."""
        await self.disk(tenant_id).delete_all()
