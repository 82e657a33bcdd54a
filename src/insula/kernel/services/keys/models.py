"""API keys: what programs show instead of signing in."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped

from insula.kernel.database.columns import Code, Holds, ShortText, column, ref
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import PERSON, About, Erasure
from insula.kernel.services.keys.scopes import Scopes


class ApiKey(TenantModel):
    """A key of the tenant, or with an ``owner_id`` a personal token of that user.

    Its text is shown once and kept as a hash. ``prefix`` is how the text begins: it
    tells which key somebody found, and is no part of what makes it secret.
    ``last_used_at`` changes without a new version.
    """

    __tablename__ = "api_keys"
    __table_args__ = ({"info": {PERSON: About("owner_id", Erasure.delete)}},)

    name: Mapped[ShortText] = column(holds=Holds.text)
    scopes: Mapped[Scopes] = column(immutable=True, holds=Holds.nothing)
    expires_at: Mapped[datetime | None] = column(default=None, immutable=True)
    owner_id: Mapped[UUID | None] = ref("users", default=None, immutable=True)
    prefix: Mapped[Code] = column(read_only=True, holds=Holds.nothing)
    hash: Mapped[Code] = column(read_only=True, holds=Holds.secret)
    created_by: Mapped[UUID | None] = column(default=None, read_only=True)
    last_used_at: Mapped[datetime | None] = column(default=None, read_only=True)
    revoked_at: Mapped[datetime | None] = column(default=None, read_only=True)
