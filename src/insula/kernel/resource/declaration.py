"""The declaration: what the API offers of a model, and the rules over several fields."""

import inspect
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Index, Table, Uuid

from insula.kernel.database.columns import spec
from insula.kernel.database.model import TenantRow, short_name
from insula.kernel.foundation.errors import Problem
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
    ) -> None:
        self.model, self.table = model, _table(model)
        self.filters = tuple(filters)
        self.sort = tuple(sort)
        self.search, self.include = tuple(search), tuple(include)
        self.title = None if title is None else title.key
        self.scopes: dict[str, tuple[Attribute, tuple[object, ...]]] = {}
        self.hidden = frozenset(attribute.key for attribute in hidden)
        self.without = frozenset(without)
        self.actions: dict[str, Action] = {}
        self.singular = _snake(model.__name__)
        self._name(kernel=kernel)
        whose = [it for it in (owner, team) if it is not None]
        named = [*whose, *([] if title is None else [title])]
        self._check((*filters, *sort, *search, *include, *hidden, *named))
        self.owner = self._whose(owner, CREATED_BY)
        self.team = self._whose(team, "team_id")
        self.rules = {rule.apply(self.table): rule for rule in rules}
        self._index((*filters, *sort, *whose))

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

    def _index(self, attributes: Sequence[Attribute]) -> None:
        for key in dict.fromkeys(attribute.key for attribute in attributes):
            if key == "id" or self._indexed(key):
                continue
            column = self.table.c[key]
            name = short_name("ix", self.table.name, key)
            Index(name, self.table.c.tenant_id, column, self.table.c.id)

    def _indexed(self, key: str) -> bool:
        declared = spec(self.table.c[key].info)
        name = short_name("ix", self.table.name, key)
        known = any(index.name == name for index in self.table.indexes)
        return known or declared.unique or declared.target is not None

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
        if name in VERBS:
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


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
