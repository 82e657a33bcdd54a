"""What a directory wants of a user, in the words of our own tables."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scim2_models import Context as ScimContext
from scim2_models import InvalidValueException

from insula.kernel.mail.address import BadAddress, key_of
from insula.kernel.services.scim.schemas import Email, User

LONGEST = 255
MOST_EMAILS = 20
KEPT = {"name", "displayName", "title", "preferredLanguage", "emails"}
LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,2}")


@dataclass(frozen=True, slots=True)
class WantedUser:
    """A user as the directory would have them."""

    user_name: str
    email: str
    name: str
    active: bool
    external_id: str | None
    locale: str | None
    attributes: dict[str, Any]

    @property
    def key(self) -> str:
        """The user name without its case."""
        return self.user_name.lower()


def completed(data: Mapping[str, Any], *, active: bool) -> dict[str, Any]:
    """What was sent, with what we need and directories may leave out.

    Nobody can be here without an address: a user name that is one stands for it.
    """
    named = {key.lower(): value for key, value in data.items()}
    made = dict(data)
    if named.get("active") is None:
        made = {k: v for k, v in made.items() if k.lower() != "active"}
        made["active"] = active
    user_name = named.get("username")
    if not named.get("emails") and isinstance(user_name, str) and "@" in user_name:
        made = {k: v for k, v in made.items() if k.lower() != "emails"}
        made["emails"] = [{"value": user_name, "type": "work", "primary": True}]
    return made


def wanted(user: User) -> WantedUser:
    """What a valid SCIM user amounts to; raises ``InvalidValueException``."""
    said = user.model_dump(scim_ctx=ScimContext.DEFAULT)
    attributes = {key: said[key] for key in KEPT if said.get(key)}
    user_name = _bounded("userName", (user.user_name or "").strip())
    if not user_name:
        raise InvalidValueException(detail="userName must not be empty")
    for value in _texts(attributes):
        _bounded("a value", value)
    return WantedUser(
        user_name=user_name,
        email=_address(user.emails or []),
        name=_name(user, user_name),
        active=bool(user.active),
        external_id=_bounded("externalId", user.external_id) or None,
        locale=_locale(user.preferred_language),
        attributes=attributes,
    )


def _bounded(what: str, value: str | None) -> str:
    if value is not None and len(value) > LONGEST:
        raise InvalidValueException(
            detail=f"{what} is longer than {LONGEST} characters"
        )
    return value or ""


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for it in value.values() for text in _texts(it)]
    if isinstance(value, list):
        return [text for it in value for text in _texts(it)]
    return [value] if isinstance(value, str) else []


def _address(emails: list[Email]) -> str:
    """Where mail goes: to the primary address, or the first."""
    if len(emails) > MOST_EMAILS:
        raise InvalidValueException(detail=f"more than {MOST_EMAILS} addresses")
    chosen = next((it for it in emails if it.primary), emails[0] if emails else None)
    if chosen is None or not chosen.value:
        raise InvalidValueException(detail="an address is needed in emails")
    try:
        return key_of(chosen.value)
    except BadAddress:
        raise InvalidValueException(detail="emails holds what is no address") from None


def _name(user: User, otherwise: str) -> str:
    parts = user.name
    both = () if parts is None else filter(None, (parts.given_name, parts.family_name))
    formatted = None if parts is None else parts.formatted
    found = user.display_name or formatted or " ".join(both) or otherwise
    return found.strip()[:LONGEST] or otherwise


def _locale(language: str | None) -> str | None:
    text = (language or "").replace("_", "-")
    return text if LANGUAGE.fullmatch(text) else None
