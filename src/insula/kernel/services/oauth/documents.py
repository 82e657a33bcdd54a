"""Documents: what the protocol's endpoints answer with, for their documentation."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

REF = "#/components/schemas/{model}"
Schema = Callable[[], Mapping[str, Any]]


class OauthToken(BaseModel):
    """An access token, and what it is good for (RFC 6749, 5.1)."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


class OauthTokenState(BaseModel):
    """Whether a token is good, and for what (RFC 7662, 2.2)."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    sub: str | None = None
    jti: str | None = None
    iat: int | None = None
    exp: int | None = None
    token_type: str | None = None


class OauthRevoked(BaseModel):
    """Nothing more: the token is good no longer, if it ever was (RFC 7009, 2.2)."""


class OauthMetadata(BaseModel):
    """What an authorization server can do (RFC 8414, 2)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    revocation_endpoint: str
    introspection_endpoint: str
    jwks_uri: str
    response_types_supported: list[str]
    response_modes_supported: list[str]
    grant_types_supported: list[str]
    code_challenge_methods_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool


class JsonWebKeySet(BaseModel):
    """Public keys (RFC 7517, 5)."""

    keys: list[dict[str, Any]]


def schema_of(model: type[BaseModel]) -> Schema:
    """The JSON Schema of a document, made when asked."""
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)
