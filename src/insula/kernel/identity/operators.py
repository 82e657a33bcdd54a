"""Operators: the people who run the platform, and what each of them may do (S1-96)."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.database.bus import CHANNEL
from insula.kernel.database.pool import Connection
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Conflict, Denied, NotFound, Stale
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.authenticate import topic_of
from insula.kernel.identity.operator_rows import (
    ABLE,
    AUDIT,
    CHANGE,
    CREATE,
    END_ALL,
    END_ONE,
    FIND,
    FORGET_FACTOR,
    FULL,
    ID_OF,
    LOCK,
    NOTIFY,
    PAGE,
    PASSWORD,
    REMOVE,
    SESSIONS,
    OperatorSessionView,
    OperatorView,
    operator_view,
    session_view,
)
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.mail.address import key_of
from insula.kernel.tenancy.control import Control

CONSOLE = Actor(ActorKind.system, None, grants=(FULL,))
"""Whoever has a shell on the platform's own machine."""


class OperatorExists(Conflict):
    """There is an operator {email} already."""

    code = "OPERATOR_EXISTS"


class OperatorUnknown(NotFound):
    """There is no operator {email}."""

    code = "OPERATOR_UNKNOWN"


class LastFullOperator(Conflict):
    """Nobody else may do everything: make another such operator first."""

    code = "OPERATOR_LAST"


class BeyondYourself(Denied):
    """You cannot give or take {permission}, which you do not have yourself."""

    code = "OPERATOR_BEYOND_YOURSELF"


@dataclass(slots=True)
class Locked:
    """An operator under lock, for the length of a transaction."""

    connection: Connection
    operator: OperatorView
    others: bool
    """Whether somebody else may do everything."""

    def keep_one(self) -> None:
        """Raise ``LastFullOperator`` if nobody could do everything without them."""
        if self.operator.full and not self.others:
            raise LastFullOperator

    async def sign_out(self) -> None:
        """End all their sessions."""
        await self.connection.execute(END_ALL, self.operator.id, now())


