"""Answers: a SAML provider's signed word, believed only if it is meant for this sign-in.

The toolkit parses (no document type, no entities, no network), holds the answer against
the schema and verifies the signature with the provider's own certificates. What it takes
loosely is asked once more here, strictly, of the one assertion that there may be.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from insula.kernel.foundation.clock import now
from insula.kernel.services.federation.flow import Person
from insula.kernel.services.federation.models import LONGEST_SUBJECT
from insula.kernel.services.federation.problems import Untrusted
from insula.kernel.services.federation.providers import Provider
from insula.kernel.services.federation.saml.parties import (
    ASSERTION,
    POST,
    PROTOCOL,
    Ourselves,
)
from insula.kernel.services.federation.saml.toolkit import Toolkit, toolkit

LONGEST = 256 * 1024
LEEWAY = timedelta(minutes=2)
"""By how much clocks may differ."""
SPACES = {
    "saml": ASSERTION,
    "samlp": PROTOCOL,
    "ds": "http://www.w3.org/2000/09/xmldsig#",
}
MORE, ENC, DSIG11 = (
    "http://www.w3.org/2001/04/xmldsig-more#",
    "http://www.w3.org/2001/04/xmlenc#",
    "http://www.w3.org/2009/xmldsig11#",
)
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
SIGNATURES = frozenset(
    f"{MORE}{kind}-sha{bits}" for kind in ("rsa", "ecdsa") for bits in (256, 384, 512)
)
"""By a key pair, and never with SHA-1: with a shared secret whoever checks could sign."""
DIGESTS = frozenset({f"{ENC}sha256", f"{MORE}sha384", f"{ENC}sha512"})
TRANSFORMS = frozenset({f"{SPACES['ds']}enveloped-signature", EXCLUSIVE})
SUCCESS = "urn:oasis:names:tc:SAML:2.0:status:Success"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
FORMAT = "urn:oasis:names:tc:SAML:{}:nameid-format:{}"
TRANSIENT, EMAIL = (
    FORMAT.format("2.0", "transient"),
    FORMAT.format("1.1", "emailAddress"),
)
CLAIMS = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
EMAILS = (
    *("email", "mail", "emailAddress", "urn:oid:0.9.2342.19200300.100.1.3"),
    f"{CLAIMS}emailaddress",
)
NAMES = (
    *("displayName", "name", "cn", "urn:oid:2.16.840.1.113730.3.1.241"),
    *("urn:oid:2.5.4.3", "http://schemas.microsoft.com/identity/claims/displayname"),
)


class Declined(Exception):
    """The provider says that it did not sign anybody in; its text is the status."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came: read, and not believed in anything yet."""

    raw: str
    request: str
    """Which request of ours it says to answer."""


def read(given: str) -> Answer:
    """Look which request is answered; raises ``Untrusted``."""
    if len(given) > LONGEST:
        raise Untrusted("it is too long")
    raw = "".join(given.split())
    try:
        b64decode(raw, validate=True)
    except (NotBase64, ValueError):
        raise Untrusted("it is no answer") from None
    kit = toolkit()
    try:
        document = kit.response(_Nobody(), raw).document
    except kit.faults:
        raise Untrusted("it cannot be read") from None
    if document.tag != f"{{{PROTOCOL}}}Response":
        raise Untrusted("it is no answer")
    return Answer(raw, document.get("InResponseTo") or "")


class _Nobody:
    """Settings of nobody: with no key of ours, what is encrypted cannot be read."""

    def get_sp_key(self) -> None:
        return None

    def is_debug_active(self) -> bool:
        return False


def believe(answer: Answer, ours: Ourselves, provider: Provider) -> Person:
    """Whom an answer speaks of; raises ``Untrusted`` or ``Declined``."""
    kit = toolkit()
    try:
        response = kit.response(_settings(kit, ours, provider), answer.raw)
        _check_status(response.document)
        _check_signature(response.document)
        response.is_valid(_asked(ours), answer.request, raise_exceptions=True)
        assertion = _only(response.document, "/samlp:Response/saml:Assertion")
        _check(assertion, response.document, ours, provider, answer.request)
        return _person(assertion)
    except kit.faults as error:
        raise Untrusted(f"it is not valid: {str(error)[:200]}") from None


def _settings(kit: Toolkit, ours: Ourselves, provider: Provider) -> Any:
    return kit.settings(
        {
            "strict": True,
            "sp": {
                "entityId": ours.entity,
                "assertionConsumerService": {"url": ours.consumer, "binding": POST},
            },
            "idp": {
                "entityId": provider.issuer,
                "singleSignOnService": {"url": provider.sso_url},
                "x509certMulti": {"signing": list(provider.certificates)},
            },
            "security": {
                "wantAssertionsSigned": True,
                "wantAttributeStatement": False,
                "rejectDeprecatedAlgorithm": True,
                "allowRepeatAttributeName": True,
                "allowSingleLabelDomains": True,
            },
        }
    )


