"""Offering: what an app's own functions do for a resource, beside plain reading and writing."""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from insula.kernel.database.model import TenantRow
from insula.kernel.foundation.errors import Problem
from insula.kernel.resource.following import Following

M = TypeVar("M", bound=TenantRow)

VERBS = frozenset({"list", "read", "create", "replace", "update", "delete", "restore"})
"""What every resource offers by itself; no action takes one of these names."""


class Command(BaseModel):
    """What an action is asked with; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


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
FollowFunction = TypeVar("FollowFunction", bound=Following)
PrepareFunction = TypeVar("PrepareFunction", bound=Callable[..., Awaitable[None]])


class Offering(Generic[M]):
    """The functions that are declared of a resource, by decorators."""

    name: str
    model: type[M]

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}
        self.common: dict[str, Action] = {}
        self.questions: dict[str, Action] = {}
        self.preparing: Callable[..., Awaitable[None]] | None = None
        self.following: Following | None = None

    def prepare(self, function: PrepareFunction) -> PrepareFunction:
        """Have a function complete new rows, wherever they come from, many at once.

        It takes the context and the rows before they are written: it fills fields and
        refuses what cannot be, and adds no rows of its own. Actions that add rows call
        it themselves.
        """
        self.preparing = function
        return function

    def follow(self, function: FollowFunction) -> FollowFunction:
        """Have a function write what follows from rows, in their own transaction.

        It is called after every write, whoever writes: the API, bulk work, an import,
        an action. It takes the context and what was ``Saved``, many rows at once where
        many were written, and answers which of them cannot be, each with its problem.
        """
        self.following = function
        return function

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
        self._refuse_known(name)

        def register(function: ActionFunction) -> ActionFunction:
            hints = inspect.get_annotations(function, eval_str=True)
            parameters = list(inspect.signature(function).parameters)
            command = hints[parameters[2]] if len(parameters) > 2 else None
            if hints[parameters[1]] is not self.model:
                raise DeclarationError(f"{self.name}.{name} takes another model's row")
            summary = _summary(function, name)
            self.actions[name] = Action(
                name, function, command, tuple(raises), summary, step_up
            )
            return function

        return register

    def common_action(
        self, name: str, *, raises: Sequence[type[Problem]] = ()
    ) -> Callable[[ActionFunction], ActionFunction]:
        """Declare what the function does to no row in particular, at ``POST …/<name>``.

        It takes the context and a ``Command``, and answers with a row or a model.
        """
        self._refuse_known(name)

        def register(function: ActionFunction) -> ActionFunction:
            hints = inspect.get_annotations(function, eval_str=True)
            command = hints[list(inspect.signature(function).parameters)[1]]
            summary = _summary(function, name)
            self.common[name] = Action(name, function, command, tuple(raises), summary)
            return function

        return register

    def question(self, name: str) -> Callable[[ActionFunction], ActionFunction]:
        """Declare what the function tells of a row, at ``GET …/{id}/<name>``.

        It takes the context and the row, writes nothing, and answers with a model; it
        is for whoever may read the row.
        """
        self._refuse_known(name)

        def register(function: ActionFunction) -> ActionFunction:
            summary = _summary(function, name)
            self.questions[name] = Action(name, function, None, (), summary)
            return function

        return register

    def _refuse_known(self, name: str) -> None:
        if name in VERBS or name in {**self.actions, **self.common, **self.questions}:
            raise DeclarationError(f"{self.name}: '{name}' has a meaning already")


def _summary(function: Callable[..., Any], name: str) -> str:
    return (function.__doc__ or name).strip().splitlines()[0]
