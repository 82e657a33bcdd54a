"""Places: the one way from a tenant and the name of a file to where its bytes are."""

import re
import secrets
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID


class Folder(StrEnum):
    """What each tenant's space is divided into (S1-44)."""

    attachments = "attachments"
    exports = "exports"
    imports = "imports"
    temp = "temp"


class BadPlace(ValueError):
    """A name that no file of ours has; it may have been made to lead elsewhere."""


LONGEST = 64
NAME = re.compile(rf"(?:{'|'.join(Folder)})/[0-9a-f]{{32}}(?:\.[a-z][a-z0-9]{{0,15}})?")
"""All that a name may be: what it does not say cannot be meant by it (S1-48)."""


def new_name(folder: Folder) -> str:
    """A new name in a folder: random, so that it tells nothing and cannot be guessed."""
    return f"{folder}/{secrets.token_hex(16)}"


def variant_name(name: str, variant: str) -> str:
    """The name of what was made of a file; it lies beside it."""
    return check_name(f"{name}.{variant}")


def check_name(name: str) -> str:
    """The name, if it is one of ours; raises ``BadPlace`` for any other."""
    if len(name) > LONGEST or NAME.fullmatch(name) is None:
        raise BadPlace("this is no name of a file")
    return name


@dataclass(frozen=True, slots=True)
class Places:
    """How a store is laid out; paths are relative to its root and begin with no slash."""

    tenants: str
    central: str

    def tenant(self, tenant_id: UUID) -> str:
        """The prefix under which all files of a tenant are, and nobody else's."""
        return f"{self.tenants}/{UUID(int=tenant_id.int)}"

    def path(self, tenant_id: UUID, name: str) -> str:
        """Where a tenant's file is; raises ``BadPlace``."""
        return f"{self.tenant(tenant_id)}/{check_name(name)}"

    def folder(self, tenant_id: UUID, folder: Folder) -> str:
        """Where a folder of a tenant is."""
        return f"{self.tenant(tenant_id)}/{folder}"


DIRECTORY = Places("app/tenants", "app/central")
"""The layout of a local directory (S1-43, S1-44)."""
BUCKET = Places("tenants", "central")
"""The layout of a bucket: the tenant's ``path_prefix`` is ``tenants/<uuid>`` (S1-47)."""
CENTRAL = ("logs", "temp")
