"""An identity provider of the outside world, as honest as a test wants it."""

import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit

import httpx2
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from insula.kernel.services.federation.flow import digest

ISSUER = "https://idp.example"
CLIENT, SECRET = "client:1", "s+cret&é"


@dataclass(slots=True)
class Idp:
    """Answers discovery, keys and codes; ``claims`` go over what is honest."""

    issuer: str = ISSUER
    key: RSAKey = field(
        default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}, auto_kid=False)
    )
    published: list[RSAKey] | None = None
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    algorithm: str = "RS256"
    userinfo: dict[str, Any] | None = None
    asked: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    codes: set[str] = field(default_factory=set)

    def client(self) -> httpx2.AsyncClient:
        """What talks to this one instead of the internet."""
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self._answer))

    def authorize(self, url: str) -> str:
        """What a person does there; answers the code."""
        assert url.startswith(f"{self.issuer}/authorize?")
        self.asked = dict(parse_qsl(urlsplit(url).query))
        code = f"code-{len(self.codes)}"
        self.codes.add(code)
        return code

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        self.requests.append(path)
        if path.endswith("/.well-known/openid-configuration"):
            return said(200, self._metadata())
        if path.endswith("/keys"):
            keys = self.published if self.published is not None else [self.key]
            public = [it.as_dict(private=False) for it in keys]
            return said(200, {"keys": public})
        if path.endswith("/userinfo"):
            assert request.headers["authorization"] == "Bearer at"
            return said(200, self.userinfo)
        assert path.endswith("/token")
        return self._token(request)

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            **(
                {"userinfo_endpoint": f"{self.issuer}/userinfo"}
                if self.userinfo
                else {}
            ),
            **self.metadata,
        }

    def _token(self, request: httpx2.Request) -> httpx2.Response:
        form = {k: v[0] for k, v in parse_qs(request.content.decode()).items()}
        given = b64decode(request.headers["authorization"].removeprefix("Basic "))
        name, _, secret = given.decode().partition(":")
        right = (
            (unquote_plus(name), unquote_plus(secret)) == (CLIENT, SECRET)
            and form["code"] in self.codes
            and digest(form["code_verifier"]) == self.asked["code_challenge"]
            and form["redirect_uri"] == self.asked["redirect_uri"]
        )
        self.codes.discard(form["code"])
        if not right:
            return said(400, {"error": "invalid_grant"})
        answer = {"id_token": self._id_token(), "access_token": "at"}
        return said(200, answer)

    def _id_token(self) -> str:
        moment = int(time.time())
        honest = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "subject-1",
            "iat": moment,
            "exp": moment + 300,
            "nonce": self.asked["nonce"],
            "email_verified": True,
            "name": "Ada Lovelace",
        }
        claims = {k: v for k, v in {**honest, **self.claims}.items() if v is not None}
        header: dict[str, Any] = {"alg": self.algorithm, "kid": self.key.kid}
        if self.algorithm == "none":
            return f"{_part(header)}.{_part(claims)}."
        key: Any = self.key
        if self.algorithm == "HS256":
            key = OctKey.import_key(SECRET.encode() * 4)
        return jwt.encode(header, claims, key, algorithms=[self.algorithm])


class Body(httpx2.AsyncByteStream):
    """A body as it comes over a wire."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """All of it."""
        yield self._content


def said(status: int, content: object) -> httpx2.Response:
    """An answer of JSON, or of bytes as they are."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return httpx2.Response(status, stream=Body(raw))


def _part(value: dict[str, Any]) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
