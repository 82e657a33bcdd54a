"""Links: addresses of files that open without a sign-in, for one file and some time."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from insula.kernel.foundation.secret import derive

LONGEST = timedelta(days=7)
TOKEN = re.compile(
    r"([0-9]{10,11})\.([0-9]{1,9})\.([ai])\.([a-z]{0,16})\.([A-Za-z0-9_-]{43})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a link opens, how it is shown, and until when.

    ``edition`` counts the times at which all links of the file were revoked.
    """

    tenant_id: UUID
    file_id: UUID
    edition: int
    variant: str
    inline: bool
    expires_at: datetime


class Links:
    """Signs links and knows its own signature again."""

    def __init__(self, key: bytes) -> None:
        self._key = derive(key, "file-links")

    def token(self, link: Link) -> str:
        """What goes into the address; it says nothing that the address does not."""
        expires = int(link.expires_at.timestamp())
        shown = "i" if link.inline else "a"
        said = f"{expires}.{link.edition}.{shown}.{link.variant}"
        return f"{said}.{self._sign(link.tenant_id, link.file_id, said)}"

    def read(
        self, tenant_id: UUID, file_id: UUID, token: str, now: datetime
    ) -> Link | None:
        """The link, if it was signed for this file of this tenant and is still good."""
        found = TOKEN.fullmatch(token)
        if found is None:
            return None
        said = token.rpartition(".")[0]
        signature = self._sign(tenant_id, file_id, said)
        if not hmac.compare_digest(signature, found[5]):
            return None
        expires_at = datetime.fromtimestamp(int(found[1]), UTC)
        if expires_at <= now:
            return None
        return Link(
            tenant_id=tenant_id,
            file_id=file_id,
            edition=int(found[2]),
            variant=found[4],
            inline=found[3] == "i",
            expires_at=expires_at,
        )

    def _sign(self, tenant_id: UUID, file_id: UUID, said: str) -> str:
        bound = f"{tenant_id}/{file_id}/{said}".encode()
        mac = hmac.new(self._key, bound, hashlib.sha256).digest()
        return base64.urlsafe_b64encode(mac).decode().rstrip("=")
