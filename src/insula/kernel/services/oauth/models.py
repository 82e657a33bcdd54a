"""The tables of OAuth: programs, what people let them do, and what came of it."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Code,
    Holds,
    LongText,
    ShortText,
    TextList,
    column,
    ref,
)
from insula.kernel.database.model import TenantModel, TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.services.keys.scopes import Scopes
from insula.kernel.services.oauth.redirects import RedirectUris


class ClientKind(StrEnum):
    """Whether a program can keep a secret (RFC 6749, 2.1)."""

    public = "public"
    """It runs where its users are: a page's script, an app on a telephone."""
    confidential = "confidential"


Flow = Literal["authorization_code", "client_credentials"]
Flows = Annotated[
    list[Flow],
    mapped_column(JSONB),
    Field(min_length=1, max_length=2, examples=[["authorization_code"]]),
]


class OauthClient(TenantModel):
    """A program that may ask people to act for them, or acts by itself.

    ``scopes`` bound all that it is ever given. The secret of a confidential one is
    shown once and kept as a hash.
    """

    __tablename__ = "oauth_clients"

    name: Mapped[ShortText] = column(holds=Holds.text)
    kind: Mapped[ClientKind] = column(default=ClientKind.confidential, immutable=True)
    flows: Mapped[Flows] = column(immutable=True, holds=Holds.nothing)
    redirect_uris: Mapped[RedirectUris] = column(default=[], holds=Holds.nothing)
    scopes: Mapped[Scopes] = column(immutable=True, holds=Holds.nothing)
    secret_hash: Mapped[Code | None] = column(
        default=None, read_only=True, holds=Holds.secret
    )
    disabled_at: Mapped[datetime | None] = column(default=None, read_only=True)
    created_by: Mapped[UUID | None] = column(default=None, read_only=True)


class OauthGrant(TenantModel):
    """What a person let a program do, until they withdraw it."""

    __tablename__ = "oauth_grants"
    __table_args__ = (
        Index("uq_oauth_grants", "tenant_id", "user_id", "client_id", unique=True),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    user_id: Mapped[UUID] = ref("users", immutable=True)
    client_id: Mapped[UUID] = ref("oauth_clients", part_of=True)
    scopes: Mapped[TextList] = column(holds=Holds.nothing)


class OauthCode(TenantRow):
    """An authorization code: good once, for a minute, for who can prove the challenge.

    ``session_id`` is what came of it: it ends when the code is used again.
    """

    __tablename__ = "oauth_codes"
    __table_args__ = (
        Index("ix_oauth_codes_expires", "tenant_id", "expires_at"),
        {"info": {PERSON: About("user_id", Erasure.delete)}},
    )

    client_id: Mapped[UUID] = ref("oauth_clients", part_of=True)
    user_id: Mapped[UUID] = ref("users", immutable=True)
    hash: Mapped[Code] = column(holds=Holds.secret)
    redirect_uri: Mapped[LongText] = column(holds=Holds.nothing)
    scopes: Mapped[TextList] = column(holds=Holds.nothing)
    challenge: Mapped[Code] = column(holds=Holds.secret)
    factors: Mapped[TextList] = column(default=[], holds=Holds.nothing)
    expires_at: Mapped[datetime] = column()
    used_at: Mapped[datetime | None] = column(default=None)
    session_id: Mapped[UUID | None] = column(default=None)


class OauthToken(TenantRow):
    """An access token of a program that acts by itself, for an hour."""

    __tablename__ = "oauth_tokens"
    __table_args__ = (Index("ix_oauth_tokens_expires", "tenant_id", "expires_at"),)

    client_id: Mapped[UUID] = ref("oauth_clients", part_of=True)
    hash: Mapped[Code] = column(holds=Holds.secret)
    scopes: Mapped[TextList] = column(holds=Holds.nothing)
    expires_at: Mapped[datetime] = column()
    revoked_at: Mapped[datetime | None] = column(default=None)
