"""Accidents on purpose: a step that fails, and a process that dies in the middle."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch
from uuid import UUID

import asyncpg

import insula.kernel.events.journal
import insula.kernel.identity.models  # tables of the kernel's series
import insula.kernel.services.models  # noqa: F401  # homes are made from the models
from insula.kernel.database.cluster import Cluster
from insula.kernel.database.pool import Connection, Pools
from insula.kernel.database.session import Session
from insula.kernel.identity.owner import seed_owner
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.homes import Homes
from insula.kernel.tenancy.provisioning import NewTenant, Provisioning, Terms
from insula.kernel.tenancy.saga import Deed, Edge, Saga
from insula.kernel.tenancy.saga_record import Work
from insula.kernel.tenancy.series import KERNEL

Strike = Callable[[], None]

PROCESSES = get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])


def provisioning_of(control: Control, homes: Homes, pools: Pools) -> Provisioning:
    """The service as servers and the command line have it."""
    return Provisioning(
        control,
        homes,
        lambda home, tenant_id: Session(pools, home, tenant_id),
        (seed_owner,),
        Terms(base_domain="insula.test", grace_days=30),
    )


def sabotage(provisioning: Provisioning, at: str, strike: Strike) -> None:
    """Have something happen at a step of every saga: its work is done, unrecorded."""
    sagas = provisioning._runner._sagas
    for kind, saga in sagas.items():
        sagas[kind] = _broken(saga, at, strike)


def _broken(saga: Saga, at: str, strike: Strike) -> Saga:
    steps = tuple(
        replace(step, do=_struck_deed(step.do, strike)) if step.name == at else step
        for step in saga.steps
    )
    begin, finish = (
        Edge(edge.name, _struck_act(edge, strike)) if edge.name == at else edge
        for edge in (saga.begin, saga.finish)
    )
    return replace(saga, begin=begin, steps=steps, finish=finish)


def _struck_deed(do: Deed, strike: Strike) -> Deed:
    async def deed(work: Work) -> None:
        await do(work)
        strike()

    return deed


def _struck_act(edge: Edge, strike: Strike) -> Callable[..., Any]:
    async def act(connection: Connection, work: Work) -> None:
        await edge.act(connection, work)
        strike()

    return act


def killed_at(step: str, cluster: Cluster, wish: NewTenant | UUID) -> bool:
    """Create or remove a tenant in a process that is killed in a step; whether it was."""
    return _killed(_die_at_step, cluster, wish, step)


def killed_before(statement: int, cluster: Cluster, wish: NewTenant | UUID) -> bool:
    """The same, killed before its n-th SQL statement."""
    return _killed(_die_at_statement, cluster, wish, statement)


def killed_during(statement: str, cluster: Cluster, wish: NewTenant | UUID) -> bool:
    """The same, killed while PostgreSQL works on a statement of that kind."""
    return _killed(_die_during, cluster, wish, statement)


def _killed(target: Callable[..., None], *args: object) -> bool:
    process = PROCESSES.Process(target=target, args=args)
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_at_step(cluster: Cluster, wish: NewTenant | UUID, step: str) -> None:
    asyncio.run(_grant(cluster, wish, step))


def _die_at_statement(cluster: Cluster, wish: NewTenant | UUID, statement: int) -> None:
    left = statement

    def counted(run: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                _die()
            return run(*args, **kwargs)

        return call

    for name in ("execute", "fetch", "fetchrow", "fetchval", "prepare"):
        method = getattr(asyncpg.Connection, name)
        setattr(asyncpg.Connection, name, counted(method))
    asyncio.run(_grant(cluster, wish, ""))


def _die_during(cluster: Cluster, wish: NewTenant | UUID, statement: str) -> None:
    execute = asyncpg.Connection.execute

    def watched(self: Connection, query: str, *args: Any, **kwargs: Any) -> Any:
        if query.startswith(statement):
            threading.Timer(0.01, _die).start()
        return execute(self, query, *args, **kwargs)

    with patch.object(asyncpg.Connection, "execute", watched):
        asyncio.run(_grant(cluster, wish, ""))


async def _grant(cluster: Cluster, wish: NewTenant | UUID, step: str) -> None:
    pools = Pools(budget=8)
    control = Control(pools, cluster.app(cluster.control))
    provisioning = provisioning_of(control, Homes(control, cluster, [KERNEL]), pools)
    sabotage(provisioning, step, _die)
    if isinstance(wish, UUID):
        await provisioning.delete_now(wish)
    else:
        await provisioning.create(wish)
    await pools.close()
