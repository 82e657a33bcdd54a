"""Passkeys: what browsers are asked for, and whether what they answer is good (WebAuthn).

Pure: whoever keeps the passkeys also hands out the challenges, and lets each be answered
once. No attestation is asked for: it tells who made a device, not who holds it.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from webauthn import (
    base64url_to_bytes,
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import bytes_to_base64url, options_to_json_dict
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

TIMEOUT_MS = 300_000
"""For how long a browser waits for its user; challenges live as long."""

LONGEST_ID = 1_023
"""Bytes, by the standard."""

Response = Mapping[str, Any]
"""What ``PublicKeyCredential.toJSON()`` gives."""


class PasskeyRefused(ValueError):
    """What the browser answered does not prove anything."""


BROKEN = (
    *(WebAuthnException, UnsupportedAlgorithm, struct.error, RecursionError),
    *(ArithmeticError, AttributeError, LookupError, TypeError, ValueError),
)
"""How the library fails on answers that no browser gives."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where passkeys are good: a host, and exactly these origins of its pages."""

    host: str
    name: str
    origins: tuple[str, ...]


class Person(NamedTuple):
    """Whom a passkey is made for; ``handle`` says nothing of them to others."""

    handle: UUID
    email: str
    name: str


@dataclass(frozen=True, slots=True)
class NewPasskey:
    """A passkey that was just made."""

    credential_id: str
    public_key: str
    sign_count: int
    aaguid: str
    backed_up: bool


class KnownPasskey(NamedTuple):
    """What must be kept of a passkey to tell its signatures."""

    credential_id: str
    public_key: str
    sign_count: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a signature proves; ``person`` is whether the device knew its user."""

    sign_count: int
    person: bool
    backed_up: bool


def creation_options(
    site: Site, person: Person, challenge: bytes, known: Sequence[str] = ()
) -> dict[str, Any]:
    """What to ask a browser for that shall make a passkey; not a second on one device."""
    options = generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_id=person.handle.bytes,
        user_name=person.email,
        user_display_name=person.name or person.email,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.PREFERRED,
            user_verification=UserVerificationRequirement.PREFERRED,
        ),
        exclude_credentials=_descriptors(known),
    )
    return options_to_json_dict(options)


def request_options(
    site: Site, challenge: bytes, known: Sequence[str] = ()
) -> dict[str, Any]:
    """What to ask a browser for that shall use a passkey.

    Without known ones, the user picks one, and it must be sure who they are.
    """
    wanted = (
        UserVerificationRequirement.PREFERRED
        if known
        else UserVerificationRequirement.REQUIRED
    )
    options = generate_authentication_options(
        rp_id=site.host,
        challenge=challenge,
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(known),
        user_verification=wanted,
    )
    return options_to_json_dict(options)


def _descriptors(known: Sequence[str]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(it)) for it in known]


def challenge_in(response: Response) -> bytes:
    """The challenge that a browser says to answer; raises ``PasskeyRefused``."""
    try:
        said = base64url_to_bytes(response["response"]["clientDataJSON"])
        return base64url_to_bytes(msgspec.json.decode(said)["challenge"])
    except BROKEN:
        raise PasskeyRefused("it answers no challenge") from None


def made(site: Site, challenge: bytes, response: Response) -> NewPasskey:
    """The passkey that a browser made; raises ``PasskeyRefused``."""
    try:
        found = verify_registration_response(
            credential=dict(response),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=list(site.origins),
        )
    except BROKEN as error:
        raise PasskeyRefused(str(error)) from None
    if len(found.credential_id) > LONGEST_ID:
        raise PasskeyRefused("no device makes an id of that length")
    return NewPasskey(
        credential_id=bytes_to_base64url(found.credential_id),
        public_key=bytes_to_base64url(found.credential_public_key),
        sign_count=found.sign_count,
        aaguid=found.aaguid,
        backed_up=found.credential_backed_up,
    )


def proved(
    site: Site, challenge: bytes, response: Response, known: KnownPasskey
) -> Proof:
    """What a browser's use of a known passkey proves; raises ``PasskeyRefused``.

    A count that does not grow means that there is a copy of the key.
    """
    try:
        found = verify_authentication_response(
            credential=dict(response),
            expected_challenge=challenge,
            expected_rp_id=site.host,
            expected_origin=list(site.origins),
            credential_public_key=base64url_to_bytes(known.public_key),
            credential_current_sign_count=known.sign_count,
        )
    except BROKEN as error:
        raise PasskeyRefused(str(error)) from None
    return Proof(found.new_sign_count, found.user_verified, found.credential_backed_up)
