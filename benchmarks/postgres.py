"""The PostgreSQL that both sides share: its address and its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from insula.kernel.database.embedded import ServerAddress, open_server


@dataclass(frozen=True, slots=True)
class Postgres:
    """A running server: how its superuser reaches it, and its postmaster."""

    address: ServerAddress
    pid: int

    def dsn(self, database: str = "postgres") -> str:
        """The superuser's address of one of its databases."""
        at = self.address
        place = urlencode({"host": at.host, "port": at.port})
        return f"postgresql://{at.user}:{quote(at.password)}@/{database}?{place}"


@contextmanager
def embedded_postgres(data_dir: Path) -> Iterator[Postgres]:
    """The embedded server of a data directory, started unless it runs already."""
    with open_server(data_dir) as address:
        status = (data_dir / "pgdata" / "postmaster.pid").read_text()
        yield Postgres(address, int(status.split("\n", 1)[0]))
