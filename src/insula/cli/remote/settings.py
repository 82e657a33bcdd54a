"""Which server the commands speak to, and as whom: the environment, else a profile."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from insula.cli.remote.refusals import Refused

NAMES = ("url", "token", "tenant")


@dataclass(frozen=True, slots=True)
class Server:
    """A server, and who calls it; ``tenant`` is a slug or an id where the token names none."""

    url: str
    token: str | None = None
    tenant: str | None = None


def server() -> Server | None:
    """The server that is named; None where none is."""
    given = {name: os.environ.get(f"INSULA_{name.upper()}") for name in NAMES}
    profile = _profile(os.environ.get("INSULA_PROFILE"))
    found = {name: given[name] or profile.get(name) for name in NAMES}
    url = found["url"]
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"{url} is no address of a server, such as https://example.com.")
    return Server(url.rstrip("/"), found["token"], found["tenant"])


def cache_folder() -> Path:
    """Where what servers offer is kept for a while."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "insula"


def profiles_file() -> Path:
    """Where the profiles are, if there are any."""
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "insula/profiles.toml"


def _profile(name: str | None) -> Mapping[str, str]:
    if not name:
        return {}
    file = profiles_file()
    try:
        known: dict[str, Any] = tomllib.loads(file.read_text())
    except OSError:
        raise Refused(f"INSULA_PROFILE is {name}, and {file} is not there.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{file} cannot be read: {error}") from None
    found = known.get(name)
    if not isinstance(found, dict):
        names = ", ".join(known) or "none"
        raise Refused(f"{file} has no profile {name}; it has {names}.")
    return {key: str(value) for key, value in found.items() if key in NAMES}
