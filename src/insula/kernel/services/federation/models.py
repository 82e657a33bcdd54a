"""Outside providers: whom a tenant trusts to say who somebody is, and for which domains."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import httpx2
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from sqlalchemy import Index, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Holds,
    LongText,
    ShortText,
    TextList,
    column,
    ref,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure

LONGEST_ISSUER = 500
LONGEST_SUBJECT = 255
"""Characters; OpenID Connect Core allows no more."""
MOST_DOMAINS = 50
DOMAIN = re.compile(
    r"(?=.{3,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
)


class Preset(StrEnum):
    """Providers with ways of their own."""

    generic = "generic"
    google = "google"
    microsoft = "microsoft"


def checked_issuer(value: str) -> str:
    """An absolute http(s) URL; whether it may be connected to is seen when it is."""
    try:
        url = httpx2.URL(value)
    except (httpx2.InvalidURL, ValueError):
        raise PydanticCustomError("issuer_invalid", "it is not a URL") from None
    plain = not (url.userinfo or url.query or url.fragment)
    if url.scheme not in ("https", "http") or not url.host or not plain:
        raise PydanticCustomError(
            "issuer_invalid", "it must be a https URL with a host, and nothing behind"
        )
    return value


def checked_domain(value: str) -> str:
    """A domain as DNS has it: lower case, international names in their xn-- form."""
    name = value.strip().rstrip(".").lower()
    if not DOMAIN.fullmatch(name):
        raise PydanticCustomError("domain_invalid", "it is not a domain")
    return name


Issuer = Annotated[
    str,
    mapped_column(String(LONGEST_ISSUER)),
    AfterValidator(checked_issuer),
    Field(max_length=LONGEST_ISSUER, examples=["https://login.example.com"]),
]
DomainText = Annotated[str, mapped_column(String(253))]
DomainName = Annotated[
    str,
    AfterValidator(checked_domain),
    Field(max_length=255, examples=["example.com"]),
]
DomainNames = Annotated[
    list[Annotated[str, AfterValidator(checked_domain), Field(max_length=255)]],
    mapped_column(JSONB),
    Field(max_length=MOST_DOMAINS, examples=[["example.com"]]),
]


class IdentityProvider(TenantModel):
    """An OpenID Connect provider that a tenant's people sign in with.

    Its word about an address counts within ``domains``, as far as they are proved. Who
    is issued cannot be changed: the people linked to it would be others.
    """

    __tablename__ = "identity_providers"

    name: Mapped[ShortText] = column(holds=Holds.nothing)
    preset: Mapped[Preset] = column(default=Preset.generic, immutable=True)
    issuer: Mapped[Issuer] = column(immutable=True, holds=Holds.nothing)
    client_id: Mapped[ShortText] = column(holds=Holds.nothing)
    secret: Mapped[LongText | None] = column(
        default=None, read_only=True, holds=Holds.secret
    )
    domains: Mapped[DomainNames] = column(default=[], holds=Holds.nothing)
    create_users: Mapped[bool] = column(default=False)
    roles: Mapped[TextList] = column(default=[], holds=Holds.nothing)
    enabled: Mapped[bool] = column(default=True)


class IdentityDomain(TenantModel):
    """A domain whose addresses are the tenant's, once DNS says so."""

    __tablename__ = "identity_domains"

    name: Mapped[DomainText] = column(unique=True, immutable=True, holds=Holds.nothing)
    challenge: Mapped[ShortText] = column(
        default="", read_only=True, holds=Holds.nothing
    )
    verified_at: Mapped[datetime | None] = column(default=None, read_only=True)


class UserIdentity(TenantRow):
    """Who a user is at a provider: the subject, which no address ever replaces."""

    __tablename__ = "user_identities"
    __table_args__ = (
        Index(
            "uq_user_identities_subject",
            "tenant_id",
            "provider_id",
            "subject",
            unique=True,
        ),
        Index(
            "uq_user_identities_user",
            "tenant_id",
            "provider_id",
            "user_id",
            unique=True,
        ),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    provider_id: Mapped[UUID] = ref("identity_providers", part_of=True)
    user_id: Mapped[UUID] = ref("users")
    subject: Mapped[ShortText] = column(holds=Holds.text)
    last_used_at: Mapped[datetime | None] = column(default=None)
