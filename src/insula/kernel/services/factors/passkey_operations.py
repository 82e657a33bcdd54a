"""The operations of passkeys: made, named and removed by their owner, and signed in with.

A browser signs a token of ours that is good once, so nothing of a ceremony is kept but
that token's row.
"""

from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.database.session import Transaction
from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.ids import parse_uuid, uuid7
from insula.kernel.identity.factors import passkeys
from insula.kernel.identity.factors.passkeys import PasskeyRefused, Person
from insula.kernel.identity.factors.problems import (
    FactorRefused,
    MethodOff,
    PasskeyInvalid,
    PasskeysExhausted,
    PeopleAlone,
)
from insula.kernel.identity.operations import TokenPair
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.audit.noting import note
from insula.kernel.services.factors.challenges import LASTING
from insula.kernel.services.factors.entering import let_in
from insula.kernel.services.factors.holdings import AMR, Method
from insula.kernel.services.factors.keeping import self_id
from insula.kernel.services.factors.parts import Parts
from insula.kernel.services.factors.proving import PASSKEY
from insula.kernel.services.factors.statements import (
    ADD_PASSKEY,
    DROP_PASSKEY,
    KNOWN_PASSKEYS,
    LIST_PASSKEYS,
    LOCK_USER,
    RENAME_PASSKEY,
)
from insula.kernel.services.factors.views import (
    NewPasskey,
    PasskeyMade,
    PasskeyOptions,
    PasskeyQuestion,
    PasskeyRenaming,
    PasskeyView,
    SignInByPasskey,
    schema_of,
)

PATH = "/api/v1/auth/passkeys"
REGISTER = "passkey_new"
"""The purpose of challenges for new passkeys: those signs nobody in."""
WAY, MOST = "passkey", 20


