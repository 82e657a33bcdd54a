"""``insula admins``: the people who run the platform."""

from dataclasses import dataclass
from typing import Annotated

import typer

from insula.cli.command import AsJson, perform, secret_from
from insula.cli.output import Output
from insula.kernel.identity.operators import create_operator, reset_operator
from insula.server.platform import Platform

app = typer.Typer(help="The operators of this platform.")

Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The operator's address.")]
PasswordEnv = Annotated[
    str, typer.Option(help="The environment variable that holds the password.")
]


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who may sign in on the ``admin`` host."""

    email: str
    host: str


@app.command()
def create(
    context: typer.Context,
    email: Email,
    password_env: PasswordEnv,
    as_json: AsJson = False,
) -> None:
    """Make an operator, who signs in on the admin host."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Operator:
        await create_operator(platform.control, email, secret_from(password_env))
        return Operator(email, f"admin.{platform.settings.base_domain}")

    output.one(perform(context, output, work))


@app.command()
def reset(
    context: typer.Context,
    email: Email,
    password_env: PasswordEnv,
    as_json: AsJson = False,
) -> None:
    """Give an operator a new password; all their sessions end."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Operator:
        await reset_operator(platform.control, email, secret_from(password_env))
        return Operator(email, f"admin.{platform.settings.base_domain}")

    output.one(perform(context, output, work))
