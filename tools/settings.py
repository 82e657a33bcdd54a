"""The reference of the settings, from the class that reads them and a sentence for each.

`python -m tools.settings > docs/reference/settings.md` writes it; a test fails as long
as the page is stale or a setting has no sentence.
"""

from collections.abc import Iterator, Mapping

from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from insula.kernel.foundation.settings import Settings

HEAD = """# Settings

*This page is generated: `python -m tools.settings > docs/reference/settings.md`.*

Settings are environment variables, or lines of a file `.env` in the folder in which a
command is started. Where two names are given, either will do. Lists are JSON:
`'["10.0.0.0/8"]'`. Secrets have no default, and are shown nowhere.
"""

Words = Mapping[str, str]

PLATFORM: Words = {
    "env": "`development`, `staging` or `production`",
    "app_key": "the root secret; production needs one, `insula key` makes it; else it"
    " is made and kept in the data folder",
    "data_dir": "where data lives: `/var/lib/insula` for root, else"
    " `~/.local/share/insula`",
    "base_domain": "tenants' hosts are `<slug>.` and this, operators' is `admin.`",
    "host": "the address to listen on",
    "port": "the port to listen on",
    "trusted_proxies": "addresses and networks whose `X-Forwarded-*` count",
    "operator_second_factor": "whether operators without a second factor are kept out;"
    " `false` is for development alone, where `insula up --demo` sets it unless it is"
    " said",
    "hasher": "what new passwords are hashed with, `argon2id` or `bcrypt`; hashes of the"
    " other kind stay good until their owner signs in",
    "delete_grace_days": "days from the deletion of a tenant to its purge",
    "shutdown_grace": "seconds to finish what is in flight",
    "shutdown_notice": "seconds between “not ready” and the end of listening",
}
DATABASE: Words = {
    "database_url": "any PostgreSQL 15 or newer, instead of the embedded one; its user"
    " may create roles and databases",
    "db_connection": "nothing but `pgsql`: isolation rests on PostgreSQL",
    "database_prefix": "what our databases and roles are called by",
    "connections": "connections of a process, to all databases together",
    "connections_per_database": "of these, to one database",
    "migrate_parallel": "not read yet: `insula migrate --parallel` says it",
    "slow_query": "seconds after which a statement is counted and logged as slow",
}
WORK: Words = {
    "workers_min": "worker processes at least; 0: `insula up` starts none",
    "workers_max": "worker processes at most",
    "worker_memory": "MiB by which one may grow before it is replaced",
    "worker_nice": "how much workers give way to others on the machine, 0 to 19",
    "audit_keep_months": "months for which the audit log is kept",
}
LOGS: Words = {
    "log_level": "the least that is logged",
    "log_format": "`json` or `console`; else by whether somebody watches",
    "log_dir": "a folder for the channels' files, beside stderr",
    "metrics_tenants": "tenants that have a label of their own in `/metrics`",
    "metrics_token": "what a scraper has to show; without it this machine alone may",
}
REDIS: Words = {
    "redis_url": "Redis or Valkey, optional: `redis://` or `rediss://`",
    "redis_host": "the same, in parts",
    "redis_password": "",
    "redis_port": "",
    "redis_db": "the number of the database for counters",
    "redis_cache_db": "of the one for the cache",
    "redis_session_db": "of the one for sessions",
}
MAIL: Words = {
    "mail": "`smtp`, `directory` or `null`; else `smtp` where a server is named,"
    " `directory` in development, `null` elsewhere",
    "smtp_url": "`smtp://user:password@host:587?tls=starttls`",
    "mail_from": "the sender for tenants without one of their own; else `no-reply@` and"
    " the base domain",
}
FILES: Words = {
    "storage": "`local` or `s3`",
    "storage_dir": "the folder; else `storage` in the data folder",
    "storage_bytes": "bytes of a tenant's files, if its plan does not say",
    "max_upload_bytes": "bytes of one file",
    "scan_command": "a program that judges a file on its standard input",
    "aws_access_key_id": "",
    "aws_secret_access_key": "",
    "aws_default_region": "",
    "aws_bucket": "the bucket's name, needed for `s3`",
    "aws_url": "the address of a service other than Amazon's",
}
WEBHOOKS: Words = {
    "webhook_allow": "networks that webhooks may reach although they are not public",
    "webhook_ports": "the ports that they may reach",
    "webhook_http": "whether http will do as well as https",
}
LIMITS: Words = {
    "limit_anonymous": "requests a minute of an address where nobody is signed in; here"
    " and below, 0 is no limit",
    "limit_auth": "requests a minute of an address to what has to do with signing in",
    "limit_login": "sign-ins a minute of an address, and to one account",
    "limit_logins": "sign-ins a minute of all strangers to one tenant",
    "limit_user": "requests a minute of a user or a key to one class of endpoints,"
    " unless the plan says another number",
    "limit_tenant": "requests a minute of a tenant, unless its plan says another number",
    "limit_search": "searches a minute of a tenant, unless its plan says another number",
    "limit_bulk": "bulk operations an hour of a tenant, unless its plan says another"
    " number",
    "geo_database": "a file in MaxMind's format that tells the country of an address;"
    " needs `insula[geo]`",
}
SECTIONS: Mapping[str, Words] = {
    "The platform": PLATFORM,
    "The database": DATABASE,
    "Work behind requests": WORK,
    "Logs and metrics": LOGS,
    "Redis": REDIS,
    "Mail": MAIL,
    "Files": FILES,
    "Webhooks": WEBHOOKS,
    "Limits and networks": LIMITS,
}


def undescribed() -> set[str]:
    """The settings that no section has."""
    said = {name for words in SECTIONS.values() for name in words}
    return set(Settings.model_fields) - said


def page() -> str:
    """The whole page."""
    return HEAD + "".join(_section(title, words) for title, words in SECTIONS.items())


def _section(title: str, words: Words) -> str:
    rows = "".join(_row(name, said) for name, said in words.items())
    return f"\n## {title}\n\n| setting | default | what it is |\n|---|---|---|\n{rows}"


def _row(name: str, said: str) -> str:
    field = Settings.model_fields[name]
    names = ", ".join(f"`{it}`" for it in _names(name, field))
    return f"| {names} | {_default(field)} | {said} |\n"


def _names(name: str, field: FieldInfo) -> Iterator[str]:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        yield from reversed([str(it) for it in alias.choices])
    else:
        yield f"INSULA_{name.upper()}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value is PydanticUndefined or value == ():
        return ""
    if isinstance(value, tuple):
        return f"`{list(value)}`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


if __name__ == "__main__":
    print(page(), end="")
