"""A SAML provider of the outside world, as honest as a test wants it."""

import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

etree: Any = pytest.importorskip("lxml.etree", reason="install insula[saml]")
xmlsec: Any = pytest.importorskip("xmlsec", reason="install insula[saml]")

ENTITY = "https://idp.example/saml?idpid=C01"
PLACE = "https://idp.example/saml/sso?tenant=a&b=c"
P, A = (f"urn:oasis:names:tc:SAML:2.0:{it}" for it in ("protocol", "assertion"))
DS = "http://www.w3.org/2000/09/xmldsig#"
Bend = Callable[[Any], None]


@dataclass(frozen=True)
class Pair:
    """A private key, and the certificate that goes with it."""

    key: bytes
    certificate: str


@cache
def pair(name: str = "idp", bits: int = 2048) -> Pair:
    """The keys of somebody, made once."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    called = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    made = datetime(2026, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(made)
        .not_valid_after(made + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return Pair(private, certificate.public_bytes(Encoding.PEM).decode())


def moment(ahead: timedelta = timedelta()) -> str:  # it does not change
    """A time from now, as the XML has it."""
    return (datetime.now(UTC) + ahead).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class SamlIdp:
    """Answers requests; what is set here goes into the answer."""

    keys: Pair = field(default_factory=pair)
    entity: str = ENTITY
    subject: str = "subject-1"
    format: str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
    attributes: dict[str, str] = field(default_factory=dict)
    status: str = "Success"
    request: Any = None

    def hear(self, url: str) -> None:
        """A browser comes with a request."""
        assert url.startswith(PLACE)
        packed = b64decode(parse_qs(urlsplit(url).query)["SAMLRequest"][0])
        self.request = etree.fromstring(zlib.decompress(packed, wbits=-15))

    @property
    def consumer(self) -> str:
        """Where the answer is to go."""
        return str(self.request.get("AssertionConsumerServiceURL"))

    @property
    def audience(self) -> str:
        """Who asks."""
        return str(self.request.findtext(f"{{{A}}}Issuer"))

    def response(self, bend: Bend | None = None) -> Any:
        """An answer that is not signed yet."""
        said = "".join(
            f'<saml:Attribute Name="{name}"><saml:AttributeValue>{value}'
            f"</saml:AttributeValue></saml:Attribute>"
            for name, value in self.attributes.items()
        )
        asked, soon = self.request.get("ID"), moment(timedelta(minutes=5))
        text = f"""<samlp:Response xmlns:samlp="{P}" xmlns:saml="{A}" ID="_r{uuid4().hex}"
 Version="2.0" IssueInstant="{moment()}" Destination="{self.consumer}"
 InResponseTo="{asked}"><saml:Issuer>{self.entity}</saml:Issuer>
<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:{self.status}"/>
</samlp:Status><saml:Assertion ID="_a{uuid4().hex}" Version="2.0"
 IssueInstant="{moment()}"><saml:Issuer>{self.entity}</saml:Issuer><saml:Subject>
<saml:NameID Format="{self.format}">{self.subject}</saml:NameID>
<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
<saml:SubjectConfirmationData NotOnOrAfter="{soon}" Recipient="{self.consumer}"
 InResponseTo="{asked}"/></saml:SubjectConfirmation></saml:Subject>
<saml:Conditions NotBefore="{moment(timedelta(seconds=-30))}" NotOnOrAfter="{soon}">
<saml:AudienceRestriction><saml:Audience>{self.audience}</saml:Audience>
</saml:AudienceRestriction></saml:Conditions>
<saml:AuthnStatement AuthnInstant="{moment()}"><saml:AuthnContext>
<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:Password
</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
<saml:AttributeStatement>{said}</saml:AttributeStatement></saml:Assertion>
</samlp:Response>""".replace("<saml:AttributeStatement></saml:AttributeStatement>", "")
        root = etree.fromstring(text)
        if bend is not None:
            bend(root)
        return root

    def sign(
        self, element: Any, method: Any = None, digest: Any = None, key: Any = None
    ) -> None:
        """Sign an element as a whole, within itself."""
        how = method or xmlsec.Transform.RSA_SHA256
        node = xmlsec.template.create(element, xmlsec.Transform.EXCL_C14N, how, ns="ds")
        element.insert(1, node)
        reference = xmlsec.template.add_reference(
            node, digest or xmlsec.Transform.SHA256, uri=f"#{element.get('ID')}"
        )
        xmlsec.template.add_transform(reference, xmlsec.Transform.ENVELOPED)
        xmlsec.template.add_transform(reference, xmlsec.Transform.EXCL_C14N)
        xmlsec.tree.add_ids(element, ["ID"])
        context = xmlsec.SignatureContext()
        context.key = key or xmlsec.Key.from_memory(self.keys.key, xmlsec.KeyFormat.PEM)
        context.sign(node)

    def answer(self, bend: Bend | None = None) -> Any:
        """A signed answer; ``bend`` is what was wrong with it before that."""
        root = self.response(bend)
        self.sign(assertion(root))
        return root


def assertion(root: Any) -> Any:
    """The first assertion."""
    return root.find(f"{{{A}}}Assertion")


def packed(answer: Any) -> str:
    """An answer as a browser sends it on."""
    raw = answer if isinstance(answer, bytes) else etree.tostring(answer)
    return b64encode(raw).decode()
