"""A second process beside the house, and a look at what is asked of the database."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import pytest

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session, Statement, Transaction
from insula.kernel.resource.engine import registered_apps
from insula.server.platform import Platform


@pytest.fixture
async def second(platform: Platform) -> AsyncIterator[Platform]:
    """Another process of the same installation, which hears what this one announces."""
    other = Platform(platform.settings, platform.cluster, registered_apps())
    other.listen()
    await other.bus.start()
    yield other
    await other.close()


class Work:
    """The statements that are sent, in their order."""

    def __init__(self) -> None:
        self.sent: list[Statement] = []

    @contextmanager
    def traced(self) -> Iterator[list[Statement]]:
        """Those that are sent meanwhile."""
        trace: list[Statement] = []
        self.sent = trace
        yield trace
        self.sent = []


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Work:
    """Notes every statement on its way to a tenant's home."""
    work = Work()
    for kind in (Session, Transaction):
        fetch = kind.fetch

        async def noted(
            self: Session | Transaction,
            statement: Statement,
            *args: object,
            fetch: object = fetch,
        ) -> Sequence[Record]:
            work.sent.append(statement)
            return await fetch(self, statement, *args)  # type: ignore[operator,no-any-return]  # either's

        monkeypatch.setattr(kind, "fetch", noted)
    return work