def _asked(ours: Ourselves) -> dict[str, str]:
    """The request as the toolkit wants it: to where answers go, whatever was typed."""
    url = urlsplit(ours.consumer)
    secure = "on" if url.scheme == "https" else "off"
    return {"https": secure, "http_host": url.netloc, "script_name": url.path}


def _check_status(document: Any) -> None:
    codes = [
        it.get("Value") for it in _all(document, "/samlp:Response/samlp:Status//*")
    ]
    codes = [it for it in codes if it]
    if codes[:1] != [SUCCESS]:
        raise Declined(codes[-1].rpartition(":")[2] if codes else "no status")


def _check_signature(document: Any) -> None:
    """What is signed is the assertion as a whole, in a way that is allowed.

    Ids are unique, so that nothing else can be meant by the signature's reference.
    """
    signed = _only(document, "/samlp:Response/saml:Assertion")
    ids = list(document.xpath("//@ID | //@Id | //@id | //@xml:id"))
    if len(ids) != len(set(ids)):
        raise Untrusted("it uses an id twice")
    for signature in _all(document, "//ds:Signature"):
        reference = _only(signature, "ds:SignedInfo/ds:Reference")
        parent = signature.getparent()
        if reference.get("URI") != f"#{parent.get('ID')}":
            raise Untrusted("it is signed for something else")
        _among(signature, "ds:SignedInfo/ds:SignatureMethod", SIGNATURES)
        _among(signature, "ds:SignedInfo/ds:CanonicalizationMethod", {EXCLUSIVE})
        _among(reference, "ds:DigestMethod", DIGESTS)
        _among(reference, "ds:Transforms/ds:Transform", TRANSFORMS)
    _only(signed, "ds:Signature")


def _among(where: Any, path: str, allowed: frozenset[str] | set[str]) -> None:
    found = {it.get("Algorithm") for it in _all(where, path)}
    if not found or not found <= allowed:
        raise Untrusted("it is signed in a way that is not allowed")


def _check(
    assertion: Any, document: Any, ours: Ourselves, provider: Provider, request: str
) -> None:
    at = now()
    if _text(_only(assertion, "saml:Issuer")) != provider.issuer:
        raise Untrusted("it is by another issuer")
    if document.get("Destination") not in (None, ours.consumer):
        raise Untrusted("it was sent to somebody else")
    conditions = _only(assertion, "saml:Conditions")
    _check_times(conditions, at)
    circles = _all(conditions, "saml:AudienceRestriction")
    if not circles:
        raise Untrusted("it does not say for whom it is")
    for circle in circles:
        if ours.entity not in {_text(it) for it in _all(circle, "saml:Audience")}:
            raise Untrusted("it is for somebody else")
    path = "saml:Subject/saml:SubjectConfirmation"
    bearers = [it for it in _all(assertion, path) if it.get("Method") == BEARER]
    if not any(_confirms(it, ours, request, at) for it in bearers):
        raise Untrusted("it belongs to another sign-in")


def _confirms(bearer: Any, ours: Ourselves, request: str, at: datetime) -> bool:
    """Whether its bearer may come here with it, for this request, by now."""
    found = _all(bearer, "saml:SubjectConfirmationData")
    if len(found) != 1 or found[0].get("NotOnOrAfter") is None:
        return False
    data = found[0]
    if data.get("Recipient") != ours.consumer or data.get("InResponseTo") != request:
        return False
    _check_times(data, at)
    return True


def _check_times(element: Any, at: datetime) -> None:
    until, since = element.get("NotOnOrAfter"), element.get("NotBefore")
    if until is not None and _time(until) + LEEWAY <= at:
        raise Untrusted("it is too old")
    if since is not None and _time(since) - LEEWAY > at:
        raise Untrusted("it is of the future")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise Untrusted("its times are of no zone")
    return found


def _person(assertion: Any) -> Person:
    name = _only(assertion, "saml:Subject/saml:NameID")
    subject, kind = _text(name), name.get("Format", "")
    if kind == TRANSIENT:
        raise Untrusted("its subject is another one each time")
    if not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Untrusted("its subject cannot be kept")
    said = dict(_attributes(assertion))
    email = next((said[it] for it in EMAILS if it in said), None)
    if email is None and kind == EMAIL:
        email = subject
    called = next((said[it] for it in NAMES if it in said), None)
    return Person(subject, email, called)


def _attributes(assertion: Any) -> Iterator[tuple[str, str]]:
    """Those with one value; of whom two addresses are said, none is believed."""
    for it in _all(assertion, "saml:AttributeStatement/saml:Attribute"):
        values = _all(it, "saml:AttributeValue")
        if len(values) == 1 and (text := _text(values[0])):
            yield it.get("Name"), text


def _all(where: Any, path: str) -> list[Any]:
    return list(where.xpath(path, namespaces=SPACES))


def _only(where: Any, path: str) -> Any:
    found = _all(where, path)
    if len(found) != 1:
        raise Untrusted(f"it has {len(found)} of {path.rpartition(':')[2]}")
    return found[0]


def _text(element: Any) -> str:
    """All of its text, whatever stands between."""
    return "".join(element.itertext()).strip()
