"""One's own factors: looking at them, adding an app, making backup codes, removing."""

from dataclasses import dataclass

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.identity.factors.problems import (
    FactorExists,
    FactorMissing,
    FactorThrottled,
    PeopleAlone,
    ProofRefused,
)
from insula.kernel.services.accounts.ranking import Outranked, check_rank
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.challenges import (
    PROOFS,
)
from insula.kernel.services.factors.holdings import Method, held_by
from insula.kernel.services.factors.keeping import self_id
from insula.kernel.services.factors.parts import Parts
from insula.kernel.services.factors.statements import LIST_PASSKEYS, LOCK_USER
from insula.kernel.services.factors.views import (
    BackupCodesShown,
    FactorsView,
    PasskeyView,
    TotpConfirmation,
    TotpSecret,
    schema_of,
)

FACTORS, TOTP = "/api/v1/auth/factors", "/api/v1/auth/totp"
CODES = "/api/v1/auth/backup-codes"


def _nothing() -> dict[str, str]:
    return {"type": "null"}


@dataclass(frozen=True, slots=True)
class OwnFactors(Parts):
    """What somebody does with their own factors, and an administrator with another's."""

    async def look(self, ctx: Context, _: Call) -> Reply:
        """The factors of whoever asks."""
        user_id = self_id(ctx)
        held = await held_by(ctx.session, user_id)
        rows = await ctx.session.fetch(LIST_PASSKEYS, user_id)
        view = FactorsView(
            required=ctx.tenant.policy.mfa == "required",
            methods=list(held.methods),
            totp_since=held.totp_since,
            passkeys=[PasskeyView(**dict(row)) for row in rows],
            backup_codes_left=held.backup_codes,
        )
        return Reply(view.model_dump_json().encode())

    async def begin(self, ctx: Context, _: Call) -> Reply:
        """Get a secret for an app."""
        user_id = self_id(ctx)
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(LOCK_USER, user_id)
            if not rows:
                raise PeopleAlone
            email = rows[0]["email"]
            made = await self.keeping.begin_totp(
                transaction, ctx.tenant, user_id, email
            )
            row = "users", user_id
            await note(transaction, ctx, "factors.enrolment_begun", row)
        return Reply(made.model_dump_json().encode())

    async def confirm(self, ctx: Context, call: Call) -> Reply:
        """Have the app count, if its code is right."""
        user_id, body = self_id(ctx), call.body
        codes: list[str] | None = None
        async with self.engine().work(ctx) as work:
            transaction = work.transaction
            await self.challenges.check(transaction, user_id, PROOFS)
            code = body.code
            if await self.proving.by_totp(transaction, user_id, code, pending=True):
                codes = await self.keeping.added(work, user_id, "second_factor_added")
                await self.keeping.proved(work, user_id, Method.totp)
            else:
                await self.challenges.count(transaction, user_id)
        if codes is None:
            raise ProofRefused
        self.identity().left(user_id)
        return _codes(codes)

    async def remove_totp(self, ctx: Context, _: Call) -> Reply:
        """Take the app away."""
        user_id = self_id(ctx)
        async with self.engine().work(ctx) as work:
            await work.transaction.fetch(LOCK_USER, user_id)
            await self.keeping.remove_totp(work, user_id)
        return Reply()

    async def regenerate(self, ctx: Context, _: Call) -> Reply:
        """New backup codes."""
        user_id = self_id(ctx)
        async with self.engine().work(ctx) as work:
            rows = await work.transaction.fetch(LOCK_USER, user_id)
            if not rows or rows[0]["second_factor_at"] is None:
                raise FactorMissing
            codes = await self.keeping.make_codes(work, user_id)
        return _codes(list(codes))

    async def reset(self, ctx: Context, call: Call) -> Reply:
        """Take all factors from somebody who has lost them."""
        user_id = parse_uuid(call.key)
        if user_id is None:
            raise NotFound
        account = await self.identity().users(ctx).accounts.get(user_id)
        if account is None:
            raise NotFound
        check_rank(ctx.actor, user_id, account.grants)
        async with self.engine().work(ctx) as work:
            if not await work.transaction.fetch(LOCK_USER, user_id):
                raise NotFound
            await self.keeping.remove_all(work, user_id)
        return Reply()

    def operations(self) -> tuple[Operation, ...]:
        """Every one."""
        return (
            Operation(
                name="auth.factors", method="GET", path=FACTORS, run=self.look,
                summary="My second factors", writes=False, factorless=True,
                answer=schema_of(FactorsView), errors=(PeopleAlone,),
            ),
            Operation(
                name="auth.totp.begin", method="POST", path=TOTP, run=self.begin,
                summary="Get a secret for an authenticator app", step_up=True,
                factorless=True,
                answer=schema_of(TotpSecret), errors=(PeopleAlone, FactorExists),
            ),
            Operation(
                name="auth.totp.confirm", method="POST", path=f"{TOTP}/confirm",
                run=self.confirm, summary="Add an authenticator app by its first code",
                factorless=True, limit="auth", body=TotpConfirmation,
                answer=schema_of(BackupCodesShown),
                errors=(PeopleAlone, ProofRefused, FactorThrottled),
            ),
            Operation(
                name="auth.totp.remove", method="DELETE", path=TOTP,
                run=self.remove_totp, summary="Remove the authenticator app",
                step_up=True, answer=_nothing, errors=(PeopleAlone, NotFound),
            ),
            Operation(
                name="auth.backup_codes", method="POST", path=CODES,
                run=self.regenerate, summary="Make new backup codes; the old are void",
                step_up=True, limit="auth", answer=schema_of(BackupCodesShown),
                errors=(PeopleAlone, FactorMissing),
            ),
            Operation(
                name="users.reset_factors", method="DELETE",
                path="/api/v1/users/{id}/factors", run=self.reset, step_up=True,
                summary="Remove all second factors of somebody who has lost them",
                permission="users.manage", answer=_nothing, errors=(NotFound, Outranked),
            ),
        )  # fmt: skip


def _codes(codes: list[str]) -> Reply:
    return Reply(BackupCodesShown(backup_codes=codes).model_dump_json().encode())
