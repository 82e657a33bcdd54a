"""Asking: what a program wants from somebody, read from the address it sent them to."""

import re
from collections.abc import Mapping

from insula.kernel.access.context import Context
from insula.kernel.services.oauth.codes import Wanted
from insula.kernel.services.oauth.flows import wanted_scopes
from insula.kernel.services.oauth.known import Client, KnownClients
from insula.kernel.services.oauth.redirects import answered, registered
from insula.kernel.services.oauth.refusals import Refusal

CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
LONGEST_STATE = 2_000


class NobodyToTell(Exception):
    """No program is known that could be told: the person is, and goes nowhere."""


class Bounce(Exception):
    """The program is told what is wrong, at its own address."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def back(issuer: str, where: str, state: str | None, **said: str) -> str:
    """The program's address with our answer (RFC 6749, 4.1.2; RFC 9207)."""
    return answered(where, {**said, "state": state, "iss": issuer})


async def read_request(
    ctx: Context, clients: KnownClients, query: Mapping[str, str], issuer: str
) -> Wanted:
    """What is asked for; raises ``NobodyToTell`` or ``Bounce``.

    Nobody is sent anywhere before client and address are known to belong together.
    """
    client = await clients.find(ctx.session, query.get("client_id"))
    where, state = query.get("redirect_uri"), query.get("state")
    if client is None or where is None or "\x00" in "".join(query.values()):
        raise NobodyToTell
    if not registered(client.redirect_uris, where):
        raise NobodyToTell
    if state is not None and len(state) > LONGEST_STATE:
        raise Bounce(back(issuer, where, None, error="invalid_request"))
    try:
        scopes = _checked(client, query)
    except Refusal as refusal:
        said = {"error": refusal.error, "error_description": refusal.description}
        said = {name: value for name, value in said.items() if value}
        raise Bounce(back(issuer, where, state, **said)) from None
    return Wanted(client, where, scopes, query["code_challenge"], state)


def _checked(client: Client, query: Mapping[str, str]) -> frozenset[str]:
    if query.get("response_type") != "code":
        raise Refusal("unsupported_response_type", "The response_type is code.")
    if query.get("response_mode", "query") != "query":
        raise Refusal("invalid_request", "The response_mode is query.")
    if "request" in query or "request_uri" in query:
        raise Refusal("request_not_supported")
    if "authorization_code" not in client.flows:
        raise Refusal("unauthorized_client")
    if query.get("code_challenge_method") != "S256":
        raise Refusal("invalid_request", "PKCE is needed, with S256.")
    if not CHALLENGE.fullmatch(query.get("code_challenge", "")):
        raise Refusal("invalid_request", "The code_challenge is malformed.")
    return wanted_scopes(query.get("scope"), client)
