"""Commands across apps: what one app asks of another without importing it (K24).

``ctx.request("people.find_duplicates", name="Ada")`` has another app's function run in
the asker's transaction, with the caller's permissions and no more. Every resource
answers ``<app>.<resource>.create`` by itself.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ValidationError

from insula.kernel.access.operation import Call
from insula.kernel.database.session import JointSession
from insula.kernel.foundation.errors import Denied, Invalid, NotFound
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.declaration import Command, DeclarationError
from insula.kernel.resource.schemas import field_errors
from insula.kernel.resource.unit import WorkContext

Answer = Mapping[str, Any]
Common = Callable[[WorkContext, ResourceApi, Mapping[str, Any]], Awaitable[Answer]]
"""What resources answer by themselves."""


class NotInstalled(NotFound):
    """The app {app} is not installed here."""

    code = "NOT_INSTALLED"


class MayNotAsk(Denied):
    """This needs the permission {permission}."""

    code = "FORBIDDEN"


class UnknownCommand(LookupError):
    """No app has a command of that name: a fault of the program that asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppCommand:
    """Something that other apps may ask for, as ``<app>.<name>``.

    ``run`` takes the context and the command, and keeps to the rows that the caller
    reaches; ``permission`` is what the caller must be granted for any of them.
    """

    name: str
    command: type[Command]
    run: Callable[[WorkContext, Any], Awaitable[BaseModel]]
    permission: str


class Desk:
    """Where commands of all apps arrive; ``common`` are those of every resource."""

    def __init__(
        self,
        apps: Mapping[str, Iterable[AppCommand]],
        apis: Mapping[str, ResourceApi],
    ) -> None:
        self._apps, self._apis = frozenset(apps), apis
        self.common: dict[str, Common] = {"create": _create}
        self._commands: dict[str, AppCommand] = {}
        for app, commands in apps.items():
            for it in commands:
                if self._commands.setdefault(f"{app}.{it.name}", it) is not it:
                    raise DeclarationError(f"two commands are called {app}.{it.name}")

    async def ask(self, ctx: WorkContext, name: str, body: Mapping[str, Any]) -> Answer:
        """What comes of a command; raises ``NotInstalled``, ``Denied``, ``Invalid``."""
        app = name.partition(".")[0]
        if app not in self._apps or ctx.tenant.apps.get(app) != "active":
            raise NotInstalled(app=app)
        command = self._commands.get(name)
        if command is not None:
            _refuse(ctx, command.permission)
            asked = _understood(command.command, body)
            return (await command.run(ctx, asked)).model_dump()
        resource, _, verb = name.rpartition(".")
        api, common = self._apis.get(resource), self.common.get(verb)
        if api is None or common is None or verb in api.resource.without:
            raise UnknownCommand(name)
        _refuse(ctx, name)
        return await common(ctx, api, body)


def _refuse(ctx: WorkContext, permission: str) -> None:
    if ctx.actor.reach(permission) is None:
        raise MayNotAsk(permission=permission)


def _understood(schema: type[BaseModel], body: Mapping[str, Any]) -> Any:
    try:
        return schema.model_validate(body)
    except ValidationError as error:
        raise Invalid(*field_errors(error)) from None


async def _create(
    ctx: WorkContext, api: ResourceApi, body: Mapping[str, Any]
) -> Answer:
    """A row of another app, written as its own API would, in this transaction."""
    asked = _understood(api.create_body, body)
    await ctx.flush()  # the row may refer to what was added
    joint = ctx.within(JointSession(ctx.session, ctx.transaction))
    reply = await api.create(joint, Call(api.resource.address, body=asked))
    assert reply.location is not None
    return {"id": UUID(reply.location.rpartition("/")[2])}
