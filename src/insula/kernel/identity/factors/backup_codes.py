"""Backup codes: what lets somebody in once who has lost their other factors.

Pure. A code has 50 bits, which is plenty against whoever must ask us, but little for
somebody with a copy of the database. So what is kept is a MAC under a key that the
database does not have, bound to its owner.
"""

import hmac
import re
import secrets
from uuid import UUID

from insula.kernel.foundation.secret import derive

COUNT = 10
LENGTH = 10
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32: what looks alike on paper is one character."""
ALIKE = str.maketrans("ilou", "110v")
BLANKS = re.compile(r"[\s-]")


def new_codes() -> tuple[str, ...]:
    """Ten codes, as they are shown once: two groups of five characters."""
    return tuple(_new_code() for _ in range(COUNT))


def _new_code() -> str:
    text = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{text[: LENGTH // 2]}-{text[LENGTH // 2 :]}"


class BackupCodes:
    """Turns codes into what is kept of them, under a key derived from the root key."""

    def __init__(self, key: bytes) -> None:
        self._key = derive(key, "backup-codes")

    def digest(self, owner: UUID, code: str) -> str:
        """What is kept of an owner's code: 64 hex digits.

        Case, blanks and dashes do not count, nor what looks alike on paper.
        """
        plain = BLANKS.sub("", code).lower().translate(ALIKE)
        return hmac.digest(self._key, owner.bytes + plain.encode(), "sha256").hex()
