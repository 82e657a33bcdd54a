"""Bodies: what people say of themselves and of others, checked where it comes in."""

from typing import Annotated, Any

import msgspec
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from insula.kernel.identity.passwords import LONGEST
from insula.kernel.mail.address import BadAddress, is_control, key_of
from insula.kernel.resource.declaration import Command

MOST_SETTINGS = 16_384
"""Bytes of somebody's settings as JSON."""
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of whatever is written behind them."""
BEYOND_TOKENS = 200
"""Characters of a token, with room for what nobody issued."""


def _name(value: str) -> str:
    plain = value.strip()
    if not plain or any(is_control(it) or it in TURNING for it in plain):
        raise PydanticCustomError("line_invalid", "it must be one line of text")
    return plain


def _address(value: str) -> str:
    try:
        return key_of(value)
    except BadAddress:
        raise PydanticCustomError("email_invalid", "it is not an address") from None


def _small(value: dict[str, Any]) -> dict[str, Any]:
    if len(msgspec.json.encode(value)) > MOST_SETTINGS:
        raise PydanticCustomError("too_large", "settings have at most 16 kB")
    return value


Name = Annotated[
    str,
    Field(min_length=1, max_length=255, examples=["Ada Lovelace"]),
    AfterValidator(_name),
]
Address = Annotated[
    str, Field(max_length=254, examples=["ada@example.com"]), AfterValidator(_address)
]
"""An address as it is kept: in lower case, its domain in ASCII."""
Secret = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST,
        json_schema_extra={"format": "password"},
        examples=["mulberry tram ennui"],
    ),
]
Locale = Annotated[
    str,
    Field(
        max_length=20,
        pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}$",
        examples=["de-AT"],
    ),
]
RoleName = Annotated[str, Field(min_length=1, max_length=64)]
Roles = Annotated[list[RoleName], Field(max_length=50, examples=[["member"]])]
ORDINARY = Field(default_factory=lambda: ["member"])
"""What somebody is of whom nothing else is said."""
Settings = Annotated[
    dict[str, Any], AfterValidator(_small), Field(examples=[{"theme": "dark"}])
]
Version = Annotated[
    int | None, Field(ge=1, lt=2**63, description="The version that you read.")
]


def _drop_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


ABSENT = Field(default=None, json_schema_extra=_drop_default)
"""Of a field that may be left out, but has no null."""
Token = Annotated[
    str, Field(min_length=1, max_length=BEYOND_TOKENS, examples=["inst_…"])
]


class NewUser(Command):
    """Somebody who is to have an account; a mail lets them choose a password."""

    name: Name
    email: Address
    roles: Annotated[Roles, ORDINARY]
    locale: Locale | None = None


class UserPatch(Command):
    """What is to change of a user; ``avatar`` can only be taken away."""

    name: Annotated[Name, ABSENT]
    roles: Annotated[Roles, ABSENT]
    avatar: Annotated[str | None, Field(max_length=500)] = None
    settings: Annotated[Settings, ABSENT]
    locale: Locale | None = None
    version: Version = None


class ProfilePatch(Command):
    """What somebody changes of themselves."""

    name: Annotated[Name, ABSENT]
    settings: Annotated[Settings, ABSENT]
    locale: Locale | None = None
    version: Version = None


class Registration(Command):
    """Somebody who wants an account."""

    name: Name
    email: Address
    password: Secret
    locale: Locale | None = None


class Addressed(Command):
    """An address to which a mail is to go, if there is an account for it."""

    email: Address


class Proof(Command):
    """A token that a mail carried."""

    token: Token


class NewPassword(Command):
    """A password in place of one that was forgotten, and the token from the mail."""

    token: Token
    password: Secret


class PasswordChange(Command):
    """The password of now, and the one from now on."""

    current_password: Secret
    password: Secret


class AddressChange(Command):
    """The address from now on, once it is confirmed."""

    email: Address


class NewInvitation(Command):
    """Somebody who is to come in, and as what."""

    email: Address
    roles: Annotated[Roles, ORDINARY]
    locale: Locale | None = None
    days: Annotated[int, Field(ge=1, le=30)] = 7


class Acceptance(Command):
    """The token of an invitation, and who it turns out to be."""

    token: Token
    name: Name
    password: Secret
