"""What is kept of people's second factors."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from insula.kernel.database.columns import (
    Holds,
    ShortText,
    column,
    holding,
    ref,
)
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import PERSON, About, Erasure

GOES = About("user_id", Erasure.delete)
"""Nothing here outlives its person: it would open nobody's door any more."""


class TotpFactor(TenantRow):
    """Somebody's authenticator app; its secret is sealed (S3-71, S4-12).

    ``last_step`` is that of the last code which was accepted: each counts once.
    """

    __tablename__ = "totp_factors"
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id"),
        {"info": {PERSON: GOES}},
    )

    user_id: Mapped[UUID] = ref("users")
    secret: Mapped[str] = mapped_column(Text, info=holding(Holds.secret))
    last_step: Mapped[int | None] = column(default=None)
    confirmed_at: Mapped[datetime | None] = column(default=None)


class BackupCode(TenantRow):
    """A code that lets its owner in once; only a keyed hash of it is kept."""

    __tablename__ = "backup_codes"
    __table_args__ = (
        UniqueConstraint("tenant_id", "user_id", "digest"),
        {"info": {PERSON: GOES}},
    )

    user_id: Mapped[UUID] = ref("users")
    digest: Mapped[str] = mapped_column(String(64), info=holding(Holds.secret))
    used_at: Mapped[datetime | None] = column(default=None)


class Passkey(TenantRow):
    """A passkey: good on one host, and copied if its ``sign_count`` falls behind."""

    __tablename__ = "passkeys"
    __table_args__ = (
        UniqueConstraint("tenant_id", "credential_id"),
        {"info": {PERSON: GOES}},
    )

    user_id: Mapped[UUID] = ref("users")
    name: Mapped[ShortText] = column(holds=Holds.text)
    host: Mapped[ShortText] = column(holds=Holds.nothing)
    credential_id: Mapped[str] = mapped_column(String(1400), info=holding(Holds.secret))
    public_key: Mapped[str] = mapped_column(Text, info=holding(Holds.secret))
    sign_count: Mapped[int] = column()
    aaguid: Mapped[str] = mapped_column(String(36), info=holding(Holds.nothing))
    backed_up: Mapped[bool] = column()
    last_used_at: Mapped[datetime | None] = column(default=None)
