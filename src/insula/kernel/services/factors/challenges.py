"""Challenges: a sign-in that is half done, and may be guessed at a few times only."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from insula.kernel.database.pool import Record
from insula.kernel.database.session import Statement, Transaction
from insula.kernel.foundation.clock import Clock
from insula.kernel.identity.factors.problems import FactorThrottled
from insula.kernel.identity.one_time import OneTime, OneTimeTokens, TokenSpent
from insula.kernel.identity.sessions import Account
from insula.kernel.services.factors.statements import LOCK_USER, NOBODY

PURPOSE, PROOFS = "second_factor", "step_up"
LASTING = timedelta(minutes=10)
MOST_TRIES = 5
MOST_FAILURES, MEMORY = 10, timedelta(minutes=15)
"""Wrong guesses at one person's second factor until everybody who guesses must wait.

Only who knows the password, or has the session, can make somebody wait.
"""

# What was answered rightly is used up, and its tries are no failures.
FAILURES = Statement(
    """SELECT COALESCE(sum((o.data->>'tries')::bigint), 0) AS failures,
       min(o.created_at) FILTER (WHERE (o.data->>'tries')::bigint > 0) AS first_at
  FROM home__.one_time_tokens o WHERE o.tenant_id = $1::text::uuid
   AND o.subject_id = $2::uuid AND o.purpose = $3::varchar
   AND o.used_at IS NULL AND o.created_at > $4::timestamptz"""
)


@dataclass(frozen=True, slots=True)
class Challenge:
    """Whose sign-in it is, how far it came, and whether it is there to enrol.

    ``password`` is a digest of the hash that they had: another password voids it.
    """

    id: UUID
    user_id: UUID
    methods: tuple[str, ...]
    enrol: bool
    password: str
    tries: int

    @classmethod
    def of(cls, token: OneTime) -> "Challenge | None":
        """The challenge of a token, if it may still be answered."""
        data, user_id = token.data, token.subject_id
        if user_id is None or data["tries"] >= MOST_TRIES:
            return None
        methods, rest = tuple(data["methods"]), (data["password"], data["tries"])
        return cls(token.id, user_id, methods, data["enrol"], *rest)

    def stands(self, user: Record | None) -> bool:
        """Whether its person is there and has the password that they had."""
        return user is not None and _digest(user["password"]) == self.password

    def data(self, tries: int) -> dict[str, object]:
        """What is kept with the token."""
        return {
            "methods": self.methods,
            "enrol": self.enrol,
            "password": self.password,
            "tries": tries,
        }


def _digest(password: str | None) -> str:
    return hashlib.sha256((password or "").encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Challenges:
    """The challenges of all tenants."""

    tokens: OneTimeTokens
    clock: Clock

    async def issue(
        self,
        transaction: Transaction,
        account: Account,
        methods: Sequence[str],
        *,
        enrol: bool,
    ) -> str:
        """A new challenge for somebody who passed these methods."""
        password = _digest(account.password)
        data = {"methods": methods, "enrol": enrol, "password": password, "tries": 0}
        return await self.tokens.issue(transaction, PURPOSE, account.id, LASTING, data)

    async def look(self, transaction: Transaction, text: str) -> Challenge | None:
        """The challenge, if it may still be answered; looking costs no try."""
        try:
            return Challenge.of(await self.tokens.look(transaction, PURPOSE, text))
        except TokenSpent:
            return None

    async def attempt(self, transaction: Transaction, text: str) -> Challenge | None:
        """The challenge, for one of its few tries; others wait until this one is over.

        Raises ``FactorThrottled``.
        """
        found = await self.look(transaction, text)
        user_id = NOBODY if found is None else found.user_id
        user = await self.check(transaction, user_id)
        counted = {} if found is None else found.data(found.tries + 1)
        token_id = NOBODY if found is None else found.id
        await self.tokens.keep(transaction, token_id, counted)
        return found if found is not None and found.stands(user) else None

    async def spend(self, transaction: Transaction, text: str) -> None:
        """Let nobody answer it again."""
        await self.tokens.redeem(transaction, PURPOSE, text)

    async def check(
        self, transaction: Transaction, user_id: UUID, purpose: str = PURPOSE
    ) -> Record | None:
        """Raise ``FactorThrottled`` after too many guesses; one guess at a time.

        Answers the user's row, which is locked.
        """
        users = await transaction.fetch(LOCK_USER, user_id)
        since = self.clock() - MEMORY
        found = (await transaction.fetch(FAILURES, user_id, purpose, since))[0]
        if found["failures"] >= MOST_FAILURES:
            left: timedelta = found["first_at"] - since
            raise FactorThrottled(retry_after=int(left.total_seconds()) + 1)
        return users[0] if users else None

    async def count(self, transaction: Transaction, user_id: UUID) -> None:
        """Count a wrong guess of somebody who is signed in."""
        tried = {"tries": 1}
        await self.tokens.issue(transaction, PROOFS, user_id, MEMORY, tried)
