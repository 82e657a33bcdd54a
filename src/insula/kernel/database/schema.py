"""The models' tables as one text of DDL, with all that hangs on them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table
from sqlalchemy.engine import make_url
from sqlalchemy.engine.mock import MockConnection

from insula.kernel.database.walls import ROLES, Roles, raise_walls


class _Recorder(MockConnection):
    """Takes statements down; the walls ask it for the roles, as they ask a real one."""

    def __init__(self, roles: Roles) -> None:
        self.statements: list[str] = []
        self._roles = roles
        dialect = make_url("postgresql+asyncpg://").get_dialect()
        super().__init__(dialect(), self._record)

    def get_execution_options(self) -> dict[str, Any]:
        return {ROLES: self._roles}

    def _record(self, statement: Any, *_: Any) -> None:
        self.statements.append(str(statement.compile(dialect=self.dialect)).strip())


def ddl(roles: Roles, tables: Sequence[Table]) -> str:
    """Every statement that makes tables in an empty schema, walls included.

    Names are unqualified: the transaction's search path says where they go.
    """
    raise_walls()
    recorder = _Recorder(roles)
    for metadata in dict.fromkeys(table.metadata for table in tables):
        own = [table for table in tables if table.metadata is metadata]
        metadata.create_all(recorder, tables=own, checkfirst=False)
    return ";\n".join(recorder.statements)
