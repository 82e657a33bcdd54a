"""Binding: a Core query of an app's as text for the driver, bound to its tenant."""

import re
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Delete, Select, Update, Uuid, bindparam
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg

from insula.kernel.database.session import HOME, Statement

DIALECT: Any = PGDialect_asyncpg()  # type: ignore[no-untyped-call]  # no stubs
TENANT = "insula_tenant"
PARAMETER = re.compile(r"\$(\d+)")


def bind(
    query: Select[Any] | Update | Delete, tenant: ColumnElement[UUID]
) -> tuple[Statement, list[Any]]:
    """A Core query as text for the driver, filtered by the tenant as its ``$1``."""
    mine = query.where(tenant == bindparam(TENANT, None, Uuid))
    compiled: Any = mine.compile(
        dialect=DIALECT,
        schema_translate_map={None: HOME},
        render_schema_translate=True,
        compile_kwargs={"render_postcompile": True},
    )
    names = list(compiled.positiontup)
    rest = [name for name in names if name != TENANT]
    places = {name: at for at, name in enumerate((TENANT, *rest), start=1)}
    text = PARAMETER.sub(lambda m: f"${places[names[int(m[1]) - 1]]}", compiled.string)
    processors = compiled._bind_processors
    values = [
        processors[name](compiled.params[name])
        if name in processors
        else compiled.params[name]
        for name in rest
    ]
    return Statement(text), values
