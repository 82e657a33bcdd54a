"""Normal forms: what all spellings of one address or number have in common."""

import re
from functools import lru_cache
from typing import Annotated

import phonenumbers
from babel.core import get_global
from email_validator import EmailNotValidError, validate_email
from phonenumbers import NumberParseException, PhoneNumberFormat
from pydantic import AfterValidator, Field

from insula.sdk import ShortText, Words

FEWEST_DIGITS, MOST_DIGITS = 4, 20
PHONE = re.compile(r"\+?[0-9 ()/.,;*#x-]+", re.ASCII | re.IGNORECASE)
WORLD = "001"
"""The territory of zones that lie in no country."""
KEPT = 1024
"""Texts whose form is remembered: what a file's row says is asked for twice at once."""


@lru_cache(maxsize=KEPT)
def normal_email(text: str) -> str:
    """An address as it is kept; raises ``ValueError`` for what is none."""
    try:
        found = validate_email(
            text.strip(), check_deliverability=False, test_environment=True
        )
    except EmailNotValidError:
        raise ValueError(Words("this is no e-mail address")) from None
    return f"{found.local_part}@{found.ascii_domain}".lower()


def plain_phone(text: str) -> str:
    """A number as it was written, if it could be one; else raises ``ValueError``."""
    said = " ".join(text.split())
    digits = sum(it.isdigit() for it in said)
    written = PHONE.fullmatch(said) is not None
    if not written or not FEWEST_DIGITS <= digits <= MOST_DIGITS:
        raise ValueError(Words("this is no telephone number"))
    if said.startswith("+") and normal_phone(said, None) is None:
        raise ValueError(Words("this is no telephone number"))
    return said


@lru_cache(maxsize=KEPT)
def normal_phone(text: str, region: str | None) -> str | None:
    """A number in E.164, ``+491701234567``; None where it is none of that region."""
    try:
        number = phonenumbers.parse(text, region)
    except NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def phone_key(text: str, region: str | None) -> str:
    """By what a number is told from others: in E.164, or its digits as they are."""
    here = None if text.startswith("+") else region
    return normal_phone(text, here) or "".join(it for it in text if it.isdigit())


def region_of(zone: str | None) -> str | None:
    """The country in whose form people of a time zone write numbers."""
    found = get_global("zone_territories").get(zone or "")
    return None if found == WORLD else found


def plain_name(text: str) -> str:
    """A name elsewhere, as it is compared."""
    return text.strip().lower()


EmailText = Annotated[
    ShortText, Field(examples=["ada@example.com"]), AfterValidator(normal_email)
]
"""An e-mail address in its normal form."""
PhoneText = Annotated[
    ShortText, Field(examples=["+49 30 901820"]), AfterValidator(plain_phone)
]
"""A telephone number as it was written."""
