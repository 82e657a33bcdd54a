"""A new cluster for the embedded server: its superuser's password, and files whole or absent."""

import os
import secrets
import shutil
import tempfile
from pathlib import Path

from insula.kernel.database.embedded_process import (
    Account,
    EmbeddedError,
    is_root,
    run_as,
)

SUPERUSER = "postgres"

# Fit for a small machine: written to postgresql.conf once, where the operator may change them.
DEFAULTS = {
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def options(flag: str, settings: dict[str, str]) -> list[str]:
    """PostgreSQL settings as arguments of a program."""
    return [
        part for name, value in settings.items() for part in (flag, f"{name}={value}")
    ]


def ensure_cluster(
    cluster: Path, password_file: Path, programs: Path, account: Account
) -> None:
    """Make the cluster if there is none yet."""
    if not (cluster / "PG_VERSION").exists():
        _make_password(password_file)
        _make_cluster(cluster, password_file.read_text(), programs, account)
    elif not password_file.exists():
        raise EmbeddedError(
            f"{password_file} is missing, the password of the databases in {cluster}:"
            " put it back from a backup of the directory"
        )


def _make_password(file: Path) -> None:
    # Kept before the cluster exists: a cluster whose password was never written is lost.
    if not file.exists():
        fresh = file.with_suffix(".new")
        _write_private(fresh, secrets.token_urlsafe(24))
        fresh.replace(file)


def _make_cluster(
    cluster: Path, password: str, programs: Path, account: Account
) -> None:
    """Make it aside and move it into place, so that a half-made one is never taken for whole."""
    _sweep(cluster.parent)
    work = Path(tempfile.mkdtemp(prefix="initdb-", dir=cluster.parent))
    secret = work / "password"
    _write_private(secret, password)
    if is_root():
        os.chown(secret, account.uid, account.gid)
        os.chown(work, account.uid, account.gid)
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        work / "pgdata",
        "-U",
        SUPERUSER,
    ]
    command += ["-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8", "--locale=C"]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    code, said = run_as(account, [*command, *options("--set", DEFAULTS)], timeout=60)
    if code != 0:
        raise EmbeddedError(f"initdb failed for {cluster}:\n{said[-2000:]}")
    (work / "pgdata").rename(cluster)
    _sync_dir(cluster.parent)
    # Again, because a killed owner's initdb may have written on for a moment.
    _sweep(cluster.parent)


def _sweep(data_dir: Path) -> None:
    for remains in data_dir.glob("initdb-*"):
        shutil.rmtree(remains, ignore_errors=True)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync_dir(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
