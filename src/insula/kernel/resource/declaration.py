"""The declaration: what the API offers of a model, and the rules over several fields."""

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import CHAR, Column, Enum, Index, String, Table, Uuid, text

from insula.kernel.database.columns import Field, spec
from insula.kernel.database.custom import CustomFields
from insula.kernel.database.model import TenantRow, short_name
from insula.kernel.database.searchable import mark_searchable
from insula.kernel.resource.measures import Dimension, Measure, fields_of
from insula.kernel.resource.measuring import offered
from insula.kernel.resource.merging.declaring import Merge
from insula.kernel.resource.offering import (
    VERBS,
    Action,
    Command,
    DeclarationError,
    Offering,
)
from insula.kernel.resource.rules import Attribute, Rule

M = TypeVar("M", bound=TenantRow)

CREATED_BY = "created_by"
"""A field of this name is filled with whoever makes the row."""
TEAM = "team_id"
"""A field of this name says whose team's a row is."""


class Event(BaseModel):
    """Something that happened: named ``app.resource.happened``, in the past tense.

    Its fields are its schema; whoever changes them counts ``version`` up.
    """

    model_config = ConfigDict(frozen=True)
    name: ClassVar[str]
    version: ClassVar[int] = 1

    @property
    def about_id(self) -> UUID | None:
        """The row that it is about: ``asset_id`` of ``maintenance.asset.down``."""
        found = getattr(self, f"{self.name.split('.')[-2]}_id", None)
        return found if isinstance(found, UUID) else None


