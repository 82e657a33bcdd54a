"""The second step of signing in: a challenge is answered with a second factor (S3-64)."""

from dataclasses import dataclass

import msgspec

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.identity.factors.problems import (
    FactorExists,
    FactorRefused,
    FactorThrottled,
)
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.security_mail import notify_security_change
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.challenges import Challenge
from insula.kernel.services.factors.entering import let_in
from insula.kernel.services.factors.holdings import AMR, Method
from insula.kernel.services.factors.parts import Parts
from insula.kernel.services.factors.statements import LOCK_USER, NOBODY
from insula.kernel.services.factors.views import (
    SecondFactor,
    SecondFactorDone,
    SecondFactorEnrolment,
    TotpSecret,
    schema_of,
)

PATH = "/api/v1/auth/second-factor"


@dataclass(frozen=True, slots=True)
class SecondStep(Parts):
    """Completes sign-ins; whatever is wrong with an answer, it is refused alike."""

    async def complete(self, ctx: Context, call: Call) -> Reply:
        """Answer a challenge."""
        body: SecondFactor = call.body
        async with self.engine().work(ctx) as work:
            passed = await self._passed(work, body)
        if passed is None:
            raise FactorRefused
        challenge, codes = passed
        realm = self.identity().users(ctx)
        account = await realm.accounts.get(challenge.user_id)
        if account is None:
            raise FactorRefused
        methods = (*challenge.methods, AMR[Method(body.method)])
        reply = await let_in(realm, account, methods, call, cookie=body.cookie)
        if codes:
            data = {**msgspec.json.decode(reply.data), "backup_codes": codes}
            reply.data = msgspec.json.encode(data)
        return reply

    async def enrol(self, ctx: Context, call: Call) -> Reply:
        """Give a secret to somebody who must have a second factor to come in."""
        body: SecondFactorEnrolment = call.body
        async with ctx.session.transaction() as transaction:
            challenge = await self.challenges.look(transaction, body.challenge)
            if challenge is None or not challenge.enrol:
                raise FactorRefused
            user_id = challenge.user_id
            rows = await transaction.fetch(LOCK_USER, user_id)
            stands = rows and challenge.stands(rows[0])
            if not stands or rows[0]["second_factor_at"] is not None:
                raise FactorRefused
            email = rows[0]["email"]
            made = await self.keeping.begin_totp(
                transaction, ctx.tenant, user_id, email
            )
            row = "users", user_id
            await note(transaction, ctx, "factors.enrolment_begun", row)
        return Reply(made.model_dump_json().encode())

    async def _passed(
        self, work: WorkContext, body: SecondFactor
    ) -> tuple[Challenge, list[str]] | None:
        """The challenge, used up, if the answer is right; else the failure is noted.

        With it go the backup codes of whoever has just got their first factor.
        """
        challenge = await self.challenges.attempt(work.transaction, body.challenge)
        right = await self._right(work, challenge, body)
        user_id = None if challenge is None else challenge.user_id
        if challenge is None or not right:
            said, row = {"method": body.method}, ("users", user_id)
            await note(work.transaction, work, "auth.second_factor_failed", row, said)
            return None
        await self.challenges.spend(work.transaction, body.challenge)
        codes: list[str] = []
        if challenge.enrol:
            what = "second_factor_added"
            codes = await self.keeping.added(work, challenge.user_id, what)
        if body.method == Method.backup_code:
            await notify_security_change(work, challenge.user_id, "backup_code_used")
        return challenge, codes

    async def _right(
        self, work: WorkContext, challenge: Challenge | None, body: SecondFactor
    ) -> bool:
        transaction, code = work.transaction, body.code or ""
        user_id = NOBODY if challenge is None else challenge.user_id
        if challenge is not None and challenge.enrol:
            return body.method == Method.totp and await self._enrols(
                work, challenge, code
            )
        if body.passkey is not None and body.method == Method.passkey:
            given = body.passkey
            signed = await self.proving.by_passkey(transaction, work.tenant, given)
            return signed is not None and signed.user_id == user_id
        return await self.proving.by_code(
            transaction, user_id, Method(body.method), code
        )

    async def _enrols(self, work: WorkContext, challenge: Challenge, code: str) -> bool:
        """Whether it is the first code of somebody who still has no other factor."""
        transaction, user_id = work.transaction, challenge.user_id
        rows = await transaction.fetch(LOCK_USER, user_id)
        if not rows or rows[0]["second_factor_at"] is not None:
            return False
        return await self.proving.by_totp(transaction, user_id, code, pending=True)

    def operations(self) -> tuple[Operation, ...]:
        """Both of them."""
        return (
            Operation(
                name="auth.second_factor", method="POST", path=PATH,
                run=self.complete, summary="Complete a sign-in with a second factor",
                audience=Audience.visitor, limit="auth", body=SecondFactor,
                answer=schema_of(SecondFactorDone),
                errors=(FactorRefused, FactorThrottled),
            ),
            Operation(
                name="auth.second_factor.enrol", method="POST", path=f"{PATH}/enrol",
                run=self.enrol, summary="Get a second factor that is needed to sign in",
                audience=Audience.visitor, limit="auth", body=SecondFactorEnrolment,
                answer=schema_of(TotpSecret), errors=(FactorRefused, FactorExists),
            ),
        )  # fmt: skip
