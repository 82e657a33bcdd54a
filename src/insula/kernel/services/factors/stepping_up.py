"""Step-up: whoever asks for what matters proves anew that it is really them."""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.identity.devices import DEVICE
from insula.kernel.identity.factors.problems import (
    FactorThrottled,
    PeopleAlone,
    ProofRefused,
    StrongerProofNeeded,
)
from insula.kernel.identity.sessions import Account
from insula.kernel.identity.signing_in import Identity, Realm, SignInBusy
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts.security_mail import notify_security_change
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.challenges import (
    PROOFS,
    Challenges,
)
from insula.kernel.services.factors.holdings import AMR, Method, held_by
from insula.kernel.services.factors.keeping import self_id
from insula.kernel.services.factors.proving import Proving
from insula.kernel.services.factors.statements import PROVE
from insula.kernel.services.factors.views import StepUpDone, StepUpProof, schema_of


@dataclass(frozen=True, slots=True)
class SteppingUp:
    """Takes the proof, and has every process know of it within a second.

    Who has a second factor proves it with that: a password may have been seen.
    """

    identity: Callable[[], Identity]
    engine: Callable[[], Engine]
    challenges: Challenges
    proving: Proving

    async def prove(self, ctx: Context, call: Call) -> Reply:
        """Prove who one is."""
        user_id, body, realm = self_id(ctx), call.body, self.identity().users(ctx)
        account = await realm.current(ctx.actor)
        by_password = body.method is Method.password
        if by_password and account.second_factor:
            held = await held_by(ctx.session, user_id)
            raise StrongerProofNeeded(methods=held.methods)
        right = by_password and await self._knows(realm, account, call)
        at = self.proving.clock()
        async with self.engine().work(ctx) as work:
            await self.challenges.check(work.transaction, user_id, PROOFS)
            right = right or (not by_password and await self._has(work, user_id, body))
            row = "sessions", ctx.actor.session
            if right:
                proof = ctx.actor.session, user_id, at, AMR[body.method]
                if not await work.transaction.fetch(PROVE, *proof):
                    raise Unauthenticated
                await note(work.transaction, ctx, "auth.step_up", row)
            else:
                await self.challenges.count(work.transaction, user_id)
                await note(work.transaction, ctx, "auth.step_up_failed", row)
        if not right:
            raise ProofRefused
        self.identity().left(user_id)
        return Reply(StepUpDone(proved_at=at).model_dump_json().encode())

    async def _knows(self, realm: Realm, account: Account, call: Call) -> bool:
        ctx, throttle = realm.ctx, realm.doors.throttle
        ctx.device = DEVICE.read(call.headers)
        attempt = await throttle.check(ctx, account.email, ctx.client)
        password = call.body.password
        right, _ = await realm.queue.verify(password, account.password)
        if right:
            await throttle.passed(ctx, attempt)
        else:
            await throttle.failed(ctx)
        return right

    async def _has(self, work: WorkContext, user_id: UUID, body: StepUpProof) -> bool:
        transaction = work.transaction
        if body.passkey is not None and body.method is Method.passkey:
            given = body.passkey
            signed = await self.proving.by_passkey(transaction, work.tenant, given)
            return signed is not None and signed.user_id == user_id
        code = body.code or ""
        right = await self.proving.by_code(transaction, user_id, body.method, code)
        if right and body.method is Method.backup_code:
            await notify_security_change(work, user_id, "backup_code_used")
        return right

    def operations(self) -> tuple[Operation, ...]:
        """The one."""
        return (
            Operation(
                name="auth.step_up", method="POST", path="/api/v1/auth/step-up",
                run=self.prove, summary="Prove anew who you are, before what matters",
                limit="auth", body=StepUpProof, answer=schema_of(StepUpDone),
                factorless=True,
                errors=(
                    PeopleAlone, ProofRefused, StrongerProofNeeded, FactorThrottled,
                    SignInBusy,
                ),
            ),
        )  # fmt: skip
