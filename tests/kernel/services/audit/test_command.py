"""``insula audit``, as an operator's shell runs it."""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from insula.cli.main import app
from insula.kernel.database.bootstrap import opened
from insula.kernel.database.embedded import open_server
from insula.kernel.database.pool import Connection
from insula.kernel.events.audit.sealing import seal_audit
from insula.kernel.events.audit.verifying import Reason
from insula.kernel.foundation.settings import Settings
from insula.server.platform import Platform, open_platform

Run = Callable[..., Result]
ENVIRONMENT = {"INSULA_DATABASE_URL": None, "INSULA_BASE_DOMAIN": "localhost"}


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A running installation with a tenant whose log is sealed."""
    folder = Path(tempfile.mkdtemp(prefix="insula-audit-"))
    folder.chmod(0o755)
    with open_server(folder / "data"), pytest.MonkeyPatch.context() as patch:
        patch.delenv("INSULA_DATABASE_URL", raising=False)
        yield folder / "data"
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def run(data_dir: Path) -> Run:
    """The command, on that installation."""

    def run(*args: str) -> Result:
        command = ["--data-dir", str(data_dir), *args]
        return CliRunner().invoke(app, command, env=ENVIRONMENT)

    return run


@pytest.fixture(scope="module")
def acme(run: Run, data_dir: Path) -> str:
    """A tenant of that slug, with an owner in its log."""
    made = run("tenants", "create", "acme", "--name", "Acme", "--owner", "a@acme.test")
    assert made.exit_code == 0, made.stderr

    async def seal(platform: Platform) -> None:
        tenant = await platform.provisioning.find("acme")
        session = platform.open_session(
            (await platform.directory.with_id(tenant.id)).home, tenant.id
        )
        async with session.transaction() as transaction:
            await seal_audit(transaction, tenant.id)

    on_platform(data_dir, seal)
    return "acme"


def on_platform(data_dir: Path, work: Callable[[Platform], Awaitable[None]]) -> None:
    """Do something on the installation."""

    async def opened_() -> None:
        async with open_platform(Settings(data_dir=data_dir)) as platform:
            await work(platform)

    asyncio.run(opened_())


def as_superuser(data_dir: Path, statement: str) -> None:
    """Do something in the shared home that nobody may."""

    async def work(platform: Platform) -> None:
        login = platform.cluster.owner(platform.cluster.pool)
        async with opened(login) as owner:
            await tamper(owner)

    async def tamper(owner: Connection) -> None:
        await owner.execute("ALTER TABLE shared.audit_log NO FORCE ROW LEVEL SECURITY")
        await owner.execute(statement)
        await owner.execute("ALTER TABLE shared.audit_log FORCE ROW LEVEL SECURITY")

    on_platform(data_dir, work)


def verified(done: Result) -> list[Any]:
    found: list[Any] = json.loads(done.stdout)
    return found


def test_a_log_is_verified_exported_and_verified_from_the_file(
    run: Run, acme: str, tmp_path: Path
) -> None:
    done = run("audit", "verify", acme, "--json")
    (found,) = verified(done)
    assert (done.exit_code, found["tenant"], found["faults"]) == (0, acme, [])
    assert found["sealed"] >= 1
    file = tmp_path / "acme.jsonl"
    assert run("audit", "export", acme, str(file)).exit_code == 0
    done = run("audit", "verify", "--file", str(file), "--json")
    assert (done.exit_code, verified(done)[0]["faults"]) == (0, [])
    assert run("audit", "export", acme, str(file)).exit_code == 1


def test_heads_are_kept(run: Run, acme: str) -> None:
    (head,) = json.loads(run("audit", "keep-heads", "--json").stdout)
    assert (head["number"], len(bytes.fromhex(head["hash"]))) == (1, 32)
    assert run("audit", "verify").exit_code == 0


def test_a_file_that_is_none_is_a_problem(run: Run, acme: str, tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("nothing\n")
    done = run("audit", "verify", "--file", str(file))
    assert (done.exit_code, "audit.not_an_export" in done.stderr) == (1, True)
    assert run("audit", "verify", "nobody").exit_code == 1


def test_a_touched_log_ends_with_one_and_says_what(
    run: Run, acme: str, data_dir: Path
) -> None:
    """Promise 13: for whoever runs it every night."""
    as_superuser(data_dir, "UPDATE shared.audit_log SET actor_kind = 'user'")
    done = run("audit", "verify", "--json")
    (found,) = verified(done)
    assert done.exit_code == 1
    assert found["faults"]
    assert all(str(Reason.changed) in it for it in found["faults"])
