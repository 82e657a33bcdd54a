"""Addresses: checked once, so that no header and no command can be made of one."""

import re
from dataclasses import dataclass

from insula.kernel.foundation.errors import Invalid

LONGEST = 254
"""Characters of an address (RFC 5321, 4.5.3.1.3 less the angle brackets)."""
LONGEST_LOCAL = 64
LOCAL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
)
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class BadAddress(Invalid):
    """This is no e-mail address that can be written to."""

    code = "MAIL_ADDRESS_INVALID"


class BadHeader(Invalid):
    """The header {name} may hold one line of text alone."""

    code = "MAIL_HEADER_INVALID"


def one_line(name: str, value: str) -> str:
    """The value of a header; raises ``BadHeader`` where it could end the line."""
    if any(is_control(character) for character in value):
        raise BadHeader(name=name)
    return value


def is_control(character: str) -> bool:
    """Whether it controls, ends a line in some alphabet, or is no character."""
    point = ord(character)
    return (
        point < 32
        or 127 <= point < 160
        or point in (0x2028, 0x2029)
        or 0xD800 <= point < 0xE000  # half a character: it cannot be written
    )


def spoken(text: str) -> str:
    """A text as one line: whatever is no letter or sign of it becomes a space."""
    plain = "".join(" " if is_control(it) else it for it in text)
    return " ".join(plain.split())


@dataclass(frozen=True, slots=True)
class Address:
    """Somebody's address, and the name that is shown with it.

    Raises ``BadAddress`` and ``BadHeader``. The domain is kept in its ASCII form; a
    local part beyond ASCII is refused, because hardly any server takes one.
    """

    email: str
    name: str = ""

    def __post_init__(self) -> None:
        """Check both, so that an ``Address`` is good wherever it is used."""
        object.__setattr__(self, "name", one_line("address", self.name).strip())
        object.__setattr__(self, "email", checked(self.email))

    @property
    def domain(self) -> str:
        """What stands behind the sign."""
        return self.email.rpartition("@")[2]


def checked(email: str) -> str:
    """The address with its domain in lower case and ASCII; raises ``BadAddress``."""
    local, sign, domain = email.rpartition("@")
    try:
        ascii_domain = domain.encode("idna").decode().lower()
    except UnicodeError:
        raise BadAddress from None
    labels = ascii_domain.split(".")
    good = (
        bool(sign)
        and len(local) <= LONGEST_LOCAL
        and LOCAL.fullmatch(local) is not None
        and all(LABEL.fullmatch(label) for label in labels)
        and len(local) + 1 + len(ascii_domain) <= LONGEST
    )
    if not good:
        raise BadAddress
    return f"{local}@{ascii_domain}"


def key_of(email: str) -> str:
    """What two spellings of one address have in common; raises ``BadAddress``.

    Servers may tell local parts apart by case; none that people use does.
    """
    return checked(email.strip()).lower()
