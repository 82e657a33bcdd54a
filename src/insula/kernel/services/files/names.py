"""Names: what a file is called, as people may write it and as headers may carry it."""

import re
import unicodedata
from urllib.parse import quote

from insula.kernel.foundation.errors import FieldError, Invalid
from insula.kernel.foundation.words import Words

LONGEST = 255
FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of writing: ``exe.jpg``."""
NOT_PLAIN = re.compile(r"[^A-Za-z0-9 ._()-]")


def clean_name(text: str) -> str:
    """The name alone, without folders before it; raises ``Invalid``."""
    name = unicodedata.normalize("NFC", text).replace("\\", "/")
    name = name.rpartition("/")[2].strip()
    if not name or len(name) > LONGEST or FORBIDDEN.search(name) or not _utf8(name):
        words = Words("A name has 1 to 255 characters, none of them invisible.")
        raise Invalid(FieldError("name", "invalid", words))
    return name


def _utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def disposition(name: str, shown: str) -> bytes:
    """The header with which a file is shown or saved under its name (RFC 6266)."""
    plain = NOT_PLAIN.sub("_", name)
    return f"{shown}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}".encode()
