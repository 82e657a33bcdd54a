"""The cluster: one PostgreSQL server, and the names an installation has on it."""

from dataclasses import dataclass, field, replace
from typing import get_args
from urllib.parse import unquote
from uuid import UUID

from sqlalchemy.engine import make_url

from insula.kernel.database.embedded import ServerAddress
from insula.kernel.database.home import Isolation, Login, SslMode
from insula.kernel.database.walls import Roles
from insula.kernel.foundation.secret import derive

MAINTENANCE = "postgres"
"""The database that every server has, for whoever has not been told another."""
SHARED_SCHEMA = "shared"
"""The schema of the shared home, in the pool database."""
TENANT_SCHEMA = "tenant"
"""The schema of a database home, and of the template that it is cloned from."""
EXTENSIONS = "ext"
"""The schema of extensions, so that none is in anybody's search path by accident."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One PostgreSQL server as bootstrap sees it.

    ``admin`` may create roles and databases; it bootstraps, and serves no request.
    Passwords of all other roles are derived from ``key``.
    """

    admin: Login
    roles: Roles
    prefix: str
    key: bytes = field(repr=False)

    @property
    def control(self) -> str:
        """The name of the operator's own database."""
        return self.prefix

    @property
    def pool(self) -> str:
        """The name of the database of the shared home and of schema homes."""
        return f"{self.prefix}_pool"

    @property
    def template(self) -> str:
        """The name of the database that database homes are cloned from."""
        return f"{self.prefix}_template"

    def password(self, user: str) -> str:
        """The password of a role of ours."""
        return derive(self.key, f"role:{user}").hex()

    def login(self, database: str, user: str) -> Login:
        """A database of this server, reached as a role of ours."""
        return replace(
            self.admin, database=database, user=user, password=self.password(user)
        )

    def owner(self, database: str) -> Login:
        """A database as the role that runs migrations."""
        return self.login(database, self.roles.owner)

    def app(self, database: str) -> Login:
        """A database as the role that serves requests."""
        return self.login(database, self.roles.app)

    def tenant(self, name: str) -> Login:
        """A database home as the only role that may connect to it."""
        return self.login(name, name)

    def locate(self, isolation: Isolation, database: str) -> Login:
        """How requests reach a home."""
        if isolation is Isolation.database:
            return self.tenant(database)
        return self.app(database)


def tenant_name(tenant_id: UUID) -> str:
    """What a tenant's own schema, database and role are called (R03)."""
    return f"tenant_{tenant_id.hex}"


def cluster_at(url: str, *, prefix: str, key: bytes) -> Cluster:
    """The server of a ``postgresql://`` address, whose user bootstraps it."""
    parsed = make_url(url)
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"{parsed.get_backend_name()}:// is no PostgreSQL address")
    query = {name: str(value) for name, value in parsed.query.items()}
    admin = Login(
        host=query.pop("host", "") or unquote(parsed.host or "localhost"),
        port=parsed.port or int(query.pop("port", "5432")),
        database=parsed.database or MAINTENANCE,
        user=parsed.username or query.pop("user", MAINTENANCE),
        password=parsed.password or query.pop("password", ""),
        ssl=_ssl(query.pop("sslmode", "prefer")),
    )
    if query:
        raise ValueError(f"unknown options in the database address: {', '.join(query)}")
    return Cluster(admin, Roles.named(prefix), prefix, key)


def cluster_of(server: ServerAddress, *, prefix: str, key: bytes) -> Cluster:
    """The embedded server."""
    admin = Login(server.host, server.port, MAINTENANCE, server.user, server.password)
    return Cluster(admin, Roles.named(prefix), prefix, key)


def _ssl(text: str) -> SslMode:
    modes: tuple[SslMode, ...] = get_args(SslMode)
    for mode in modes:
        if mode == text:
            return mode
    raise ValueError(f"sslmode={text} is unknown")
