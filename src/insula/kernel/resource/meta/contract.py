"""The contract: what a screen is told of a resource, of which no other screen code is needed.

Unknown kinds of fields and views are shown as text and as a table, so that an older
console goes on working with a newer platform.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict

CONTRACT = 1
"""Counted up when a member changes its meaning; new ones may come at any time."""


class Part(BaseModel):
    """A part of the contract: what does not apply is absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FieldKind(StrEnum):
    """What a field holds, as far as a screen must know it."""

    id = "id"
    string = "string"
    text = "text"
    email = "email"
    phone = "phone"
    int = "int"
    number = "number"
    money = "money"
    currency = "currency"
    bool = "bool"
    enum = "enum"
    tags = "tags"
    date = "date"
    datetime = "datetime"
    json = "json"
    ref = "ref"
    actor = "actor"
    rank = "rank"
    uuid = "uuid"


class Label(Part):
    """What one is called, and what many are."""

    one: str
    many: str


class Option(Part):
    """A value that may be chosen."""

    value: str
    label: str


class FieldMeta(Part):
    """A field as the caller may see it; ``access`` is ``r``, ``rw``, or ``rw1`` for once."""

    name: str
    type: FieldKind
    label: str
    access: str
    required: bool | None = None
    default: Any = None
    max_length: int | None = None
    minimum: int | None = None
    maximum: int | None = None
    options: list[Option] | None = None
    transitions: dict[str, list[str]] | None = None
    to: str | None = None
    currency_field: str | None = None
    computed: bool | None = None
    frozen_in: list[str] | None = None
    filter: list[str] | None = None
    sort: bool | None = None
    search: bool | None = None
    include: bool | None = None
    custom: bool | None = None
    """Whether the tenant added it; then its value is a member of ``custom``."""
    help: str | None = None


class ListMeta(Part):
    """How a list begins: its columns, its order, and the filters that stand ready."""

    columns: list[str]
    sort: list[str]
    quick_filters: list[str]
    scopes: list[str]
    page_size: int


class ViewMeta(Part):
    """One way to look at the rows."""

    key: str
    kind: str
    label: str
    group_by: str | None = None
    card: list[str] | None = None
    date: str | None = None


class FormMeta(Part):
    """Which fields are asked, and which suffice in a hurry."""

    fields: list[str]
    quick_create: list[str]


class TabMeta(Part):
    """One page about a row; rows of ``related`` point at it by ``by``."""

    key: str
    label: str
    related: str | None = None
    by: str | None = None


class DetailMeta(Part):
    """What stands above a row's pages, and which they are."""

    header: list[str]
    tabs: list[TabMeta]


class ActionMeta(Part):
    """Something that can be done to a row, or to many."""

    name: str
    label: str
    description: str
    method: str
    path: str
    operation: str
    input: dict[str, str] | None = None
    from_states: list[str] | None = None
    step_up: bool | None = None


class ImportMeta(Part):
    """How rows come in from files: in one go, or step by step with people looking on."""

    at_once: str
    in_steps: str
    formats: list[str]
    aliases: dict[str, list[str]]


class EmptyMeta(Part):
    """What is said where there are no rows yet, and by which command there would be."""

    title: str
    actions: list[str]
    cli: str


class Flags(Part):
    """What is so of all rows."""

    soft_delete: bool
    versioned: bool
    searchable: bool
    scoped: bool


class QuotaMeta(Part):
    """How many rows the plan allows."""

    key: str
    limit: int | None


class MeasureMeta(Part):
    """Something that is worked out of many rows, asked for by its name."""

    name: str
    function: str
    field: str | None = None
    currency_field: str | None = None


class DimensionMeta(Part):
    """Something by which rows are grouped, asked for by its name."""

    name: str
    field: str
    period: str | None = None


class AggregateMeta(Part):
    """What charts and reports may be made of."""

    path: str
    measures: list[MeasureMeta]
    dimensions: list[DimensionMeta]


class SavedViewMeta(Part):
    """A view that somebody saved; with ``standard`` the caller's screen begins."""

    id: str
    name: str
    kind: str
    filter: str | None = None
    sort: str | None = None
    fields: Sequence[str]
    layout: dict[str, Any]
    pinned: bool
    shared: bool
    mine: bool
    standard: bool


class ResourceMeta(Part):
    """All that a screen needs to show, find, make and change rows of one resource."""

    contract: int = CONTRACT
    name: str
    app: str | None = None
    type: str
    path: str
    label: Label
    description: str
    title: str | None = None
    flags: Flags
    can: dict[str, bool]
    quota: QuotaMeta | None = None
    fields: Sequence[FieldMeta]
    list: ListMeta
    views: Sequence[ViewMeta]
    saved: Sequence[SavedViewMeta] = ()
    form: FormMeta
    detail: DetailMeta
    actions: Sequence[ActionMeta]
    imports: ImportMeta | None = None
    aggregate: AggregateMeta | None = None
    events: Sequence[str]
    empty: EmptyMeta


class ResourceEntry(Part):
    """A resource as a menu shows it."""

    name: str
    app: str | None = None
    label: Label
    path: str
    can: dict[str, bool]


class AppEntry(Part):
    """An app that this tenant has."""

    name: str
    title: str
    version: str


class TenantEntry(Part):
    """The tenant in which the caller is."""

    id: str
    slug: str
    name: str


class CallerEntry(Part):
    """Who calls."""

    id: str | None
    kind: str
    roles: list[str]


class Boot(Part):
    """What a console needs before it shows anything."""

    contract: int = CONTRACT
    language: str
    languages: list[str]
    tenant: TenantEntry
    caller: CallerEntry
    apps: list[AppEntry]
    resources: list[ResourceEntry]
    features: dict[str, Any]
    limits: dict[str, Any]
