"""The base of every tenant's table: D1's shape, generated so that no app writes it."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar, dataclass_transform
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Column,
    ColumnElement,
    Constraint,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Uuid,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    mapped_column,
)

from insula.kernel.database.columns import (
    FIELD,
    TYPES,
    Field,
    OnDelete,
    column,
    made,
    ref,
    spec,
    state,
)
from insula.kernel.database.kinds import computed, money, numbered, ranked
from insula.kernel.database.personal import refuse_undeclared
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.ids import uuid7

TENANT_SETTING = "NULLIF(current_setting('insula.tenant', true), '')::uuid"
LIVE = "deleted_at IS NULL"
LONGEST_NAME = 63
"""PostgreSQL cuts longer names silently, so that two could become one."""


def short_name(*parts: str) -> str:
    """A name for a constraint or index, with a hash for its tail when too long."""
    whole = "_".join(parts)
    if len(whole) <= LONGEST_NAME:
        return whole
    tail = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{whole[: LONGEST_NAME - 9]}_{tail}"


def _live(columns: dict[str, Column[Any]]) -> dict[str, Any]:
    return {"postgresql_where": text(LIVE)} if "deleted_at" in columns else {}


def _of_column(
    table: str, column_: Column[Any], columns: dict[str, Column[Any]]
) -> Iterator[Constraint | Index]:
    declared, name = spec(column_.info), column_.name
    if declared.target is not None:
        yield ForeignKeyConstraint(
            ["tenant_id", name],
            [f"{declared.target}.tenant_id", f"{declared.target}.id"],
            name=short_name("fk", table, name),
            ondelete=_on_delete(declared, name),
        )
        yield Index(short_name("ix", table, name), "tenant_id", name, "id")
    if declared.unique:
        index = short_name("uq", table, name)
        yield Index(index, "tenant_id", name, unique=True, **_live(columns))
    choices = getattr(column_.type, "enums", declared.choices)
    if choices:
        values = ", ".join(f"'{choice}'" for choice in choices)
        yield CheckConstraint(
            f"{name} IN ({values})", name=short_name("ck", table, name)
        )
    bounds = [
        f"{name} {sign} {bound}"
        for sign, bound in ((">=", declared.minimum), ("<=", declared.maximum))
        if bound is not None
    ]
    if bounds:
        yield CheckConstraint(
            " AND ".join(bounds), name=short_name("ck", table, name, "range")
        )
    yield from _of_kind(table, column_, columns)


def _on_delete(declared: Field, name: str) -> str:
    # The tenant is part of the key, and stays.
    only = f" ({name})" if declared.on_delete is OnDelete.set_null else ""
    return f"{declared.on_delete}{only}"


BREACH = "breach"
"""The key under which a constraint's ``info`` says of which field its breach is told."""


def _of_kind(
    table: str, column_: Column[Any], columns: dict[str, Column[Any]]
) -> Iterator[Constraint | Index]:
    """What money, numbers and ranks need."""
    declared, name = spec(column_.info), column_.name
    if declared.currency is not None and columns[declared.currency].nullable:
        yield CheckConstraint(
            f"{name} IS NULL OR {declared.currency} IS NOT NULL",
            name=short_name("ck", table, name, "currency"),
            info={BREACH: (declared.currency, "required")},
        )
    if declared.sequence is not None:
        yield Index(short_name("uq", table, name), "tenant_id", name, unique=True)
    if declared.slot:
        used = text(f"{name} IS NOT NULL")
        index = short_name("ix", table, name)
        yield Index(index, "tenant_id", name, "id", postgresql_where=used)
    if declared.ordered_within is not None:
        within = [declared.ordered_within] if declared.ordered_within else []
        index = short_name("uq", table, name)
        yield Index(index, "tenant_id", *within, name, unique=True)


def sql_text(expression: ColumnElement[Any]) -> str:
    """A Core expression over a table's own columns as SQL, as migrations need it."""
    compiled = expression.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]  # no stubs
        compile_kwargs={"literal_binds": True, "include_table": False},
    )
    return str(compiled)


def _work_out(columns: dict[str, Column[Any]]) -> None:
    """Put the expressions of computed columns where SQLAlchemy looks for them."""
    for each in columns.values():
        expression = spec(each.info).computed
        if expression is not None and each.computed is not None:
            each.computed.sqltext = text(sql_text(expression(columns)))


def build_table(name: str, metadata: MetaData, *items: Any, **kwargs: Any) -> Table:
    """Make the table of a model with everything that D1 asks of it."""
    columns = {item.name: item for item in items if isinstance(item, Column)}
    refuse_undeclared(name, columns.values())
    _work_out(columns)
    kept = [item for item in items if not isinstance(item, PrimaryKeyConstraint)]
    generated = [
        made_
        for column_ in columns.values()
        for made_ in _of_column(name, column_, columns)
    ]
    key = PrimaryKeyConstraint("tenant_id", "id", name=short_name("pk", name))
    return Table(name, metadata, *kept, key, *generated, **kwargs)


@dataclass_transform(
    kw_only_default=True,
    eq_default=False,
    field_specifiers=(
        column,
        state,
        ref,
        made,
        money,
        numbered,
        ranked,
        computed,
        mapped_column,
    ),
)
class TenantRow(MappedAsDataclass, DeclarativeBase, kw_only=True, repr=False, eq=False):
    """A row of one tenant that is written once: a fact, a log line, a message."""

    __abstract__ = True
    type_annotation_map: ClassVar[dict[Any, Any]] = TYPES
    metadata: ClassVar[MetaData] = MetaData()
    __table_cls__: ClassVar[Any] = staticmethod(build_table)

    tenant_id: Mapped[UUID] = mapped_column(
        Uuid,
        primary_key=True,
        init=False,
        server_default=text(TENANT_SETTING),
        sort_order=-30,
        info={FIELD: Field(default=None, read_only=True)},
    )
    id: Mapped[UUID] = made(uuid7, Uuid, primary_key=True, sort_order=-20)
    created_at: Mapped[datetime] = made(now, nullable=False, sort_order=20)


@dataclass_transform(
    kw_only_default=True,
    eq_default=False,
    field_specifiers=(
        column,
        state,
        ref,
        made,
        money,
        numbered,
        ranked,
        computed,
        mapped_column,
    ),
)
class TenantModel(TenantRow, kw_only=True, repr=False, eq=False):
    """A row that people read and change: versioned, and restorable when deleted."""

    __abstract__ = True

    version: Mapped[int] = mapped_column(
        nullable=False,
        default=1,
        init=False,
        sort_order=-10,
        info={FIELD: Field(default=1, read_only=True)},
    )
    updated_at: Mapped[datetime] = made(now, nullable=False, sort_order=21)
    deleted_at: Mapped[datetime | None] = mapped_column(
        default=None,
        init=False,
        sort_order=22,
        info={FIELD: Field(default=None, read_only=True)},
    )
