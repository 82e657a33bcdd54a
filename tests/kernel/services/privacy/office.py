"""An office: people ask through the front door, and the work is done by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Problem
from insula.kernel.resource.tasks import Errand, Progress
from insula.kernel.services.privacy.requests import CarryOut
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

REQUESTS = "data-requests"


class Refused(Exception):
    """The answer was a problem; its code is the argument."""


@contextmanager
def refused(problem: type[Problem]) -> Iterator[None]:
    """What is asked in the block is refused for that reason."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.args == (problem.code,)


@dataclass(frozen=True, slots=True)
class Office:
    """One tenant's people and their requests."""

    house: House
    tenant: Tenant

    async def somebody(self, role: str) -> Caller:
        """A new user with a role."""
        return await self.house.user(self.tenant, role)

    async def ask(self, who: Caller, path: str, **fields: Any) -> Any:
        """Send something; the data of the answer, or ``Refused``."""
        answer = await who.post(path, fields or None)
        if answer.status >= 400:
            raise Refused(answer.code)
        return answer.data

    async def request(self, who: Caller, kind: str, **fields: Any) -> str:
        """Ask for an export or an erasure; the request's path."""
        made = await self.ask(who, REQUESTS, kind=kind, **fields)
        return f"{REQUESTS}/{made['id']}"

    def _context(self) -> Context:
        system = Actor(ActorKind.system, None, tenant=self.tenant.id)
        platform, tenant = self.house.platform, self.tenant
        session = platform.open_session(tenant.home, tenant.id)
        return Context(system, tenant=tenant, session=session)

    async def step(self, path: str) -> bool:
        """Do one step of an erasure, in a transaction of its own."""
        platform = self.house.platform
        (chunked, _) = platform.services.privacy.service.tasks
        async with platform.engine.work(self._context()) as work:
            return bool(await chunked.run(work, _command(path), Progress()))

    async def erase(self, path: str) -> None:
        """Carry an erasure out to its end."""
        while not await self.step(path):
            pass

    async def export(self, path: str) -> bool:
        """Make a dossier; False when it is not wanted any more."""
        platform, ctx = self.house.platform, self._context()
        (_, errand) = platform.services.privacy.service.tasks
        assert isinstance(errand, Errand)
        async with platform.engine.work(ctx) as work:
            plan = await errand.prepare(work, _command(path))
        if plan is None:
            return False
        made = await errand.perform(plan)
        async with platform.engine.work(ctx) as work:
            await errand.run(work, _command(path), made)
        return True


def _command(path: str) -> CarryOut:
    return CarryOut(request_id=UUID(path.partition("/")[2]))
