"""Writes the next migration of a series: ``python -m tools.migration kernel "What"``.

It compares the models with what the series makes so far, on a throw-away server, and
leaves a file to read, to tidy and to commit.
"""

import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from insula.kernel.database.authoring import autogenerate
from insula.kernel.database.bootstrap import prepare
from insula.kernel.database.cluster import TENANT_SCHEMA, cluster_of
from insula.kernel.database.control import CONTROL_SCHEMA
from insula.kernel.database.embedded import open_server
from insula.kernel.resource.engine import registered_apps
from insula.kernel.tenancy.series import CONTROL
from insula.server.platform import series_of


async def write(name: str, message: str, data_dir: Path) -> str:
    """Make the file of one series and say where it is."""
    with open_server(data_dir) as server:
        cluster = cluster_of(server, prefix="draft", key=bytes(32))
        await prepare(cluster)
        if name == CONTROL.name:
            login, schema = cluster.owner(cluster.control), CONTROL_SCHEMA
            return await autogenerate(login, schema, [CONTROL], cluster.roles, message)
        names = [one.name for one in series_of(registered_apps())]
        # What comes before it may be referred to; what comes after it may refer to it.
        series = series_of(registered_apps())[: names.index(name) + 1]
        login = cluster.owner(cluster.template)
        return await autogenerate(login, TENANT_SCHEMA, series, cluster.roles, message)


def main() -> None:
    """Take the series and the message from the command line."""
    _, name, message = sys.argv
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = asyncio.run(write(name, message, Path(folder) / "server"))
    for command in (["format"], ["check", "--fix"], ["format"]):
        subprocess.run(["ruff", *command, "--quiet", path], check=False)
    print(path)


if __name__ == "__main__":
    main()
