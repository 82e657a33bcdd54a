"""The operations of federation, declared."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import (
    Audience,
    Call,
    Operation,
    Precondition,
    Reply,
    summary_of,
)
from insula.kernel.foundation.errors import Invalid, NotFound, Stale
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.operations import TokenPair
from insula.kernel.services.access.granting import NotYoursToGive
from insula.kernel.services.federation.commands import (
    Callback,
    Discover,
    Discovered,
    NewDomain,
    NewSecret,
    Offer,
    SamlCallback,
    Start,
    Started,
)
from insula.kernel.services.federation.linking import IdentityTaken
from insula.kernel.services.federation.managing import Managing
from insula.kernel.services.federation.problems import (
    DomainUnproved,
    ProviderUnreachable,
    SignInDeclined,
    SignInRefused,
)
from insula.kernel.services.federation.saml.parties import CONSUMER, METADATA
from insula.kernel.services.federation.saml.signing_in import XML, SamlSignIn
from insula.kernel.services.federation.saml.toolkit import SamlMissing
from insula.kernel.services.federation.signing_in import CALLBACK, ProviderSignIn
from insula.kernel.services.pages.forms import FORM

LONGEST_FORM = 512 * 1024
"""Bytes: an answer of the greatest length, as browsers send it."""
REF = "#/components/schemas/{model}"
AUTH = "/api/v1/auth"
PROVIDERS, DOMAINS = "/api/v1/identity-providers", "/api/v1/identity-domains"
MANAGE = "identity_providers.manage"
Run = Callable[[Context, Call], Awaitable[Reply]]
NOTHING: Mapping[str, Any] = {"answer": lambda: {"type": "null"}}


def sign_in_operations(own: ProviderSignIn) -> tuple[Operation, ...]:
    """Signing in with a provider, and linking one's account."""
    begin: dict[str, Any] = {
        "body": Start, "answer": _schema(Started),
        "errors": (NotFound, Invalid, ProviderUnreachable),
    }  # fmt: skip
    return (
        _auth("auth.providers", "GET", f"{AUTH}/providers", own.providers,
              writes=False, answer=_offers),
        _auth("auth.discover", "POST", f"{AUTH}/discover", own.discover,
              body=Discover, answer=_schema(Discovered), errors=(Invalid,)),
        _auth("auth.oidc_start", "POST", f"{AUTH}/oidc/{{id}}/start", own.start, **begin),
        _auth("auth.oidc_link", "POST", f"{AUTH}/oidc/{{id}}/link", own.link,
              audience=Audience.tenant, step_up=True, **begin),
        _auth("auth.oidc_landing", "GET", CALLBACK, own.land,
              writes=False, content_type="text/plain"),
        _auth("auth.oidc_callback", "POST", CALLBACK, own.finish, body=Callback,
              answer=_schema(TokenPair),
              errors=(TokenSpent, Invalid, SignInRefused, SignInDeclined,
                      ProviderUnreachable, IdentityTaken)),
    )  # fmt: skip


def saml_operations(own: SamlSignIn) -> tuple[Operation, ...]:
    """The same with a SAML provider, which answers from a page of its own."""
    begin: dict[str, Any] = {
        "body": Start, "answer": _schema(Started),
        "errors": (NotFound, Invalid, SamlMissing),
    }  # fmt: skip
    saml = f"{AUTH}/saml"
    return (
        _auth("auth.saml_metadata", "GET", METADATA, own.metadata, writes=False,
              content_type=XML),
        _auth("auth.saml_start", "POST", f"{saml}/{{id}}/start", own.start, **begin),
        _auth("auth.saml_link", "POST", f"{saml}/{{id}}/link", own.link,
              audience=Audience.tenant, step_up=True, **begin),
        _auth("auth.saml_landing", "POST", CONSUMER, own.land, raw_body=FORM,
              body_limit=LONGEST_FORM, content_type="text/plain",
              errors=(SamlMissing,)),
        _auth("auth.saml_callback", "POST", f"{saml}/callback", own.finish,
              body=SamlCallback, answer=_schema(TokenPair),
              errors=(TokenSpent, Invalid, SignInRefused, SignInDeclined,
                      IdentityTaken)),
    )  # fmt: skip


def managing_operations(own: Managing) -> tuple[Operation, ...]:
    """Setting up providers and proving domains, for those who lately proved who they are."""
    shown: dict[str, Any] = {"answer": own.providers.row_schema}
    domain: dict[str, Any] = {"answer": own.domains.row_schema}
    one, named = f"{PROVIDERS}/{{id}}", f"{DOMAINS}/{{id}}"
    return (
        _managed("identity_providers.create", "POST", PROVIDERS, own.create, status=201,
                 body=own.new_provider(), errors=(Invalid, NotYoursToGive, SamlMissing),
                 **shown),
        _managed("identity_providers.update", "PATCH", one, own.change,
                 body=own.providers.patch_body, precondition=Precondition.required,
                 errors=(NotFound, Invalid, Stale, NotYoursToGive), **shown),
        _managed("identity_providers.set_secret", "POST", f"{one}/secret",
                 own.set_secret, body=NewSecret, errors=(NotFound, Invalid), **shown),
        _managed("identity_providers.delete", "DELETE", one, own.remove,
                 errors=(NotFound, Stale), **NOTHING),
        _managed("identity_domains.create", "POST", DOMAINS, own.claim, status=201,
                 body=NewDomain, errors=(Invalid,), **domain),
        _managed("identity_domains.verify", "POST", f"{named}/verify", own.verify,
                 errors=(NotFound, DomainUnproved, ProviderUnreachable), **domain),
        _managed("identity_domains.delete", "DELETE", named, own.release,
                 errors=(NotFound, Stale), **NOTHING),
    )  # fmt: skip


def _auth(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
    return _made(name, method, path, run, **{"limit": "auth", **VISITOR, **more})


def _managed(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
    return _made(name, method, path, run, permission=MANAGE, step_up=True, **more)


def _made(name: str, method: str, path: str, run: Run, **more: Any) -> Operation:
    summary = summary_of(run)
    return Operation(
        name=name, method=method, path=path, run=run, summary=summary, **more
    )


VISITOR: Mapping[str, Any] = {"audience": Audience.visitor}


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def _offers() -> Mapping[str, Any]:
    return {"type": "array", "items": _schema(Offer)()}
