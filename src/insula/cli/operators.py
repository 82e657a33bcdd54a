"""``insula operators``: the people who run the platform."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated
from uuid import UUID

import typer

from insula.cli.command import AsJson, Yes, confirm, perform, secret_from
from insula.cli.output import Output
from insula.kernel.identity.operator_rows import (
    FULL,
    OperatorSessionView,
    OperatorView,
)
from insula.kernel.identity.operators import Operators
from insula.server.operating import Operating
from insula.server.platform import Platform

app = typer.Typer(help="The operators of this platform.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The operator's address.")]
PasswordEnv = Annotated[
    str, typer.Option(help="The environment variable that holds the password.")
]
Deed = Callable[[Operators, UUID], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Made:
    """A new operator: where they sign in, and what their authenticator app must know."""

    email: str
    host: str
    second_factor: str
    otpauth_uri: str | None = field(default=None, repr=False)
    secret: str | None = field(default=None, repr=False)
    backup_codes: tuple[str, ...] = field(default=(), repr=False)


@app.command()
def create(
    context: typer.Context,
    email: Email,
    password_env: PasswordEnv,
    permission: Annotated[
        list[str] | None, typer.Option(help="What they may do; else everything.")
    ] = None,
    enrol_later: Annotated[
        bool,
        typer.Option(
            "--enrol-later", help="They set up an app at their first sign-in."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an operator, who signs in on the admin host with a password and an app.

    The otpauth URI is for the authenticator app, and shown this once.
    """
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Made:
        password, allowed = secret_from(password_env), permission or [FULL]
        host = f"admin.{platform.settings.base_domain}"
        made = await Operators(platform.control).create(
            email, password, permissions=allowed
        )
        if enrol_later:
            return Made(made.email, host, "to be set up at the first sign-in")
        return await _provided(Operating(platform), made, host)

    output.one(perform(context, output, work))


async def _provided(operating: Operating, made: OperatorView, host: str) -> Made:
    enrolment, codes = await operating.factors.provide(made.id)
    said = "add the URI to an authenticator app, or type in the secret"
    uri, secret = enrolment.otpauth_uri, enrolment.secret
    return Made(made.email, host, said, uri, secret, codes)


@app.command("list")
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the operators."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[OperatorView]:
        return list(await Operators(platform.control).page(None, 1000))

    columns = ("email", "name", "permissions", "second_factor", "disabled_at")
    output.many(perform(context, output, work), columns)


@app.command()
def permit(
    context: typer.Context,
    email: Email,
    permission: Annotated[list[str], typer.Option(help="All that they may do.")],
    as_json: AsJson = False,
) -> None:
    """Say what an operator may do, instead of what they might."""

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.change(found, permissions=permission)

    _do(context, email, deed, as_json=as_json)


@app.command()
def password(
    context: typer.Context,
    email: Email,
    password_env: PasswordEnv,
    as_json: AsJson = False,
) -> None:
    """Give an operator a new password; all their sessions end."""

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.set_password(found, secret_from(password_env))

    _do(context, email, deed, as_json=as_json)


@app.command("reset-second-factor")
def reset_second_factor(
    context: typer.Context, email: Email, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Forget an operator's authenticator app: they set up another at their sign-in."""
    confirm(f"Forget the second factor of {email}?", yes=yes)

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.reset_factor(found)

    _do(context, email, deed, as_json=as_json)


@app.command()
def disable(context: typer.Context, email: Email, as_json: AsJson = False) -> None:
    """Sign an operator out, and let them in no more."""

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.disable(found)

    _do(context, email, deed, as_json=as_json)


@app.command()
def enable(context: typer.Context, email: Email, as_json: AsJson = False) -> None:
    """Let a disabled operator sign in again."""

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.enable(found)

    _do(context, email, deed, as_json=as_json)


@app.command()
def remove(
    context: typer.Context, email: Email, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Forget an operator for ever; what they did stays in the log."""
    output = Output(as_json=as_json)
    confirm(f"Remove the operator {email}?", yes=yes)

    async def work(platform: Platform) -> None:
        operators = Operators(platform.control)
        await operators.remove(await operators.id_of(email))

    perform(context, output, work)


@app.command()
def sessions(context: typer.Context, email: Email, as_json: AsJson = False) -> None:
    """List where an operator is signed in."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> list[OperatorSessionView]:
        operators = Operators(platform.control)
        return list(await operators.sessions(await operators.id_of(email)))

    columns = ("created_at", "last_seen_at", "client", "user_agent", "factors")
    output.many(perform(context, output, work), columns)


@app.command("sign-out")
def sign_out(context: typer.Context, email: Email, as_json: AsJson = False) -> None:
    """End all sessions of an operator."""

    async def deed(operators: Operators, found: UUID) -> None:
        await operators.end_sessions(found)

    _do(context, email, deed, as_json=as_json)


def _do(context: typer.Context, email: str, deed: Deed, *, as_json: bool) -> None:
    """Do it, and show the operator as they are afterwards."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> OperatorView:
        operators = Operators(platform.control)
        found = await operators.id_of(email)
        await deed(operators, found)
        return await operators.find(found)

    output.one(perform(context, output, work))
