"""The operations of mail that do not follow from its tables."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Reply
from insula.kernel.foundation.errors import Conflict, Invalid
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.resource.api import ResourceApi, tag
from insula.kernel.resource.engine import SCHEMA, Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.mail.models import MailSuppression, SuppressionReason
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.mail.senders import NewSender, ask_to_verify, new_sender
from insula.kernel.services.mail.suppressing import NewSuppression, suppress

SUPPRESSIONS, SENDERS = "/api/v1/mail-suppressions", "/api/v1/mail-senders"
TEST = "mail.test"


class OnlyForUsers(Conflict):
    """Only a user has an address to send a test to."""

    code = "MAIL_TEST_NEEDS_USER"


class TestMail(BaseModel):
    """The mail in the log that shows how the test goes."""

    mail_id: str


class MailOperations:
    """Makes senders and suppressions, and sends tests."""

    def __init__(self, engine: Engine, sealer: Sealer) -> None:
        self._engine, self._sealer = engine, sealer
        self._senders = engine.api("mail_senders")
        self._suppressions = engine.api("mail_suppressions")

    def operations(self) -> tuple[Operation, ...]:
        """Every one."""
        return (self._adding_sender(), self._suppressing(), self._testing())

    def _adding_sender(self) -> Operation:
        return Operation(
            name="mail_senders.create",
            method="POST",
            path=SENDERS,
            run=self.add_sender,
            summary="Add an address to send mails from, with a key that signs them",
            permission="mail_senders.create",
            body=NewSender,
            status=201,
            answer=self._senders.row_schema,
            errors=(Invalid,),
        )

    def _suppressing(self) -> Operation:
        return Operation(
            name="mail_suppressions.create",
            method="POST",
            path=SUPPRESSIONS,
            run=self.suppress,
            summary="Have nothing sent to an address any more",
            permission="mail_suppressions.create",
            body=NewSuppression,
            status=201,
            answer=self._suppressions.row_schema,
            errors=(Invalid,),
        )

    def _testing(self) -> Operation:
        return Operation(
            name="mails.test",
            method="POST",
            path="/api/v1/mails/test",
            run=self.test,
            summary="Send yourself a mail, to see whether it arrives",
            permission="mails.test",
            status=202,
            answer=_schema(TestMail),
            errors=(OnlyForUsers,),
        )

    async def add_sender(self, ctx: Context, call: Call) -> Reply:
        """Add a sender, and look whether its record is there already."""
        sender = await new_sender(call.body, self._sealer, ctx.tenant.id)
        async with self._engine.work(ctx) as work:
            await work.add(sender)
            ask_to_verify(work, sender.id)
        return _made(self._senders, sender, SENDERS)

    async def suppress(self, ctx: Context, call: Call) -> Reply:
        """Suppress an address; one that is suppressed already stays as it is."""
        asked: NewSuppression = call.body
        reason = SuppressionReason.manual
        async with self._engine.work(ctx) as work:
            row: MailSuppression = await suppress(
                work, asked.address, reason, asked.detail
            )
        return _made(self._suppressions, row, SUPPRESSIONS)

    async def test(self, ctx: Context, _: Call) -> Reply:
        """Send a mail to whoever asks."""
        if ctx.actor.kind != "user" or ctx.actor.id is None:
            raise OnlyForUsers
        async with self._engine.work(ctx) as work:
            mail_id = await send_mail(work, to=ctx.actor.id, template=TEST)
        return Reply(msgspec.json.encode({"mail_id": mail_id}), status=202)


def _made(api: ResourceApi, row: Any, path: str) -> Reply:
    return Reply(
        api.writer.encode(values_of(row, api.writer)),
        status=201,
        etag=tag(row.version),
        location=f"{path}/{row.id}",
    )


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    def made() -> Mapping[str, Any]:
        return model.model_json_schema(ref_template=SCHEMA)

    return made
