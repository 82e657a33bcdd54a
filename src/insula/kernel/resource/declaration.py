"""The declaration: what the API offers of a model, and the rules over several fields."""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import CHAR, Column, Enum, Index, String, Table, Uuid, text

from insula.kernel.database.columns import Field, spec
from insula.kernel.database.model import TenantRow, short_name
from insula.kernel.database.searchable import mark_searchable
from insula.kernel.foundation.errors import Problem
from insula.kernel.resource.measures import Dimension, Measure, fields_of, offered
from insula.kernel.resource.rules import Attribute, Rule

M = TypeVar("M", bound=TenantRow)

CREATED_BY = "created_by"
"""A field of this name is filled with whoever makes the row."""
VERBS = frozenset({"list", "read", "create", "replace", "update", "delete", "restore"})
"""What every resource offers by itself; no action takes one of these names."""


class Command(BaseModel):
    """What an action is asked with; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


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


class DeclarationError(TypeError):
    """A declaration contradicts its model; all faults are told when the app loads."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done to a row beyond changing its fields."""

    name: str
    run: Callable[..., Awaitable[Any]]
    command: type[Command] | None
    raises: tuple[type[Problem], ...]
    summary: str
    step_up: bool = False

    @property
    def permission(self) -> str:
        """The action that a caller must be granted for it."""
        return self.name.replace("-", "_")


ActionFunction = TypeVar("ActionFunction", bound=Callable[..., Awaitable[Any]])


class Resource(Generic[M]):
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
    ) -> None:
        self.model, self.table = model, _table(model)
        self.filters = tuple(filters)
        self.sort = tuple(sort)
        self.search, self.include = tuple(search), tuple(include)
        self.title = None if title is None else title.key
        self.match = tuple(attribute.key for attribute in match)
        self.aliases = {it.key: tuple(said) for it, said in (aliases or {}).items()}
        self.scopes: dict[str, tuple[Attribute, tuple[object, ...]]] = {}
        self.hidden = frozenset(attribute.key for attribute in hidden)
        self.without = frozenset(without)
        self.actions: dict[str, Action] = {}
        self.singular = _snake(model.__name__)
        self._name(kernel=kernel)
        whose = [it for it in (owner, team) if it is not None]
        named = [*whose, *([] if title is None else [title])]
        counted = fields_of(measures, dimensions)
        said = filters, sort, search, include, hidden, match, aliases or (), named
        self._check([attribute for group in (*said, counted) for attribute in group])
        self._measure(measures, dimensions)
        self.owner = self._whose(owner, CREATED_BY)
        self.team = self._whose(team, "team_id")
        self.rules = {rule.apply(self.table): rule for rule in rules}
        self._index_all((*sort, *whose))
        self._search()
        for name, states in (moves or {}).items():
            self._offer_move(name, states if isinstance(states, tuple) else (states,))
        self.children = {child: self._link(child) for child in children}

    def _name(self, *, kernel: bool) -> None:
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

    def action(
        self,
        name: str,
        *,
        raises: Sequence[type[Problem]] = (),
        step_up: bool = False,
    ) -> Callable[[ActionFunction], ActionFunction]:
        """Declare what the function does to a row, at ``POST …/{id}/<name>``.

        The function takes the context, the row (locked) and, if it has a third
        parameter, a ``Command``; it returns the row to answer with. With ``step_up``
        it is for those alone who proved lately who they are.
        """
        if name in VERBS or name in self.actions:
            raise DeclarationError(f"{self.name}: '{name}' has a meaning already")

        def register(function: ActionFunction) -> ActionFunction:
            hints = inspect.get_annotations(function, eval_str=True)
            parameters = list(inspect.signature(function).parameters)
            command = hints[parameters[2]] if len(parameters) > 2 else None
            if hints[parameters[1]] is not self.model:
                raise DeclarationError(f"{self.name}.{name} takes another model's row")
            summary = (function.__doc__ or name).strip().splitlines()[0]
            self.actions[name] = Action(
                name, function, command, tuple(raises), summary, step_up
            )
            return function

        return register


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