@dataclass(frozen=True, slots=True)
class PasskeyOperations(Parts):
    """All that is done with passkeys."""

    async def list(self, ctx: Context, _: Call) -> Reply:
        """The caller's own."""
        rows = await ctx.session.fetch(LIST_PASSKEYS, self_id(ctx))
        shown = (PasskeyView(**dict(row)).model_dump_json().encode() for row in rows)
        return Reply(b"[" + b",".join(shown) + b"]")

    async def begin(self, ctx: Context, _: Call) -> Reply:
        """What to ask a browser for that shall make a passkey."""
        user_id, site = self_id(ctx), self.proving.site(ctx.tenant)
        async with ctx.session.transaction() as transaction:
            rows = await transaction.fetch(LOCK_USER, user_id)
            if not rows:
                raise PeopleAlone
            known = await _known(transaction, user_id, site.host)
            text = await self.proving.tokens.issue(
                transaction, REGISTER, user_id, LASTING
            )
        person = Person(user_id, rows[0]["email"], rows[0]["name"])
        return _options(passkeys.creation_options(site, person, text.encode(), known))

    async def add(self, ctx: Context, call: Call) -> Reply:
        """Keep a passkey that was made; a challenge is used up by a wrong one too."""
        user_id, body = self_id(ctx), call.body
        async with self.engine().work(ctx) as work:
            made = await self._made(work, user_id, body)
        if made is None:
            raise PasskeyInvalid
        self.identity().left(user_id)
        return Reply(made.model_dump_json().encode(), status=201)

    async def _made(
        self, work: WorkContext, user_id: UUID, body: NewPasskey
    ) -> PasskeyMade | None:
        transaction, site = work.transaction, self.proving.site(work.tenant)
        response = body.passkey.model_dump()
        try:
            challenge = passkeys.challenge_in(response)
            asked = await self.proving.redeem(transaction, challenge, REGISTER)
            if asked is None or asked.subject_id != user_id:
                return None
            made = passkeys.made(site, challenge, response)
        except PasskeyRefused:
            return None
        await transaction.fetch(LOCK_USER, user_id)
        if len(await transaction.fetch(LIST_PASSKEYS, user_id)) >= MOST:
            raise PasskeysExhausted
        rows = await transaction.fetch(
            ADD_PASSKEY,
            *(uuid7(), self.proving.clock(), user_id, body.name, site.host),
            *(made.credential_id, made.public_key, made.sign_count),
            *(made.aaguid, made.backed_up),
        )
        if not rows:
            return None
        codes = await self.keeping.added(work, user_id, "passkey_added")
        await self.keeping.proved(work, user_id, Method.passkey)
        return PasskeyMade(**dict(rows[0]), backup_codes=codes)

    async def rename(self, ctx: Context, call: Call) -> Reply:
        """Call a passkey something else."""
        user_id, key = self_id(ctx), parse_uuid(call.key)
        async with ctx.session.transaction() as transaction:
            name = call.body.name
            rows = await transaction.fetch(RENAME_PASSKEY, user_id, key, name)
            if not rows:
                raise NotFound
            row = "users", user_id
            await note(transaction, ctx, "factors.passkey_renamed", row)
        return Reply(PasskeyView(**dict(rows[0])).model_dump_json().encode())

    async def remove(self, ctx: Context, call: Call) -> Reply:
        """Let a passkey open nothing any more."""
        user_id, key = self_id(ctx), parse_uuid(call.key)
        async with self.engine().work(ctx) as work:
            await work.transaction.fetch(LOCK_USER, user_id)
            if not await work.transaction.fetch(DROP_PASSKEY, user_id, key):
                raise NotFound
            await self.keeping.removed(work, user_id, "passkey_removed")
        return Reply()

    async def ask(self, ctx: Context, call: Call) -> Reply:
        """What to ask a browser for that shall use a passkey.

        A challenge that is not good is answered as if there were none.
        """
        body: PasskeyQuestion = call.body
        async with ctx.session.transaction() as transaction:
            found = None
            if body.challenge is not None:
                found = await self.challenges.look(transaction, body.challenge)
            user_id = None if found is None else found.user_id
            return await self._request(ctx, transaction, user_id)

    async def ask_again(self, ctx: Context, _: Call) -> Reply:
        """What to ask the browser of somebody for who is to prove who they are."""
        user_id = self_id(ctx)
        async with ctx.session.transaction() as transaction:
            return await self._request(ctx, transaction, user_id)

    async def _request(
        self, ctx: Context, transaction: Transaction, user_id: UUID | None
    ) -> Reply:
        site, known = self.proving.site(ctx.tenant), list[str]()
        if user_id is not None:
            known = await _known(transaction, user_id, site.host)
        whose = user_id if known else None
        tokens = self.proving.tokens
        text = await tokens.issue(transaction, PASSKEY, whose, LASTING)
        return _options(passkeys.request_options(site, text.encode(), known))

    async def sign_in(self, ctx: Context, call: Call) -> Reply:
        """Let somebody in by a passkey alone, if it has made sure that it is them."""
        body: SignInByPasskey = call.body
        if WAY not in ctx.tenant.policy.methods:
            raise MethodOff
        async with ctx.session.transaction() as transaction:
            given = body.passkey
            signed = await self.proving.by_passkey(transaction, ctx.tenant, given)
            if signed is None or not signed.person:
                said = {"method": Method.passkey.value}
                row = "users", None if signed is None else signed.user_id
                await note(transaction, ctx, "auth.login_failed", row, said)
        realm = self.identity().users(ctx)
        if signed is None or not signed.person:
            raise FactorRefused
        account = await realm.accounts.get(signed.user_id)
        if account is None:
            raise FactorRefused
        methods = (AMR[Method.passkey],)
        return await let_in(realm, account, methods, call, cookie=body.cookie)

    def operations(self) -> tuple[Operation, ...]:
        """Every one."""
        return (*self._own(), *self._visiting())

    def _own(self) -> tuple[Operation, ...]:
        one = f"{PATH}/{{id}}"
        return (
            Operation(
                name="auth.passkeys.list", method="GET", path=PATH, run=self.list,
                summary="My passkeys", writes=False, factorless=True, errors=(PeopleAlone,),
                answer=lambda: {"type": "array", "items": schema_of(PasskeyView)()},
            ),
            Operation(
                name="auth.passkeys.begin", method="POST", path=f"{PATH}/begin",
                run=self.begin, summary="Get what a browser needs to make a passkey",
                step_up=True, factorless=True, answer=schema_of(PasskeyOptions),
                errors=(PeopleAlone,),
            ),
            Operation(
                name="auth.passkeys.create", method="POST", path=PATH, run=self.add,
                summary="Add a passkey that was made", body=NewPasskey, status=201,
                limit="auth", factorless=True, answer=schema_of(PasskeyMade),
                errors=(PeopleAlone, PasskeyInvalid, PasskeysExhausted),
            ),
            Operation(
                name="auth.passkeys.rename", method="POST", path=f"{one}/rename",
                run=self.rename, summary="Rename a passkey", body=PasskeyRenaming,
                answer=schema_of(PasskeyView), errors=(PeopleAlone, NotFound),
            ),
            Operation(
                name="auth.passkeys.remove", method="DELETE", path=one,
                run=self.remove, summary="Remove a passkey", step_up=True,
                answer=lambda: {"type": "null"}, errors=(PeopleAlone, NotFound),
            ),
            Operation(
                name="auth.step_up.options", method="POST",
                path="/api/v1/auth/step-up/options", run=self.ask_again,
                summary="Get what a browser needs to prove it with a passkey",
                limit="auth", factorless=True, answer=schema_of(PasskeyOptions),
                errors=(PeopleAlone,),
            ),
        )  # fmt: skip

    def _visiting(self) -> tuple[Operation, ...]:
        return (
            Operation(
                name="auth.passkeys.options", method="POST", path=f"{PATH}/options",
                run=self.ask, summary="Get what a browser needs to use a passkey",
                audience=Audience.visitor, limit="auth", body=PasskeyQuestion,
                answer=schema_of(PasskeyOptions),
            ),
            Operation(
                name="auth.passkeys.sign_in", method="POST", path=f"{PATH}/sign-in",
                run=self.sign_in, summary="Sign in with a passkey alone",
                audience=Audience.visitor, limit="auth", body=SignInByPasskey,
                answer=schema_of(TokenPair), errors=(FactorRefused, MethodOff),
            ),
        )  # fmt: skip


async def _known(transaction: Transaction, user_id: UUID, host: str) -> list[str]:
    rows = await transaction.fetch(KNOWN_PASSKEYS, user_id, host)
    return [row["credential_id"] for row in rows]


def _options(options: dict[str, object]) -> Reply:
    shown = PasskeyOptions(public_key=options)
    return Reply(shown.model_dump_json().encode())
