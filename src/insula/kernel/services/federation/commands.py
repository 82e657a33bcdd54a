"""What callers send and get to sign in with a provider, and to set one up."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from insula.kernel.services.federation.models import DomainName, Preset, ProviderKind

PATH = r"/(?:[^/\\\x00-\x20\x7f][^\\\x00-\x20\x7f]*)?"
"""A place on one's own host: no other host can be written this way."""
DIGEST = r"[A-Za-z0-9_-]{43}"


class Asked(BaseModel):
    """Unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Start(Asked):
    """How to begin; a client that is no browser page holds a verifier of its own."""

    return_to: Annotated[
        str,
        Field(
            max_length=500,
            pattern=rf"^{PATH}$",
            description="Where the page goes on when the person is signed in.",
        ),
    ] = "/"
    challenge: Annotated[
        str | None,
        Field(
            pattern=rf"^{DIGEST}$",
            description="S256 of a verifier that the caller keeps; without one a"
            " cookie binds the sign-in to the browser.",
        ),
    ] = None


class Started(BaseModel):
    """Where to send the person; the state comes back with them."""

    authorize_url: str
    state: str
    expires_in: int


class Callback(Asked):
    """What the provider sent the person back with."""

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: Annotated[str, Field(max_length=4000)] = ""
    error: Annotated[str | None, Field(pattern=r"^[a-z_]{1,60}$")] = None
    iss: Annotated[str | None, Field(max_length=500)] = None
    verifier: Annotated[str, Field(max_length=200)] = ""
    cookie: Annotated[
        bool, Field(description="Keep the sign-in in a cookie, not in tokens.")
    ] = False


class SamlCallback(Asked):
    """What the page was sent on with, once a SAML provider had answered."""

    state: Annotated[str, Field(min_length=1, max_length=200)]
    verifier: Annotated[str, Field(max_length=200)] = ""
    cookie: Annotated[
        bool, Field(description="Keep the sign-in in a cookie, not in tokens.")
    ] = False


class Offer(BaseModel):
    """A provider, as a page to sign in shows it."""

    id: UUID
    name: str
    kind: ProviderKind
    preset: Preset


class Discover(Asked):
    """Somebody's address, of which the domain alone is looked at."""

    email: Annotated[str, Field(min_length=3, max_length=255, pattern=r"^[^@]*@[^@]+$")]


class Discovered(BaseModel):
    """How people of a domain may sign in."""

    methods: list[str]
    providers: list[Offer]


class NewDomain(Asked):
    """A domain to be proved."""

    name: DomainName


class NewSecret(Asked):
    """The secret that the provider gave us; null for a public client."""

    client_secret: Annotated[str | None, Field(min_length=1, max_length=2000)]


class DomainShown(BaseModel):
    """A domain and where its proof is to be."""

    type: Literal["identity_domain"] = "identity_domain"
    id: UUID
    name: str
    record: str
    challenge: str
    version: int
