"""``insula mail``: the mailbox of development, where mails go that nobody is sent."""

from dataclasses import dataclass
from typing import Annotated

import typer

from insula.cli.command import AsJson, guarded, settings_of
from insula.cli.output import Output
from insula.kernel.mail.choosing import open_mailbox
from insula.kernel.mail.inbound import InboundMail
from insula.kernel.mail.mailbox import Kept, Mailbox

app = typer.Typer(help="Read the mails of development, which are kept as files.")


@dataclass(frozen=True, slots=True)
class Line:
    """A mail in the list; the newest is number 1."""

    number: int
    at: str
    to: str
    subject: str
    tenant: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A mail as it would have been read."""

    sender: str
    to: str
    subject: str
    message_id: str
    text: str


def _mailbox(context: typer.Context) -> Mailbox:
    return open_mailbox(settings_of(context))


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="How many, at most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest mails, the newest first."""
    output = Output(as_json=as_json)
    found = guarded(output, lambda: _mailbox(context).latest(limit))
    lines = [_line(number, kept) for number, kept in enumerate(found, start=1)]
    output.many(lines, ("number", "at", "to", "subject"))


@app.command()
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(help="As `mail list` counts them.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Show what a mail says."""
    output = Output(as_json=as_json)
    output.one(_shown(guarded(output, lambda: _mailbox(context).show(number))))


def _line(number: int, kept: Kept) -> Line:
    at = "" if kept.at is None else f"{kept.at:%Y-%m-%d %H:%M}"
    return Line(number, at, kept.to, kept.subject, kept.tenant)


def _shown(mail: InboundMail) -> Shown:
    to = ", ".join(mail.to)
    return Shown(mail.sender, to, mail.subject, mail.message_id or "", mail.text)
