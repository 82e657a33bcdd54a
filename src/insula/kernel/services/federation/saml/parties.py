"""Parties: who we are to a SAML provider, and what we ask of it (SAML 2.0 Profiles, 4.1)."""

import zlib
from base64 import b64encode
from dataclasses import dataclass
from urllib.parse import urlencode
from xml.sax.saxutils import escape, quoteattr

from insula.kernel.foundation.clock import now
from insula.kernel.services.federation.providers import Provider

METADATA = "/api/v1/auth/saml/metadata"
CONSUMER = "/api/v1/auth/saml/acs"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
POST = "urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"


@dataclass(frozen=True, slots=True)
class Ourselves:
    """A tenant as a service provider, at the address of its host."""

    base: str

    @property
    def entity(self) -> str:
        """Who we are: the address of our metadata."""
        return f"{self.base}{METADATA}"

    @property
    def consumer(self) -> str:
        """Where answers are to come to."""
        return f"{self.base}{CONSUMER}"

    def metadata(self) -> str:
        """What a provider is told of us."""
        return (
            f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f" entityID={quoteattr(self.entity)}>"
            f'<md:SPSSODescriptor AuthnRequestsSigned="false"'
            f' WantAssertionsSigned="true"'
            f' protocolSupportEnumeration="{PROTOCOL}">'
            f"<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
            f"</md:NameIDFormat>"
            f'<md:AssertionConsumerService index="0" isDefault="true"'
            f' Binding="{POST}" Location={quoteattr(self.consumer)}/>'
            f"</md:SPSSODescriptor></md:EntityDescriptor>"
        )


def ask(ours: Ourselves, provider: Provider, request: str) -> str:
    """The address to which a browser is sent with a request of that id."""
    said = zlib.compress(_request(ours, provider, request).encode(), wbits=-15)
    query = urlencode({"SAMLRequest": b64encode(said).decode()})
    joint = "&" if "?" in provider.sso_url else "?"
    return f"{provider.sso_url}{joint}{query}"


def _request(ours: Ourselves, provider: Provider, request: str) -> str:
    at = now().strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        f'<samlp:AuthnRequest xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}"'
        f' ID={quoteattr(request)} Version="2.0" IssueInstant="{at}"'
        f" Destination={quoteattr(provider.sso_url)}"
        f" AssertionConsumerServiceURL={quoteattr(ours.consumer)}"
        f' ProtocolBinding="{POST}">'
        f"<saml:Issuer>{escape(ours.entity)}</saml:Issuer>"
        f'<samlp:NameIDPolicy AllowCreate="true"/>'
        f"</samlp:AuthnRequest>"
    )
