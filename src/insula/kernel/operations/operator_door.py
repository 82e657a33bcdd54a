"""How operators come in: the second step of their sign-in, and what they do for their own."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply, summary_of
from insula.kernel.foundation.errors import Invalid, NotFound, Unauthenticated
from insula.kernel.identity.factors.problems import (
    FactorExists,
    FactorMissing,
    FactorRefused,
    FactorThrottled,
    ProofRefused,
)
from insula.kernel.identity.operations import TokenPair, pair
from insula.kernel.identity.operator_door import Challenge, Challenges, Purpose
from insula.kernel.identity.operator_factors import OperatorFactors
from insula.kernel.identity.operator_rows import OperatorSessionView
from insula.kernel.identity.operators import Operators
from insula.kernel.identity.sessions import Account, Origin
from insula.kernel.identity.signing_in import Identity, InvalidCredentials, Realm
from insula.kernel.tenancy.control import Control

REF = "#/components/schemas/{model}"
STRICT = ConfigDict(extra="forbid", strict=True)
Run = Callable[[Context, Call], Awaitable[Reply]]
Text = Annotated[str, Field(min_length=1, max_length=1000)]
Code = Annotated[str, Field(min_length=1, max_length=32, examples=["123456"])]
Password = Annotated[SecretStr, Field(min_length=1, max_length=256)]

PROVED = """
UPDATE control.admin_sessions SET proved_at = $3
 WHERE id = $1 AND admin_id = $2 AND revoked_at IS NULL
"""


class OperatorSecondFactor(BaseModel):
    """The second step of a sign-in: what it gave, and a code."""

    model_config = STRICT
    challenge: Text
    method: Literal["totp", "backup_code"] = "totp"
    code: Code


class OperatorEnrolment(BaseModel):
    """The challenge of a sign-in that asks for a second factor to be made."""

    model_config = STRICT
    challenge: Text


class OperatorProof(BaseModel):
    """Who asks for something that matters proves once more who they are."""

    model_config = STRICT
    method: Literal["totp", "backup_code", "password"]
    code: Code | None = None
    password: Password | None = None


class OwnPassword(BaseModel):
    """Another password, and the present one as proof."""

    model_config = STRICT
    current_password: Password
    password: Password


class OwnSession(BaseModel):
    """Which of one's own sessions to end."""

    model_config = STRICT
    session_id: Annotated[UUID, Field(strict=False)]


class OperatorTokens(TokenPair):
    """The tokens of a sign-in; with backup codes if it began by enrolling an app."""

    backup_codes: list[str]


class Secret(BaseModel):
    """What an authenticator app must know: as a QR code says it, and to type in."""

    secret: str
    uri: str


class Proved(BaseModel):
    """When the operator behind this session last proved who they are."""

    proved_at: datetime


class Codes(BaseModel):
    """New backup codes, shown this once."""

    backup_codes: list[str]


