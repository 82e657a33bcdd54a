"""Homes: where a tenant's rows live, as server, database and schema."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal
from uuid import UUID

SCHEMA_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")

SslMode = Literal["disable", "prefer", "allow", "require", "verify-ca", "verify-full"]


class Isolation(StrEnum):
    """How far a tenant's rows live apart from those of others."""

    shared = "shared"
    schema = "schema"
    database = "database"


@dataclass(frozen=True, slots=True)
class Login:
    """A database on a server, and the role that the connection acts as."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    ssl: SslMode = "prefer"


@dataclass(frozen=True, slots=True)
class Home:
    """Where a tenant's rows live; code above the database layer never looks inside."""

    id: UUID
    isolation: Isolation
    schema: str
    login: Login

    def __post_init__(self) -> None:
        """Refuse a schema name that could not be written into SQL as it is."""
        if not SCHEMA_NAME.fullmatch(self.schema):
            raise ValueError(f"{self.schema!r} is no schema name of ours")
