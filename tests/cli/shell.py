"""A shell in front of a house: commands that speak to a server speak to its application."""

import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest
from anyio import from_thread, to_thread
from typer.testing import CliRunner, Result

from insula.cli.api import Remote
from insula.cli.main import app
from tests.house import Caller, House

Run = Callable[..., Awaitable[Result]]


class Bridge(httpx2.BaseTransport):
    """Carries the requests of a command in its thread to the application in its loop."""

    def __init__(self, house: House) -> None:
        self._wire = httpx2.ASGITransport(app=house.app)
        self.sent: list[httpx2.Request] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer of the application."""
        self.sent.append(request)
        return from_thread.run(self._carry, request)

    async def _carry(self, request: httpx2.Request) -> httpx2.Response:
        method, url = request.method, request.url
        same = httpx2.Request(
            method, url, headers=request.headers, content=request.read()
        )
        got = await self._wire.handle_async_request(same)
        content = await got.aread()
        return httpx2.Response(got.status_code, headers=got.headers, content=content)


class Shell:
    """Runs ``insula`` as one caller of a house."""

    def __init__(self, house: House, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.bridge = Bridge(house)
        patch.setattr(Remote, "transport", self.bridge)
        self.env: Mapping[str, str | None] = {"XDG_CACHE_HOME": str(folder)}

    def enter(self, caller: Caller) -> None:
        """Be this caller from now on."""
        slug = caller.host.partition(".")[0]
        self.env = {
            **self.env,
            "INSULA_URL": "http://localhost",
            "INSULA_TOKEN": caller.token,
            "INSULA_TENANT": slug,
        }

    async def run(self, *words: str, stdin: str = "", **env: str) -> Result:
        """Run a command."""
        return await to_thread.run_sync(
            lambda: CliRunner().invoke(
                app, list(words), input=stdin, env={**self.env, **env}
            )
        )

    async def ask(self, *words: str) -> Any:
        """What a command that must succeed answers as JSON."""
        done = await self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)
