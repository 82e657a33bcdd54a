"""Settings: everything an operator may choose, read from the environment once."""

import base64
import os
import secrets
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

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
    operator_second_factor: bool | None = None
    """Whether an operator without a second factor is kept out: yes, unless said."""
    connections: int = Field(default=64, ge=4)
    connections_per_database: int = Field(default=16, ge=1)
    migrate_parallel: int = Field(default=4, ge=1)
    delete_grace_days: int = Field(default=30, ge=0)
    audit_keep_months: int = Field(default=24, ge=1)
    workers_min: int = Field(default=1, ge=0)
    workers_max: int = Field(default=10, ge=1)
    worker_memory: int = Field(default=128, ge=16)
    """MiB by which a worker process may grow before it is replaced."""
    worker_nice: int = Field(default=0, ge=0, le=19)
    shutdown_grace: float = 30.0
    shutdown_notice: float = Field(default=1.0, ge=0)
    log_level: str = "INFO"
    log_format: Literal["json", "console"] | None = None
    log_dir: Path | None = None
    metrics_tenants: int = Field(default=100, ge=0)
    slow_query: float = Field(default=0.5, gt=0)
    """Seconds after which a statement is counted and logged as slow."""
    metrics_token: SecretStr | None = None
    redis_url: SecretStr | None = None
    redis_host: str | None = Field(
        default=None, validation_alias=_named("INSULA_REDIS_HOST", "REDIS_HOST")
    )
    redis_password: SecretStr | None = Field(
        default=None, validation_alias=_named("INSULA_REDIS_PASSWORD", "REDIS_PASSWORD")
    )
    redis_port: int = Field(
        default=6379, validation_alias=_named("INSULA_REDIS_PORT", "REDIS_PORT")
    )
    redis_db: int = Field(
        default=0, ge=0, validation_alias=_named("INSULA_REDIS_DB", "REDIS_DB")
    )
    redis_cache_db: int = Field(
        default=1,
        ge=0,
        validation_alias=_named("INSULA_REDIS_CACHE_DB", "REDIS_CACHE_DB"),
    )
    redis_session_db: int = Field(
        default=2,
        ge=0,
        validation_alias=_named("INSULA_REDIS_SESSION_DB", "REDIS_SESSION_DB"),
    )
    mail: Literal["directory", "smtp", "null"] | None = None
    smtp_url: SecretStr | None = None
    mail_from: str | None = None
    storage: Literal["local", "s3"] = "local"
    storage_dir: Path | None = None
    storage_bytes: int = Field(default=10 * 2**30, ge=0)
    max_upload_bytes: int = Field(default=100 * 2**20, ge=1)
    scan_command: str | None = None
    aws_access_key_id: SecretStr | None = Field(
        default=None,
        validation_alias=_named("INSULA_AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY_ID"),
    )
    aws_secret_access_key: SecretStr | None = Field(
        default=None,
        validation_alias=_named(
            "INSULA_AWS_SECRET_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY"
        ),
    )
    aws_default_region: str = Field(
        default="us-east-1",
        validation_alias=_named("INSULA_AWS_DEFAULT_REGION", "AWS_DEFAULT_REGION"),
    )
    aws_bucket: str | None = Field(
        default=None, validation_alias=_named("INSULA_AWS_BUCKET", "AWS_BUCKET")
    )
    aws_url: str | None = Field(
        default=None, validation_alias=_named("INSULA_AWS_URL", "AWS_URL")
    )

    webhook_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that webhooks may reach although they are not public."""
    webhook_ports: tuple[int, ...] = (80, 443)
    webhook_http: bool = False

    hasher: Literal["argon2id", "bcrypt"] = "argon2id"
    """What new passwords are hashed with; hashes of the other kind stay good (R13)."""

    limit_anonymous: int = Field(default=60, ge=0)
    """Requests a minute of an address that nobody is signed in at; 0 is no limit."""
    limit_auth: int = Field(default=60, ge=0)
    """Requests a minute of an address to whatever has to do with signing in."""
    limit_login: int = Field(default=5, ge=0)
    """Sign-ins a minute of an address, and of strangers to one account."""
    limit_logins: int = Field(default=100, ge=0)
    """Sign-ins a minute of all strangers to one tenant."""
    limit_user: int = Field(default=100, ge=0)
    """Requests a minute of a user, a key or a client to one class of endpoints."""
    limit_tenant: int = Field(default=300, ge=0)
    """Requests a minute of a tenant whose plan says nothing else."""
    limit_search: int = Field(default=30, ge=0)
    limit_bulk: int = Field(default=10, ge=0)
    """Bulk operations an hour of a tenant whose plan says nothing else."""
    geo_database: Path | None = None
    """A file in MaxMind's format that tells the country of an address."""

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

    @model_validator(mode="after")
    def _second_factor_but_for_development(self) -> "Settings":
        if self.operator_second_factor is False and self.env != "development":
            raise ValueError(
                "INSULA_OPERATOR_SECOND_FACTOR=false is for development alone:"
                " operators can see and end every tenant"
            )
        return self

    @model_validator(mode="after")
    def _bucket_for_s3(self) -> "Settings":
        if self.storage == "s3" and not self.aws_bucket:
            raise ValueError("INSULA_STORAGE=s3 needs AWS_BUCKET, the bucket's name")
        return self

    @model_validator(mode="after")
    def _server_for_smtp(self) -> "Settings":
        if self.mail == "smtp" and self.smtp_url is None:
            raise ValueError(
                "INSULA_SMTP_URL is missing: INSULA_MAIL=smtp needs the mail server's"
                " address, such as smtp://user:password@host:587?tls=starttls"
            )
        return self

    @model_validator(mode="after")
    def _redis_over_tcp(self) -> "Settings":
        if self.redis_url is not None:
            scheme = urlsplit(self.redis_url.get_secret_value()).scheme
            if scheme not in {"redis", "rediss"}:
                raise ValueError("INSULA_REDIS_URL begins with redis:// or rediss://")
        return self

    def redis_at(self, number: int) -> str | None:
        """The address of one of Redis's databases; None without Redis (R24)."""
        if self.redis_url is not None:
            url = urlsplit(self.redis_url.get_secret_value())
            return url._replace(path=f"/{number}").geturl()
        if self.redis_host is None:
            return None
        secret = self.redis_password
        login = f":{quote(secret.get_secret_value(), safe='')}@" if secret else ""
        return f"redis://{login}{self.redis_host}:{self.redis_port}/{number}"

    def mail_way(self) -> Literal["directory", "smtp", "null"]:
        """How mail leaves: as said, else by the server named, else by the environment.

        What is written in production is never kept in files that nobody looks at.
        """
        if self.mail is not None:
            return self.mail
        if self.smtp_url is not None:
            return "smtp"
        return "directory" if self.env == "development" else "null"

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
