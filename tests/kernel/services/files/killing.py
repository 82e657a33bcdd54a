"""A process that uploads a file, and is killed before the n-th thing that it does."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from multiprocessing import get_context
from typing import Any
from uuid import UUID

import asyncpg

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.database.cluster import Cluster
from insula.kernel.foundation.settings import Settings
from insula.kernel.resource.engine import registered_apps
from insula.kernel.services.files.operations import file_operations
from insula.kernel.storage.directory import DirectoryStore
from insula.kernel.storage.stores import Store
from insula.server.platform import Platform
from tests.kernel.services.files.desk import photo

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])

STEPS = (
    (asyncpg.Connection, "execute"),
    (asyncpg.Connection, "fetch"),
    (Store, "_put"),
    (DirectoryStore, "_settle"),
)
"""What counts as a thing that it does: every statement, and both ends of every write."""


def killed_before(step: int, settings: Settings, cluster: Cluster, of: UUID) -> bool:
    """Upload a photo in a process that dies before a step; whether it got so far."""
    process = PROCESSES.Process(target=_die_before, args=(step, settings, cluster, of))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _die_before(step: int, settings: Settings, cluster: Cluster, of: UUID) -> None:
    left = step

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return run(*args, **kwargs)

        return call

    asyncio.run(_upload(settings, cluster, of, counted))


async def _upload(
    settings: Settings, cluster: Cluster, of: UUID, counted: Callable[..., Any]
) -> None:
    platform = Platform(settings, cluster, registered_apps())
    tenant = await platform.directory.with_id(of)
    session = platform.open_session(tenant.home, tenant.id)
    owner = Actor(ActorKind.user, of, tenant=of, grants=("*",))
    ctx = Context(owner, tenant=tenant, session=session)
    every = file_operations(platform.files, platform.engine)
    create = next(it for it in every if it.name == "files.create")
    for kind, name in STEPS:
        setattr(kind, name, counted(getattr(kind, name)))
    await create.run(ctx, Call("/api/v1/files", chunks=_arriving(photo())))
    await platform.close()


async def _arriving(content: bytes) -> AsyncIterator[bytes]:
    yield content