class OperatorDoor:
    """The operators' own deeds at the door and behind it."""

    def __init__(
        self,
        identity: Identity,
        challenges: Challenges,
        factors: OperatorFactors,
        operators: Operators,
        control: Control,
    ) -> None:
        self._identity, self._challenges = identity, challenges
        self._factors, self._operators, self._control = factors, operators, control

    async def second(self, ctx: Context, call: Call) -> Reply:
        """Come in with a code, after the password."""
        body: OperatorSecondFactor = call.body
        realm, challenge = self._identity.operators(ctx), self._read(body.challenge)
        account = self._challenges.check(
            challenge, await realm.accounts.get(challenge.operator)
        )
        codes: tuple[str, ...] = ()
        if challenge.purpose is Purpose.enrol:
            codes = await self._factors.confirm(account.id, body.code)
            method = "otp"
        else:
            method = await self._factors.check(account.id, body.code)
        return await self._enter(
            realm, account, (*challenge.methods, method), codes, call
        )

    async def _enter(
        self,
        realm: Realm,
        account: Account,
        methods: tuple[str, ...],
        codes: tuple[str, ...],
        call: Call,
    ) -> Reply:
        signed_in = await realm.enter(account, methods, _origin(realm.ctx, call))
        reply = pair(signed_in)
        tokens = {**msgspec.json.decode(reply.data), "backup_codes": codes}
        return Reply(msgspec.json.encode(tokens))

    async def enrol(self, ctx: Context, call: Call) -> Reply:
        """Get a secret for an authenticator app; its first code confirms it."""
        challenge = self._read(call.body.challenge)
        found = await self._identity.operators(ctx).accounts.get(challenge.operator)
        account = self._challenges.check(challenge, found)
        if challenge.purpose is not Purpose.enrol:
            raise FactorExists
        made = await self._factors.begin(account.id)
        return _reply(Secret(secret=made.secret, uri=made.otpauth_uri))

    async def prove(self, ctx: Context, call: Call) -> Reply:
        """Prove once more who you are, for what matters."""
        body: OperatorProof = call.body
        account = await self._identity.operators(ctx).current(ctx.actor)
        await self._proof(ctx, account, body)
        at = self._factors.clock()
        await self._control.fetch(PROVED, ctx.actor.session, account.id, at)
        self._identity.left(account.id)
        return _reply(Proved(proved_at=at))

    async def _proof(self, ctx: Context, account: Account, body: OperatorProof) -> None:
        if body.method == "password":
            if account.second_factor or body.password is None:
                raise ProofRefused
            await self._check_password(ctx, account, body.password)
            return
        try:
            await self._factors.check(account.id, body.code or "")
        except FactorRefused:
            raise ProofRefused from None

    async def _check_password(
        self, ctx: Context, account: Account, password: SecretStr
    ) -> None:
        queue = self._identity.operators(ctx).queue
        given = password.get_secret_value()
        if not (await queue.verify(given, account.password))[0]:
            raise InvalidCredentials

    async def renew_codes(self, ctx: Context, _: Call) -> Reply:
        """Get new backup codes; those there were are good no more."""
        assert ctx.actor.id is not None
        codes = await self._factors.renew_codes(ctx.actor.id)
        return _reply(Codes(backup_codes=list(codes)))

    async def set_password(self, ctx: Context, call: Call) -> Reply:
        """Change your password; every session ends, this one too."""
        body: OwnPassword = call.body
        account = await self._identity.operators(ctx).current(ctx.actor)
        await self._check_password(ctx, account, body.current_password)
        password = body.password.get_secret_value()
        await self._operators.set_password(account.id, password, by=ctx.actor)
        return Reply()

    async def sessions(self, ctx: Context, _: Call) -> Reply:
        """Your sign-ins that are still good."""
        assert ctx.actor.id is not None
        found = await self._operators.sessions(ctx.actor.id)
        return Reply(msgspec.json.encode([_session(it) for it in found]))

    async def end_session(self, ctx: Context, call: Call) -> Reply:
        """End one of your sign-ins."""
        assert ctx.actor.id is not None
        ended: UUID = call.body.session_id
        await self._operators.end_session(ctx.actor.id, ended, by=ctx.actor)
        return Reply()

    def _read(self, text: str) -> Challenge:
        return self._challenges.read(text)

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        gate, own = {"audience": Audience.gate}, {"audience": Audience.operator}
        nothing = {"answer": lambda: {"type": "null"}}
        return (
            _made(
                "second_factor", "second-factor", self.second, **gate, limit="login",
                body=OperatorSecondFactor, answer=_schema(OperatorTokens),
                errors=(FactorRefused, FactorThrottled),
            ),
            _made(
                "enrol", "second-factor/enrol", self.enrol, **gate, limit="login",
                body=OperatorEnrolment, answer=_schema(Secret),
                errors=(FactorRefused, FactorExists),
            ),
            _made(
                "step_up", "step-up", self.prove, **own, limit="login",
                body=OperatorProof, answer=_schema(Proved),
                errors=(ProofRefused, FactorThrottled, InvalidCredentials),
            ),
            _made(
                "renew_backup_codes", "backup-codes", self.renew_codes, **own,
                answer=_schema(Codes), step_up=True, errors=(FactorMissing,),
            ),
            _made(
                "set_password", "password", self.set_password, **own, **nothing,
                body=OwnPassword, limit="login", errors=(InvalidCredentials, Invalid),
            ),
            _made(
                "sessions", "sessions", self.sessions, **own, method="GET",
                writes=False, answer=_sessions_schema,
            ),
            _made(
                "end_session", "sessions/revoke", self.end_session, **own, **nothing,
                body=OwnSession, errors=(NotFound, Unauthenticated),
            ),
        )  # fmt: skip


def _made(name: str, path: str, run: Run, **more: Any) -> Operation:
    return Operation(
        name=f"auth.{name}",
        path=f"/api/v1/auth/{path}",
        run=run,
        summary=summary_of(run),
        **{"method": "POST", **more},
    )


def _origin(ctx: Context, call: Call) -> Origin:
    return Origin(ctx.request_id, ctx.client, call.user_agent)


def _reply(value: BaseModel) -> Reply:
    return Reply(value.model_dump_json().encode())


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def _session(view: OperatorSessionView) -> dict[str, Any]:
    return {"type": "operator_session", **msgspec.to_builtins(view)}


def _sessions_schema() -> Mapping[str, Any]:
    one = TypeAdapter(OperatorSessionView).json_schema(mode="serialization")
    one["properties"]["type"] = {"const": "operator_session"}
    one["required"] = ["type", *one["required"]]
    return {"type": "array", "items": {**one, "additionalProperties": False}}
