"""OAuth 2.0: every tenant is an authorization server of its own, on its own host."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply
from insula.kernel.foundation.clock import Clock, now
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.refresh import RefreshTokens
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.oauth.authorizing import Authorizing
from insula.kernel.services.oauth.clients import ClientOperations, oauth_clients
from insula.kernel.services.oauth.codes import Codes
from insula.kernel.services.oauth.documents import (
    JsonWebKeySet,
    OauthMetadata,
    OauthRevoked,
    OauthToken,
    OauthTokenState,
    schema_of,
)
from insula.kernel.services.oauth.ending import Ender
from insula.kernel.services.oauth.flows import Flows
from insula.kernel.services.oauth.grants import GrantOperations
from insula.kernel.services.oauth.known import KnownClients
from insula.kernel.services.oauth.looking import Looking
from insula.kernel.services.oauth.refusals import JSON, told
from insula.kernel.services.oauth.sources import ClientTokens
from insula.kernel.services.oauth.statements import PRUNE_CODES, PRUNE_TOKENS
from insula.kernel.services.oauth.visiting import issuer
from insula.kernel.services.pages.forms import FORM
from insula.kernel.services.pages.shell import HTML
from insula.kernel.services.pages.signing_in import PageSignIn
from insula.kernel.services.pages.visiting import Reception

REFRESH = "inso"
KEPT = timedelta(days=1)
"""How long what is over can still be told from what never was."""
PUBLISHED = ((b"cache-control", b"public, max-age=300"),)
METADATA = "/.well-known/oauth-authorization-server"
JWKS = "/.well-known/jwks.json"


async def tidy(work: WorkContext) -> None:
    """Forget codes and tokens that are over."""
    over = work.now - KEPT
    await work.transaction.fetch(PRUNE_CODES, over)
    await work.transaction.fetch(PRUNE_TOKENS, over)


service = App(
    name="oauth",
    title="OAuth",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(oauth_clients,),
    schedules=(Schedule("tidy", timedelta(hours=6), run=tidy),),
)


@dataclass(frozen=True)
class Oauth:
    """The authorization servers of one process."""

    key: bytes
    engine: Engine
    identity: Identity
    authenticator: Authenticator
    announce: Callable[[str], None]
    reception: Reception
    sign_in: PageSignIn
    source: ClientTokens
    clock: Clock = now

    async def metadata(self, _: Context, call: Call) -> Reply:
        """What this authorization server can do (RFC 8414)."""
        here = issuer(call)
        return told(
            {
                "issuer": here,
                "authorization_endpoint": f"{here}/oauth/authorize",
                "token_endpoint": f"{here}/oauth/token",
                "revocation_endpoint": f"{here}/oauth/revoke",
                "introspection_endpoint": f"{here}/oauth/introspect",
                "jwks_uri": f"{here}{JWKS}",
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": [
                    "authorization_code",
                    "client_credentials",
                    "refresh_token",
                ],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": [*SECRETS, "none"],
                "revocation_endpoint_auth_methods_supported": [*SECRETS, "none"],
                "introspection_endpoint_auth_methods_supported": SECRETS,
                "authorization_response_iss_parameter_supported": True,
            },
            headers=PUBLISHED,
        )

    async def jwks(self, _: Context, __: Call) -> Reply:
        """The public keys with which access tokens are verified (RFC 7517)."""
        keys = self.authenticator.tokens.ring.published
        return told({"keys": keys}, headers=PUBLISHED)

    def operations(self) -> tuple[Operation, ...]:
        """All of them: the protocol's, the administrators', and everybody's own."""
        known = KnownClients(self.key)
        refresh = RefreshTokens(self.key, "oauth", REFRESH)
        codes = Codes(self.key, self.identity, refresh, clock=self.clock)
        ender = Ender(self.announce, self.clock)
        own = self.source.tokens
        flows = Flows(known, codes, self.identity, refresh, own, self.clock)
        tokens = self.authenticator.tokens
        looking = Looking(known, self.identity, tokens, refresh, own, self.clock)
        authorizing = Authorizing(known, codes, self.reception, self.sign_in)
        return (
            *ClientOperations(self.engine, known, ender, self.clock).operations(),
            *GrantOperations(ender, self.clock).operations(),
            *_protocol(self, flows, looking, authorizing),
        )


SECRETS = ["client_secret_basic", "client_secret_post"]


def _protocol(
    oauth: Oauth, flows: Flows, looking: Looking, authorizing: Authorizing
) -> tuple[Operation, ...]:
    page: Any = {"path": "/oauth/authorize", "content_type": HTML}
    form: Any = {"method": "POST", "raw_body": FORM, "audience": Audience.visitor}
    read: Any = {"method": "GET", "audience": Audience.visitor, "limit": "auth"}
    said: Any = {"content_type": JSON, "limit": "auth"}
    return (
        Operation(
            name="oauth.authorize", run=authorizing.show, **read, **page,
            summary="Ask a person whether a program may act for them",
        ),
        Operation(
            name="oauth.approve", run=authorizing.act, **form, **page, limit="login",
            summary="Take what the person answered",
        ),
        Operation(
            name="oauth.token", path="/oauth/token", run=flows.token, **form, **said,
            answer=schema_of(OauthToken),
            summary="Exchange a code, a refresh token or a secret for a token",
        ),
        Operation(
            name="oauth.introspect", path="/oauth/introspect", **form, **said,
            run=looking.introspect, summary="What a token of mine is good for",
            answer=schema_of(OauthTokenState),
        ),
        Operation(
            name="oauth.revoke", path="/oauth/revoke", run=looking.revoke,
            **form, **said, summary="See that a token of mine works no more",
            answer=schema_of(OauthRevoked),
        ),
        Operation(
            name="oauth.metadata", path=METADATA, run=oauth.metadata, writes=False,
            content_type=JSON, summary="What this authorization server can do", **read,
            answer=schema_of(OauthMetadata),
        ),
        Operation(
            name="oauth.jwks", path=JWKS, run=oauth.jwks, writes=False,
            content_type=JSON, summary="The keys that verify access tokens", **read,
            answer=schema_of(JsonWebKeySet),
        ),
    )  # fmt: skip
