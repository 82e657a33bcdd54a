"""The API tried with thousands of requests that its document allows, or forbids.

Against a server of one's own, as the owner of a tenant that may be spoilt:

    INSULA_URL=http://localhost:8000 INSULA_TENANT=aurora INSULA_TOKEN=insp_… ./run fuzz

Arguments go to ``schemathesis run``. Left out is what would end the caller's own access:
sessions, keys, users, the security policy. Start the server with INSULA_LIMIT_USER=0 and
the like, or most of what is tried is refused with 429.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

CONFIG = Path(__file__).with_name("fuzz.toml")
ENDS_ACCESS = "(revoke|/users|security-policy|sessions|/auth/|/portal/|/events/)"
EXAMPLES = "3"
"""An operation and phase: some 20,000 cases in all."""


def command(url: str, tenant: str, token: str, more: Sequence[str]) -> list[str]:
    """What is run."""
    host = f"{tenant}.{urlsplit(url).netloc}" if tenant else urlsplit(url).netloc
    said = ["-H", f"Host: {host}", "-H", f"Authorization: Bearer {token}"]
    chosen = ["--include-path-regex", "^/api/v1/"]
    chosen += ["--exclude-path-regex", ENDS_ACCESS]
    how = ["-n", EXAMPLES, "--phases", "examples,coverage,fuzzing", "-c", "all"]
    program = str(Path(sys.executable).with_name("schemathesis"))
    begun = [program, "--config-file", str(CONFIG), "run", f"{url}/openapi.json"]
    return [*begun, *said, *chosen, *how, "--continue-on-failure", *more]


def main(arguments: Sequence[str]) -> int:
    """Try it; what is wrong is told with a command that repeats it."""
    url, token = os.environ.get("INSULA_URL"), os.environ.get("INSULA_TOKEN")
    if not (url and token):
        print(__doc__, file=sys.stderr)
        return 2
    tenant = os.environ.get("INSULA_TENANT", "")
    return subprocess.run(
        command(url.rstrip("/"), tenant, token, arguments), check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
