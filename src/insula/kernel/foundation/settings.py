"""Settings: everything an operator may choose, read from the environment once."""

import base64
import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

SHORTEST_KEY = 32
"""Bytes of entropy that the key of an installation must have."""


def default_data_dir() -> Path:
    """Where data lives unless the operator says otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/insula")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "insula"


def _named(*names: str) -> AliasChoices:
    return AliasChoices(*names)


class Settings(BaseSettings):
    """The choices of one installation; every name is ``INSULA_`` and the field's.

    ``app_key`` is the root secret: role passwords, token keys and signatures are
    derived from it. In development it is made on the first start and kept in the
    data folder; in production it must be given.
    """

    model_config = SettingsConfigDict(
        env_prefix="INSULA_", env_file=".env", extra="ignore", populate_by_name=True
    )

    env: Literal["development", "staging", "production"] = Field(
        default="development", validation_alias=_named("INSULA_ENV", "APP_ENV")
    )
    app_key: SecretStr | None = Field(
        default=None, validation_alias=_named("INSULA_APP_KEY", "APP_KEY")
    )
    data_dir: Path = Field(default_factory=default_data_dir)
    database_url: SecretStr | None = None
    db_connection: str = Field(
        default="pgsql",
        validation_alias=_named("INSULA_DB_CONNECTION", "DB_CONNECTION"),
    )
    database_prefix: str = Field(default="insula", pattern=r"^[a-z][a-z0-9_]{0,20}$")
    base_domain: str = "localhost"
    host: str = "127.0.0.1"
    port: int = 8000
    trusted_proxies: tuple[str, ...] = ()
    connections: int = Field(default=64, ge=4)
    connections_per_database: int = Field(default=16, ge=1)
    migrate_parallel: int = Field(default=4, ge=1)
    delete_grace_days: int = Field(default=30, ge=0)
    shutdown_grace: float = 30.0
    shutdown_notice: float = Field(default=1.0, ge=0)
    log_level: str = "INFO"
    log_format: Literal["json", "console"] | None = None
    log_dir: Path | None = None
    metrics_tenants: int = Field(default=100, ge=0)
    metrics_token: SecretStr | None = None

    @field_validator("db_connection")
    @classmethod
    def _postgresql_alone(cls, value: str) -> str:
        if value not in {"pgsql", "postgres", "postgresql"}:
            raise ValueError(
                f"DB_CONNECTION={value} is not supported: Insula's isolation rests on"
                " PostgreSQL's row-level security; use PostgreSQL 15 or newer"
            )
        return value

    @model_validator(mode="after")
    def _key_in_production(self) -> "Settings":
        if self.env == "production" and self.app_key is None:
            raise ValueError(
                "APP_KEY is missing: production needs one of its own; make it with"
                " `insula key`"
            )
        if self.app_key is not None:
            decode_key(self.app_key.get_secret_value())
        return self

    def key(self) -> bytes:
        """The root secret, made and kept in the data folder if none is given."""
        if self.app_key is not None:
            return decode_key(self.app_key.get_secret_value())
        path = self.data_dir / "app.key"
        if not path.exists():
            self.data_dir.mkdir(parents=True, exist_ok=True)
            _write_once(path, make_key())
        return decode_key(path.read_text().strip())


def make_key() -> str:
    """A new root secret in the form that ``APP_KEY`` takes."""
    return "base64:" + base64.b64encode(secrets.token_bytes(SHORTEST_KEY)).decode()


def decode_key(text: str) -> bytes:
    """The bytes of a key; raises ``ValueError`` for one that is malformed or short."""
    raw = text.removeprefix("base64:")
    try:
        key = base64.b64decode(raw, validate=True) if raw != text else raw.encode()
    except ValueError:
        raise ValueError("APP_KEY is not valid base64 after 'base64:'") from None
    if len(key) < SHORTEST_KEY:
        raise ValueError(
            f"APP_KEY has {len(key)} bytes, it needs {SHORTEST_KEY}: make one with"
            " `insula key`"
        )
    return key


def _write_once(path: Path, text: str) -> None:
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return
    finally:
        fresh.unlink()