class Operators:
    """All operators of this installation.

    ``by`` is whoever does it: they need every permission that the operator has or is
    given, so that nobody climbs above themselves through others.
    """

    def __init__(self, control: Control) -> None:
        self._control = control

    async def page(self, after: UUID | None, limit: int) -> Sequence[OperatorView]:
        """Some of them, in the order in which they came."""
        return [
            operator_view(it) for it in await self._control.fetch(PAGE, after, limit)
        ]

    async def find(self, operator_id: UUID) -> OperatorView:
        """One of them; raises ``NotFound``."""
        rows = await self._control.fetch(FIND, operator_id)
        if not rows:
            raise NotFound
        return operator_view(rows[0])

    async def id_of(self, email: str) -> UUID:
        """Whose address it is; raises ``OperatorUnknown``."""
        rows = await self._control.fetch(ID_OF, email.strip().lower())
        if not rows:
            raise OperatorUnknown(email=email)
        found: UUID = rows[0]["id"]
        return found

    async def create(
        self,
        email: str,
        password: str,
        *,
        name: str = "",
        permissions: Iterable[str] = (FULL,),
        by: Actor = CONSOLE,
    ) -> OperatorView:
        """Make an operator; raises ``OperatorExists``, ``BadAddress``, ``PasswordWeak``."""
        email, given = key_of(email), sorted(set(permissions))
        _reach(by, given)
        check_password(password, [email])
        hashed = await hash_password(password)
        async with self._control.transaction() as connection:
            rows = await connection.fetch(CREATE, uuid7(), email, name, hashed, given)
            if not rows:
                raise OperatorExists(email=email)
            made = operator_view(rows[0])
            await _note(connection, by, "create", made.id, {"permissions": given})
        return made

    async def change(
        self,
        operator_id: UUID,
        *,
        name: str | None = None,
        permissions: Iterable[str] | None = None,
        version: int | None = None,
        by: Actor = CONSOLE,
    ) -> None:
        """Change their name or what they may do, from the next request on.

        Raises ``Stale`` if they are no longer as in that version.
        """
        given = None if permissions is None else sorted(set(permissions))
        _reach(by, given or ())
        async with self._locked(operator_id, by) as it:
            if version is not None and version != it.operator.version:
                raise Stale
            if given is not None and FULL not in given:
                it.keep_one()
            await it.connection.execute(CHANGE, operator_id, name, given)
            changes = {"name": name, "permissions": given}
            said = {key: value for key, value in changes.items() if value is not None}
            await _note(it.connection, by, "update", operator_id, said)

    async def disable(self, operator_id: UUID, *, by: Actor = CONSOLE) -> None:
        """Sign them out and let them in no more, until they are enabled."""
        async with self._locked(operator_id, by) as it:
            it.keep_one()
            await it.connection.execute(ABLE, operator_id, now())
            await it.sign_out()
            await _note(it.connection, by, "disable", operator_id)

    async def enable(self, operator_id: UUID, *, by: Actor = CONSOLE) -> None:
        """Let them sign in again."""
        async with self._locked(operator_id, by) as it:
            await it.connection.execute(ABLE, operator_id, None)
            await _note(it.connection, by, "enable", operator_id)

    async def remove(self, operator_id: UUID, *, by: Actor = CONSOLE) -> None:
        """Forget them for ever; the log keeps their address beside what they did."""
        async with self._locked(operator_id, by) as it:
            it.keep_one()
            await it.connection.execute(REMOVE, operator_id)
            said = {"email": it.operator.email}
            await _note(it.connection, by, "delete", operator_id, said)

    async def set_password(
        self, operator_id: UUID, password: str, *, by: Actor = CONSOLE
    ) -> None:
        """Give them another password, and sign them out everywhere."""
        check_password(password, [(await self.find(operator_id)).email])
        hashed = await hash_password(password)
        async with self._locked(operator_id, by) as it:
            await it.connection.execute(PASSWORD, operator_id, hashed)
            await it.sign_out()
            await _note(it.connection, by, "password_reset", operator_id)

    async def reset_factor(self, operator_id: UUID, *, by: Actor = CONSOLE) -> None:
        """Forget their second factor: they enrol another when they sign in next."""
        async with self._locked(operator_id, by) as it:
            await it.connection.execute(FORGET_FACTOR, operator_id)
            await it.sign_out()
            await _note(it.connection, by, "factor_reset", operator_id)

    async def sessions(self, operator_id: UUID) -> Sequence[OperatorSessionView]:
        """Their sign-ins that are good, the newest first; raises ``NotFound``."""
        await self.find(operator_id)
        rows = await self._control.fetch(SESSIONS, operator_id, now())
        return [session_view(row) for row in rows]

    async def end_session(
        self, operator_id: UUID, session: UUID, *, by: Actor = CONSOLE
    ) -> None:
        """End one of their sign-ins; raises ``NotFound``."""
        async with self._locked(operator_id, by) as it:
            if not await it.connection.fetchval(END_ONE, operator_id, session, now()):
                raise NotFound
            said = {"session": str(session)}
            await _note(it.connection, by, "session_ended", operator_id, said)

    async def end_sessions(self, operator_id: UUID, *, by: Actor = CONSOLE) -> None:
        """Sign them out everywhere."""
        async with self._locked(operator_id, by) as it:
            await it.sign_out()
            await _note(it.connection, by, "signed_out", operator_id)

    @asynccontextmanager
    async def _locked(self, operator_id: UUID, by: Actor) -> AsyncIterator[Locked]:
        """The operator under lock; every process loads them anew after the commit."""
        async with self._control.transaction() as connection:
            found = [
                operator_view(row) for row in await connection.fetch(LOCK, operator_id)
            ]
            mine = next((it for it in found if it.id == operator_id), None)
            if mine is None:
                raise NotFound
            if by.id != operator_id:
                _reach(by, mine.permissions)
            yield Locked(connection, mine, any(it is not mine for it in found))
            await connection.execute(NOTIFY, CHANNEL, topic_of(operator_id))


def _reach(by: Actor, permissions: Iterable[str]) -> None:
    for permission in permissions:
        if not by.may(permission):
            raise BeyondYourself(permission=permission)


async def _note(
    connection: Connection,
    by: Actor,
    action: str,
    operator_id: UUID,
    said: Mapping[str, object] | None = None,
) -> None:
    row = by.id, f"admins.{action}", str(operator_id), dict(said or {})
    await connection.execute(AUDIT, uuid7(), *row)
