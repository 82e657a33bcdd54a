"""Known clients: which program it is, by its id and, if it has one, its secret."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from hmac import compare_digest
from urllib.parse import unquote_plus
from uuid import UUID

import msgspec

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call
from insula.kernel.database.pool import Record
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.identity.opaque import OpaqueTokens
from insula.kernel.services.oauth.models import ClientKind
from insula.kernel.services.oauth.refusals import Refusal
from insula.kernel.services.oauth.statements import CLIENT

SECRET = "insx"  # noqa: S105  # how one begins


@dataclass(frozen=True, slots=True)
class Client:
    """A program, as far as the protocol needs to know it."""

    id: UUID
    name: str
    kind: ClientKind
    flows: frozenset[str]
    redirect_uris: list[str]
    scopes: frozenset[str]
    secret_hash: str | None

    def itself(self, ctx: Context) -> Context:
        """The context in which the program acts for nobody but itself."""
        actor = Actor(
            ActorKind.api_key, self.id, tenant=ctx.tenant.id, via=f"oauth:{self.id}"
        )
        return acting(ctx, actor)


def acting(ctx: Context, actor: Actor, session: Session | None = None) -> Context:
    """The same request, of somebody whom the walk did not know."""
    theirs = ctx.of(actor)
    return theirs if session is None else theirs.within(session)


def names_of(text: str) -> frozenset[str]:
    """A list of names, as the database gave it."""
    return frozenset(msgspec.json.decode(text, type=list[str]))


def text_of(names: frozenset[str] | tuple[str, ...]) -> str:
    """A list of names, as the database takes it."""
    return msgspec.json.encode(sorted(names)).decode()


def _client(row: Record) -> Client:
    return Client(
        id=row["id"],
        name=row["name"],
        kind=ClientKind(row["kind"]),
        flows=names_of(row["flows"]),
        redirect_uris=msgspec.json.decode(row["redirect_uris"], type=list[str]),
        scopes=names_of(row["scopes"]),
        secret_hash=row["secret_hash"],
    )


class KnownClients:
    """Finds the clients of a tenant, and checks their secrets."""

    def __init__(self, key: bytes) -> None:
        self._secrets = OpaqueTokens(key, SECRET)

    def new_secret(self, tenant_id: UUID, client_id: UUID) -> tuple[str, str]:
        """A secret for a client, and what the row keeps of it."""
        text = self._secrets.make(tenant_id, client_id)
        return text, self._secrets.hash(text)

    async def find(self, session: Session, text: str | None) -> Client | None:
        """The client of an id, unless it is disabled."""
        client_id = None if text is None else parse_uuid(text)
        if client_id is None:
            return None
        rows = await session.fetch(CLIENT, client_id)
        return _client(rows[0]) if rows else None

    async def authenticate(
        self, session: Session, call: Call, form: Mapping[str, str]
    ) -> Client:
        """The client that asks; raises ``Refusal``.

        A confidential one proves it with its secret, in the header or in the form but
        not in both; a public one has none.
        """
        name, secret = _said(call, form)
        client = await self.find(session, name)
        if client is None or not self._proved(client, secret):
            raise Refusal("invalid_client", "Who are you?", 401)
        return client

    def _proved(self, client: Client, secret: str | None) -> bool:
        if client.kind is ClientKind.public:
            return secret is None
        if secret is None or client.secret_hash is None:
            return False
        try:
            read = self._secrets.read(secret)
        except Unauthenticated:
            return False
        return compare_digest(read.hash, client.secret_hash)


def _said(call: Call, form: Mapping[str, str]) -> tuple[str | None, str | None]:
    """Id and secret, as the request has them."""
    name, secret = form.get("client_id"), form.get("client_secret")
    header = call.headers.get(b"authorization")
    if header is None:
        return name, secret
    scheme, _, encoded = header.partition(b" ")
    if scheme.lower() != b"basic":
        raise Refusal("invalid_client", "Clients are known by Basic.", 401)
    if secret is not None:
        raise Refusal("invalid_request", "Give the secret in one place.")
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        raise Refusal("invalid_client", "The header cannot be read.", 401) from None
    said, _, secret = text.partition(":")
    if name is not None and name != unquote_plus(said):
        raise Refusal("invalid_request", "Two clients are named.")
    return unquote_plus(said), unquote_plus(secret) or None
