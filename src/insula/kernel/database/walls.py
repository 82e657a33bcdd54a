"""The walls: row-level security and grants on every table that holds tenants' rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, event, text

from insula.kernel.database.model import TENANT_SETTING, TenantRow

APPEND_ONLY = "append_only"
"""Set in a table's ``info``: the app role may read and add, never change or delete."""
PARTITIONED = "partitioned"
"""Set in a table's ``info``: its rows lie in partitions, by the time of their ids."""
SEARCH_POLICY = "search_reads"
"""The policy that lets searches read a table, each of which keeps to its tenant."""
REST = "rest"
"""How the partition is called that takes every row for which there is no other."""


@dataclass(frozen=True, slots=True)
class Roles:
    """The database roles of one installation.

    ``owner`` runs migrations, ``app`` serves requests and owns nothing, ``reader`` is
    the operator's view across tenants. ``tenant`` is the group that holds the grants
    on tenants' tables: ``app`` is a member, and so is the login role of each
    database home, which can connect to its own database alone. Nobody logs in as
    ``search``: it owns the functions that search tenants' tables.
    """

    owner: str = "insula_owner"
    app: str = "insula_app"
    reader: str = "insula_reader"
    tenant: str = "insula_tenant"
    search: str = "insula_search"

    @property
    def search_maker(self) -> str:
        """Through which the owner becomes ``search``, without having its rights before.

        It inherits nothing, so that row-level security holds for the owner as before.
        """
        return f"{self.search}_maker"

    @classmethod
    def named(cls, prefix: str) -> "Roles":
        """The roles of an installation that shares its server with another."""
        return cls(
            *(
                f"{prefix}_{part}"
                for part in ("owner", "app", "reader", "tenant", "search")
            )
        )


ROLES = "insula_roles"
"""The execution option under which a migration's connection carries its ``Roles``."""


def wall(table: Table, roles: Roles) -> Iterator[str]:
    """The statements that put a table behind row-level security, forced (D2).

    There is one policy for whoever works in a tenant, and one that lets the
    operator's reader, a role of its own, read across tenants.
    """
    name = f'"{table.name}"'
    same = f"tenant_id = (SELECT {TENANT_SETTING})"
    verbs = "SELECT, INSERT"
    if not table.info.get(APPEND_ONLY):
        verbs += ", UPDATE, DELETE"
    yield f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY"
    yield f"CREATE POLICY tenant_isolation ON {name} USING ({same}) WITH CHECK ({same})"
    yield (
        f"CREATE POLICY operator_reads ON {name}"
        f" FOR SELECT TO {roles.reader} USING (true)"
    )
    yield f"GRANT {verbs} ON {name} TO {roles.tenant}"
    yield f"GRANT SELECT ON {name} TO {roles.reader}"
    if table.info.get(PARTITIONED):
        rest = f"{table.name}_{REST}"
        yield f'CREATE TABLE "{rest}" PARTITION OF {name} DEFAULT'
        yield from inner_wall(f'"{rest}"')


def inner_wall(partition: str) -> Iterator[str]:
    """The statements that shut a partition to all: its rows are its parent's to give.

    Whoever asks the parent meets the parent's policies and grants alone; a partition
    has neither, so that asked by itself it shows nothing to anybody.
    """
    yield f"ALTER TABLE {partition} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {partition} FORCE ROW LEVEL SECURITY"


def _raise_wall(table: Table, connection: Connection, **_: Any) -> None:
    roles = connection.get_execution_options().get(ROLES, Roles())
    if table.schema is not None:
        if table.info.get(APPEND_ONLY):
            name = f'{table.schema}."{table.name}"'
            revoke = f"REVOKE UPDATE, DELETE ON {name} FROM {roles.app}"
            connection.execute(text(revoke))
        return
    if "tenant_id" not in table.columns:
        return
    for statement in wall(table, roles):
        connection.execute(text(statement))


def raise_walls() -> None:
    """Have a wall raised around every tenant table from the moment it is created.

    The listener hangs on ``Table`` itself, because a migration's ``create_table``
    makes a table object of its own, which the models' metadata never sees.
    """
    if not event.contains(Table, "after_create", _raise_wall):
        event.listen(Table, "after_create", _raise_wall)


TENANT_METADATA: MetaData = TenantRow.metadata
