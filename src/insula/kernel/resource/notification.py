"""Kinds of notifications: what users can be told of, declared by who tells it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*){1,2}", re.ASCII)
LONGEST_NAME = 64
LAST_LANGUAGE = "en"

Text = str | Mapping[str, str]
"""A text, or one for each language; there is always an English one."""


class KindError(ValueError):
    """A kind contradicts another, or itself; told when the platform is put together."""


class Digest(StrEnum):
    """Whether mails are gathered."""

    none = "none"
    daily = "daily"


@dataclass(frozen=True, slots=True)
class Wish:
    """How somebody is told."""

    in_app: bool = True
    mail: bool = False
    digest: Digest = Digest.none


@dataclass(frozen=True, slots=True, eq=False)
class NotificationKind:
    """One sort of notification: its name, what people call it, and how it usually comes.

    ``name`` begins with the app or service: ``maintenance.work_order_assigned``.
    """

    name: str
    titles: Mapping[str, str]
    usual: Wish = Wish()

    def __post_init__(self) -> None:
        """Refuse a name that no preference could be for, and a kind nobody can read of."""
        if not NAME.fullmatch(self.name) or len(self.name) > LONGEST_NAME:
            raise KindError(f"{self.name!r} is no name of a kind")
        if LAST_LANGUAGE not in self.titles:
            raise KindError(f"{self.name} has no English title")


def spoken(text: Text, language: str) -> str:
    """The text in the nearest language that it has: de-AT, de, en."""
    if isinstance(text, str):
        return text
    while language:
        if language in text:
            return text[language]
        language = language.rpartition("-")[0]
    return text[LAST_LANGUAGE]
