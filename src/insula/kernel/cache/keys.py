"""Keys and tags: every one begins with its tenant (D12, R16)."""

import hashlib
import json
from uuid import UUID

APPS = "apps:installed:v1"
"""The apps of a tenant."""


def key(resource: str, subject: object, version: int = 1) -> str:
    """``user:456:v1``, the key of a value within its tenant.

    ``version`` is that of the value's form: who changes what is kept raises it, so
    that old and new code can run at once over one cache.
    """
    return f"{resource}:{subject}:v{version}"


def permissions_of(user_id: UUID) -> str:
    """Where the permissions of a user are kept."""
    return key("permissions:user", user_id)


def variant(**parts: object) -> str:
    """A short name for all that an answer depends on: roles, locale, fields, page.

    Whatever changes the answer and is not part of the key shows one caller what is
    meant for another.
    """
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def full_key(tenant_id: UUID, name: str) -> str:
    """``tenant:<uuid>:<key>``: the key as stores know it that know many tenants."""
    return f"tenant:{tenant_id}:{name}"


def tag_of(tenant_id: UUID) -> str:
    """``tenant:<uuid>``: the tag of all that is kept for a tenant."""
    return f"tenant:{tenant_id}"
