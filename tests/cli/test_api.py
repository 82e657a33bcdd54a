"""Commands made from what a server offers: typed, paged, safe to repeat, plain in failing."""

import json
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.house import House

pytestmark = pytest.mark.anyio
ASSETS = ("maintenance", "assets")


@pytest.fixture
async def shell(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell of the owner of a new tenant."""
    shell = Shell(house, tmp_path, monkeypatch)
    shell.enter(await house.user(await house.tenant()))
    return shell


async def test_a_row_is_made_read_changed_and_thrown_away(shell: Shell) -> None:
    made = await shell.ask(*ASSETS, "create", "--name", "Pump", "--tag", "P-1")
    assert (await shell.ask(*ASSETS, "get", made["id"]))["name"] == "Pump"
    changed = await shell.ask(*ASSETS, "update", made["id"], "--set", "name=New")
    assert (changed["name"], changed["version"]) == ("New", 2)
    down = await shell.ask(*ASSETS, "take-down", made["id"], "--reason", "flood")
    assert down["state"] == "down"
    assert await shell.ask(*ASSETS, "delete", made["id"], "--yes") is None
    assert await shell.ask(*ASSETS, "list") == []


async def test_options_become_what_the_fields_are(shell: Shell) -> None:
    orders = ("maintenance", "work-orders", "create")
    said = ("--title", "7", "--priority", "2", "--due-at", "2027-01-01T00:00:00Z")
    made = await shell.ask(*orders, *said)
    assert (made["title"], made["priority"]) == ("7", 2)
    custom = '{"colour": "red"}'
    whole = json.dumps({"name": "A", "tag": "from data"})
    given = ("--data", whole, "--tag", "T", "--custom", custom, "--serial", "null")
    asset = await shell.ask(*ASSETS, "create", *given)
    assert (asset["tag"], asset["custom"]) == ("T", {"colour": "red"})
    assert asset["serial"] is None
    spelled = await shell.ask(*ASSETS, "create", "--data", whole, "--set", 'tag:="U"')
    assert spelled["tag"] == "U"


async def test_a_list_goes_on_until_there_are_as_many_as_wanted(shell: Shell) -> None:
    for number in range(3):
        await shell.ask(*ASSETS, "create", "--name", "x", "--tag", f"T{number}")
    some = await shell.run(*ASSETS, "list", "--limit", "2", "--jsonl")
    assert len(some.stdout.splitlines()) == 2
    assert "--all" in some.stderr
    every = await shell.run(*ASSETS, "list", "--all", "--fields", "tag,name")
    assert every.stdout.splitlines() == ["tag\tname", "T2\tx", "T1\tx", "T0\tx"]
    assert every.stderr == ""
    few = await shell.ask(*ASSETS, "list", "--filter", "state==down")
    assert few == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get", "01890000-0000-7000-8000-000000000000"), 3, "NOT_FOUND"),
        (("create", "--name", "x"), 6, "  tag: "),
        (("list", "--filter", "nonsense"), 6, "INVALID_QUERY"),
        (("lst",), 2, "Did you mean 'list'?"),
        (("delete", "01890000-0000-7000-8000-000000000000"), 2, "--yes"),
        (("create", "--data", "[]"), 2, "must be a JSON object"),
        (("create", "--set", "name"), 2, "NAME=VALUE"),
    ],
)
async def test_a_failure_says_what_is_wrong_on_stderr_and_by_its_code(
    shell: Shell, words: tuple[str, ...], code: int, said: str
) -> None:
    done = await shell.run(*ASSETS, *words)
    assert (done.exit_code, done.stdout) == (code, "")
    assert said in done.stderr


async def test_a_change_based_on_an_old_version_is_a_conflict(shell: Shell) -> None:
    made = await shell.ask(*ASSETS, "create", "--name", "x", "--tag", "1")
    update = (*ASSETS, "update", made["id"], "--name", "y", "--version", "1")
    assert (await shell.run(*update)).exit_code == 0
    late = await shell.run(*update, "--json")
    assert late.exit_code == 5
    assert json.loads(late.stdout)["error"]["code"] == "VERSION_MISMATCH"


async def test_without_a_credential_a_server_or_an_answer_the_code_says_so(
    shell: Shell,
) -> None:
    assert (await shell.run(*ASSETS, "list", INSULA_TOKEN="x")).exit_code == 4
    nowhere = await shell.run(*ASSETS, "list", INSULA_URL="")
    assert (nowhere.exit_code, "INSULA_URL" in nowhere.stderr) == (2, True)
    wrong = await shell.run(*ASSETS, "list", INSULA_URL="ftp://x")
    assert wrong.exit_code == 2
    typo = await shell.run("tenant", INSULA_URL="")
    assert "Did you mean 'tenants'?" in typo.stderr


async def test_a_rehearsal_writes_nothing_and_a_repetition_writes_once(
    shell: Shell,
) -> None:
    create = (*ASSETS, "create", "--name", "x", "--tag", "1")
    assert (await shell.ask(*create, "--dry-run"))["tag"] == "1"
    once = (*create, "--idempotency-key", "k-1")
    first, again = await shell.ask(*once), await shell.ask(*once)
    assert first["id"] == again["id"]
    await shell.ask(*ASSETS, "create", "--name", "x", "--tag", "2")
    keys = [it.headers.get("idempotency-key") for it in shell.bridge.sent]
    assert len({it for it in keys if it}) == 3  # one of its own each time


async def test_platform_resources_are_below_api_and_files_come_as_they_are(
    shell: Shell, tmp_path: Path
) -> None:
    users = await shell.ask("api", "users", "list")
    assert len(users) == 1
    out = tmp_path / "assets.csv"
    await shell.ask(*ASSETS, "create", "--name", "x", "--tag", "1")
    done = await shell.run(*ASSETS, "export", "--format", "csv", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert out.read_text().splitlines()[0].startswith("id,")
    (tmp_path / "in.csv").write_text("name,tag\nPump,P-2\n")
    loaded = ("import", "--file", str(tmp_path / "in.csv"))
    assert (await shell.ask(*ASSETS, *loaded))["created"] == 1


async def test_a_profile_names_the_server(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "insula").mkdir(exist_ok=True)
    lines = [
        f'{name} = "{shell.env[f"INSULA_{name.upper()}"]}"'
        for name in ("url", "token", "tenant")
    ]
    text = "\n".join(["[work]", *lines])
    (tmp_path / "insula/profiles.toml").write_text(text)
    nothing = {f"INSULA_{it}": "" for it in ("URL", "TOKEN", "TENANT")}
    env = {**nothing, "XDG_CONFIG_HOME": str(tmp_path)}
    listed = (*ASSETS, "list", "--json")
    done = await shell.run(*listed, INSULA_PROFILE="work", **env)
    assert (done.exit_code, done.stdout.strip()) == (0, "[]"), done.output
    other = await shell.run(*listed, INSULA_PROFILE="home", **env)
    assert (other.exit_code, "it has work" in other.stderr) == (2, True)


async def test_what_rows_hold_cannot_steer_a_terminal(shell: Shell) -> None:
    evil = "a\x1b[2Jb\tc"
    data = json.dumps({"name": evil, "tag": "1"})
    await shell.ask(*ASSETS, "create", "--data", data)
    shown = await shell.run(*ASSETS, "list", "--fields", "name")
    assert shown.stdout.splitlines()[1] == "a [2Jb c"