class Resource(Offering[M]):
    """Rows with an API, derived from a model and what is said here.

    ``filters`` and ``sort`` are the fields that callers may filter and sort by; each
    gets an index that begins with the tenant. ``hidden`` fields never leave the
    server. ``without`` names operations that are not offered: ``create``, ``update``,
    ``delete``; what a service offers in their place, also ``list`` and ``read``. A
    ``kernel`` resource is of no app: table ``webhook_endpoints`` is at
    ``/api/v1/webhook-endpoints``. Rows that are written once are listed and read alone.

    ``search`` are the texts in which rows are found by their words, the most telling
    first; changing them takes no migration. ``title`` is what a row is called by.

    An import finds rows that are there by one of ``match``, by default by whatever is
    unique; ``aliases`` are other names that a file's columns have for a field.

    ``measures`` are worked out of many rows at ``GET …/aggregate``, in groups by
    ``dimensions``: fields, or the periods into which times fall.

    ``moves`` are actions that do no more than bring a row to another state: by name,
    where to, ``{"start": W.in_progress}``, or where from and to,
    ``{"resume": (W.on_hold, W.in_progress)}``. ``children`` are resources whose rows
    are ``part_of`` these, written with them: a list under their plural name.

    With ``custom`` tenants may add fields of their own; the model is ``CustomFields``.
    Rows with ``tags`` carry those that people give them, with ``comments`` what people
    say of them, and with ``timeline`` what happened to them and to whatever refers to
    them.

    With ``merge`` two rows that turn out to be one can be merged, and two again.

    ``owner`` is the field that names whose a row is, ``team`` the team's: grants with
    ``own:`` and ``team:`` reach rows by them. By default they are ``created_by`` and
    ``team_id``, where the model has these.
    """

    def __init__(  # noqa: PLR0913  # the words of a declaration
        self,
        model: type[M],
        *,
        filters: Sequence[Attribute] = (),
        sort: Sequence[Attribute] = (),
        search: Sequence[Attribute] = (),
        include: Sequence[Attribute] = (),
        title: Attribute | None = None,
        rules: Sequence[Rule] = (),
        hidden: Sequence[Attribute] = (),
        without: Sequence[str] = (),
        kernel: bool = False,
        owner: Attribute | None = None,
        team: Attribute | None = None,
        moves: Mapping[str, StrEnum | tuple[StrEnum, ...]] | None = None,
        children: Sequence["Resource[Any]"] = (),
        match: Sequence[Attribute] = (),
        aliases: Mapping[Attribute, Sequence[str]] | None = None,
        measures: Sequence[Measure] = (),
        dimensions: Sequence[Dimension] = (),
        custom: bool = False,
        tags: bool = False,
        comments: bool = False,
        timeline: bool = False,
        merge: Merge | None = None,
    ) -> None:
        self.model, self.table = model, _table(model)
        self.filters, self.sort = tuple(filters), tuple(sort)
        self.search, self.include = tuple(search), tuple(include)
        self.title = None if title is None else title.key
        self._match(match, aliases or {})
        self.scopes: dict[str, tuple[Attribute, tuple[object, ...]]] = {}
        self.hidden = frozenset(attribute.key for attribute in hidden)
        self.without = frozenset(without)
        super().__init__()
        self._name(kernel=kernel)
        self.comments, self.timeline, self.merge = comments, timeline, merge
        self._open(custom=custom, tags=tags)
        whose = [it for it in (owner, team) if it is not None]
        named = [*whose, *([] if title is None else [title])]
        said = filters, sort, search, include, hidden, match, aliases or (), named
        self._check([*chain(*said, fields_of(measures, dimensions))])
        self._measure(measures, dimensions)
        self.owner, self.team = self._whose(owner, CREATED_BY), self._whose(team, TEAM)
        self.rules = {rule.apply(self.table): rule for rule in rules}
        self._index_all((*sort, *whose))
        self._search()
        self._offer_moves(moves or {})
        self.children = {child: self._link(child) for child in children}

    def _name(self, *, kernel: bool) -> None:
        self.singular = _snake(self.model.__name__)
        whole = str(self.table.name)  # SQLAlchemy's own kind of str is no JSON
        if kernel:
            self.app, self.plural = "", whole
            self.type, self.name = self.singular, whole
            self.address = f"/api/v1/{whole.replace('_', '-')}"
            return
        self.app, _, self.plural = whole.partition("_")
        self.type = f"{self.app}.{self.singular}"
        self.name = f"{self.app}.{self.plural}"
        self.address = f"/api/v1/{self.app}/{self.plural.replace('_', '-')}"

    def _match(
        self, match: Sequence[Attribute], aliases: Mapping[Attribute, Sequence[str]]
    ) -> None:
        """How the rows and the columns of files are recognised."""
        self.match = tuple(attribute.key for attribute in match)
        self.aliases = {it.key: tuple(said) for it, said in aliases.items()}

    def _open(self, *, custom: bool, tags: bool) -> None:
        """What tenants add to rows themselves, as far as the model leaves room for it."""
        if custom is not issubclass(self.model, CustomFields):
            raise DeclarationError(f"{self.name}: custom=True goes with CustomFields")
        if tags and "tags" in self.table.columns:
            raise DeclarationError(f"{self.name}: its own field is called tags")
        self.custom, self.tags = custom, tags

    def _check(self, attributes: Sequence[Attribute]) -> None:
        strangers = [it for it in attributes if it.class_ is not self.model]
        if strangers:
            raise DeclarationError(f"{self.name}: {strangers} belong to other models")
        nullable = [it.key for it in self.sort if self.table.c[it.key].nullable]
        if nullable:
            raise DeclarationError(f"{self.name}: cannot sort by nullable {nullable}")

    def _whose(self, said: Attribute | None, usual: str) -> str | None:
        name = usual if said is None else said.key
        column = self.table.columns.get(name)
        if column is None:
            return None
        if not isinstance(column.type, Uuid):
            raise DeclarationError(f"{self.name}: '{name}' names nobody by an id")
        return name

    def _index_all(self, others: Sequence[Attribute]) -> None:
        texts = [it.key for it in self.filters if is_text(self.table.c[it.key])]
        self._index_texts(texts)
        self._index([*(it for it in self.filters if it.key not in texts), *others])

    def _index(self, attributes: Sequence[Attribute]) -> None:
        for key in dict.fromkeys(attribute.key for attribute in attributes):
            if key == "id" or self._indexed(key):
                continue
            column = self.table.c[key]
            name = short_name("ix", self.table.name, key)
            Index(name, self.table.c.tenant_id, column, self.table.c.id)

    def _index_texts(self, keys: Sequence[str]) -> None:
        """Texts are filtered by their code points, so that beginnings can be found.

        By the order of a language they lie elsewhere in each database, if anywhere.
        """
        for key in keys:
            name = short_name("ix", self.table.name, key, "text")
            if all(index.name != name for index in self.table.indexes):
                expression = text(f'{key} COLLATE "C"')
                Index(name, self.table.c.tenant_id, expression, self.table.c.id)

    def _indexed(self, key: str) -> bool:
        declared = spec(self.table.c[key].info)
        name = short_name("ix", self.table.name, key)
        known = any(index.name == name for index in self.table.indexes)
        kept_unique = declared.sequence is not None or declared.ordered_within == ""
        return known or declared.unique or kept_unique or declared.target is not None

    def _search(self) -> None:
        names = [attribute.key for attribute in self.search]
        if not names:
            return
        try:
            mark_searchable(self.table, names)
        except ValueError as error:
            raise DeclarationError(f"{self.name}: {error}") from None
        if told := self.hidden.intersection(names):
            raise DeclarationError(f"{self.name}: search would tell of {sorted(told)}")

    def _measure(
        self, measures: Sequence[Measure], dimensions: Sequence[Dimension]
    ) -> None:
        try:
            self.aggregates = offered(self.table, measures, dimensions)
        except ValueError as error:
            raise DeclarationError(f"{self.name}: {error}") from None
        known = self.aggregates
        told = {it.field for it in known.dimensions.values()}.union(
            *(it.reads for it in known.measures.values())
        )
        if told := told & self.hidden:
            raise DeclarationError(f"{self.name}: aggregates tell of {sorted(told)}")

    def _offer_moves(self, moves: Mapping[str, StrEnum | tuple[StrEnum, ...]]) -> None:
        for name, states in moves.items():
            self._offer_move(name, states if isinstance(states, tuple) else (states,))

    def _offer_move(self, name: str, states: tuple[StrEnum, ...]) -> None:
        """Offer ``POST …/{id}/<name>``, which brings a row to the last of the states."""
        *sources, target = states
        machine = self._machine(type(target))
        known = {source for source, it in machine.moves.items() if target in it}
        if name in VERBS or name in self.actions:
            raise DeclarationError(f"{self.name}: '{name}' has a meaning already")
        if not known.issuperset(sources) or not known:
            raise DeclarationError(f"{self.name}: '{name}' is no move of its machine")

        async def run(ctx: Any, row: M) -> M:
            ctx.move(row, target, *sources)
            return row

        noun = self.singular.replace("_", " ")
        words = f"{name.replace('-', ' ').capitalize()} a {noun}"
        self.actions[name] = Action(name, run, None, (), words)

    def _machine(self, kind: type[StrEnum]) -> Field:
        for column in self.table.columns:
            if getattr(column.type, "enum_class", None) is kind:
                declared = spec(column.info)
                if declared.moves:
                    return declared
        raise DeclarationError(f"{self.name} has no machine of {kind.__name__}")

    def _link(self, child: "Resource[Any]") -> str:
        """The child's field that names the parent; raises ``DeclarationError``."""
        for column in child.table.columns:
            declared = spec(column.info)
            if declared.part_of and declared.target == self.table.name:
                return str(column.name)
        raise DeclarationError(f"{child.name} are no part of {self.name}")

    def scope(self, name: str, attribute: Attribute, *values: object) -> None:
        """Name a selection, ``?scope=<name>``: the values that a filter may have."""
        if attribute.key not in {known.key for known in self.filters}:
            raise DeclarationError(f"{self.name}: scope '{name}' is on no filter")
        self.scopes[name] = attribute, values


def _table(model: type[TenantRow]) -> Table:
    table = model.__table__
    if not isinstance(table, Table):
        raise DeclarationError(f"{model.__name__} has no table of its own")
    return table


def is_text(column: Column[Any]) -> bool:
    """Whether it holds texts, of which any is as good as another to the database."""
    kind = column.type
    return isinstance(kind, String) and not isinstance(kind, Enum | CHAR)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


__all__ = [
    "CREATED_BY",
    "VERBS",
    "Action",
    "Command",
    "DeclarationError",
    "Event",
    "Resource",
    "is_text",
]
