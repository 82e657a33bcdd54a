"""What is sent to the portal's door."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

STRICT = ConfigDict(extra="forbid", strict=True)
Email = Annotated[str, Field(min_length=3, max_length=255, examples=["eve@shop.test"])]
Password = Annotated[
    str, Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})
]


class PortalLogin(BaseModel):
    """Who a contact says to be, and the proof."""

    model_config = STRICT
    email: Email
    password: Password


class Forgotten(BaseModel):
    """Whose password is to be chosen."""

    model_config = STRICT
    email: Email


class PortalPassword(BaseModel):
    """The token of a mail, and the password that somebody chose."""

    model_config = STRICT
    token: Annotated[str, Field(min_length=1, max_length=200)]
    password: Password


class NewContact(BaseModel):
    """A contact to be made; ``invite`` sends a mail to choose a password with."""

    model_config = STRICT
    name: Annotated[str, Field(min_length=1, max_length=255, examples=["Eve Buyer"])]
    email: Email
    phone: Annotated[str | None, Field(max_length=40)] = None
    invite: bool = False
