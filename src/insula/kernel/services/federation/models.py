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
from insula.kernel.services.federation.certificates import checked_certificate

LONGEST_ISSUER = 500
LONGEST_SUBJECT = 255
"""Characters; OpenID Connect Core allows no more."""
LONGEST_PLACE = 1000
MOST_DOMAINS = 50
MOST_CERTIFICATES = 4
"""Those of now and of what comes next."""
DOMAIN = re.compile(
    r"(?=.{3,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]"
)


class ProviderKind(StrEnum):
    """Which protocol a provider speaks."""

    oidc = "oidc"
    saml = "saml"


class Preset(StrEnum):
    """Providers with ways of their own."""

    generic = "generic"
    google = "google"
    microsoft = "microsoft"


def checked_place(value: str) -> str:
    """An absolute http(s) URL, to which a browser may be sent."""
    try:
        url = httpx2.URL(value)
    except (httpx2.InvalidURL, ValueError):
        raise PydanticCustomError("url_invalid", "it is not a URL") from None
    if url.scheme not in ("https", "http") or not url.host or url.userinfo:
        raise PydanticCustomError("url_invalid", "it must be a https URL with a host")
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
    Field(
        min_length=1,
        max_length=LONGEST_ISSUER,
        pattern=r"^[\x21-\x7e]+$",
        examples=["https://login.example.com"],
    ),
]
Place = Annotated[
    str,
    mapped_column(String(LONGEST_PLACE)),
    AfterValidator(checked_place),
    Field(max_length=LONGEST_PLACE, examples=["https://login.example.com/saml"]),
]
Certificates = Annotated[
    list[Annotated[str, AfterValidator(checked_certificate), Field(max_length=8000)]],
    mapped_column(JSONB),
    Field(max_length=MOST_CERTIFICATES, examples=[[]]),
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
    """A provider that a tenant's people sign in with: of OpenID Connect, or of SAML.

    Its word about an address counts within ``domains``, as far as they are proved. Who
    is issued cannot be changed: the people linked to it would be others.
    """

    __tablename__ = "identity_providers"

    name: Mapped[ShortText] = column(holds=Holds.nothing)
    kind: Mapped[ProviderKind] = column(default=ProviderKind.oidc, immutable=True)
    preset: Mapped[Preset] = column(default=Preset.generic, immutable=True)
    issuer: Mapped[Issuer] = column(immutable=True, holds=Holds.nothing)
    client_id: Mapped[ShortText | None] = column(default=None, holds=Holds.nothing)
    secret: Mapped[LongText | None] = column(
        default=None, read_only=True, holds=Holds.secret
    )
    sso_url: Mapped[Place | None] = column(default=None, holds=Holds.nothing)
    certificates: Mapped[Certificates] = column(default=[], holds=Holds.nothing)
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
