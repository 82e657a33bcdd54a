"""Scoping: which rows of a resource somebody reaches, as SQL and as rules for values."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, FromClause, false, or_

from insula.kernel.access.actor import Actor
from insula.kernel.access.grants import Reach
from insula.kernel.database.session import HOME, Session, Statement, Transaction
from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource

MEMBERS_OF = (
    f"SELECT m.user_id FROM {HOME}.team_members m"  # noqa: S608  # our names
    " WHERE m.deleted_at IS NULL AND m.tenant_id"
)
COMPANIONS = Statement(
    f"{MEMBERS_OF} = $1::text::uuid AND m.team_id = ANY($2::uuid[])"  # our names
)
"""Who is in some teams."""


class Takes(Protocol):
    """Hands out parameters of a statement."""

    def next(self, cast: str) -> str:
        """The next one, as a typed expression."""


class Scope(NamedTuple):
    """Whose rows are reached: a shape for the SQL, and the values for it."""

    reach: Reach
    args: tuple[Any, ...]
    """The actor, and of the teams' rows the teams."""


class Scoping:
    """What ``own:`` and ``team:`` mean for one resource.

    A resource without an owner's column has no rows that are anybody's: a grant with
    a qualifier gives nothing of it.
    """

    def __init__(self, resource: Resource[Any]) -> None:
        self._name = resource.name
        self._owner, self._team = resource.owner, resource.team
        self._scoped = self._owner is not None or self._team is not None

    def of(self, actor: Actor, *actions: str) -> Scope | None:
        """The rows for which an actor has every one of these permissions; None: all.

        One that the actor has not at all is not counted: admission has spoken of it.
        """
        if not actor.qualified or not self._scoped:
            return None
        key = self._name, actions
        if key not in actor.worked_out:
            actor.worked_out[key] = self._work_out(actor, actions)
        found: Scope | None = actor.worked_out[key]
        return found

    def _work_out(self, actor: Actor, actions: Iterable[str]) -> Scope | None:
        reaches = [actor.reach(f"{self._name}.{action}") for action in actions]
        reach = min((it for it in reaches if it is not None), default=Reach.all)
        if reach is Reach.all:
            return None
        teams = (sorted(actor.teams),) if reach is Reach.team else ()
        return Scope(reach, (actor.id, *teams))

    def sql(self, numbers: Takes, reach: Reach | None) -> str:
        """A condition on the row ``c``, with an AND before it; empty for all rows.

        Arguments: those of the scope.
        """
        if reach is None or reach is Reach.all:
            return ""
        person = numbers.next("uuid")
        # Without an owner nothing else would tell PostgreSQL of the parameter.
        parts = [
            f"c.{self._owner} = {person}" if self._owner else f"{person} <> {person}"
        ]
        if reach is Reach.team:
            teams = numbers.next("uuid[]")
            members = f"{MEMBERS_OF} = c.tenant_id AND m.team_id = ANY({teams})"
            parts += [f"c.{self._owner} IN ({members})"] if self._owner else []
            parts += [f"c.{self._team} = ANY({teams})"] if self._team else []
        return f" AND ({' OR '.join(parts)})"

    def condition(
        self, table: FromClause, scope: Scope, companions: Collection[UUID]
    ) -> ColumnElement[bool]:
        """The same for a query of an app's own."""
        person, parts = scope.args[0], list[ColumnElement[bool]]()
        if self._owner is not None:
            people = {person, *companions} if scope.reach is Reach.team else {person}
            parts.append(table.c[self._owner].in_(people))
        if self._team is not None and scope.reach is Reach.team:
            parts.append(table.c[self._team].in_(scope.args[1]))
        return or_(false(), *parts)

    def strangers(self, scope: Scope | None, values: Mapping[str, Any]) -> bool:
        """Whether only the teams' members tell if these values stay within reach."""
        if scope is None or scope.reach is not Reach.team or self._owner is None:
            return False
        return values.get(self._owner) not in (None, scope.args[0])

    def claim(
        self,
        scope: Scope | None,
        values: Mapping[str, Any],
        companions: Collection[UUID] = (),
    ) -> dict[str, Any]:
        """The values of a new row, which must be one that its maker reaches.

        The owner is the maker where neither a person nor a team is named. Raises
        ``Invalid``.
        """
        made = dict(values)
        if scope is None:
            return made
        named = {
            name: made[name]
            for name in (self._owner, self._team)
            if name is not None and made.get(name) is not None
        }
        self.keep(scope, named, companions)
        of_team = scope.reach is Reach.team and self._team in named
        if self._owner is None and not of_team:
            raise Invalid(_beyond(str(self._team)))
        if self._owner is not None and self._owner not in named and not of_team:
            made[self._owner] = scope.args[0]
        return made

    def keep(
        self,
        scope: Scope | None,
        changed: Mapping[str, Any],
        companions: Collection[UUID] = (),
    ) -> None:
        """Refuse to give a row away to where its keeper would not reach it.

        Raises ``Invalid``.
        """
        if scope is None:
            return
        person, *teams = scope.args
        mine = {it for each in teams for it in each}
        own = scope.reach is Reach.own
        wrong = [
            _beyond(name)
            for name, known in (
                (self._owner, {person} if own else {person, *companions}),
                (None if own else self._team, mine),  # own rows may be of any team
            )
            if name is not None and name in changed and changed[name] not in known
        ]
        if wrong:
            raise Invalid(*wrong)


async def companions(where: Session | Transaction, scope: Scope) -> frozenset[UUID]:
    """Who is in the teams that a scope is about."""
    if scope.reach is not Reach.team:
        return frozenset()
    if isinstance(where, Transaction):
        rows = await where.fetch(COMPANIONS, scope.args[1])
    else:
        async with where.transaction() as transaction:
            rows = await transaction.fetch(COMPANIONS, scope.args[1])
    return frozenset(row["user_id"] for row in rows)


def _beyond(field: str) -> FieldError:
    words = Words("The {field} field must be within what you may reach.", field=field)
    return FieldError(field, "out_of_scope", words)
