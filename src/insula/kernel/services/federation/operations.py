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
from insula.kernel.services.federation.signing_in import CALLBACK, ProviderSignIn

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


def managing_operations(own: Managing) -> tuple[Operation, ...]:
    """Setting up providers and proving domains, for those who lately proved who they are."""
    shown: dict[str, Any] = {"answer": own.providers.row_schema}
    domain: dict[str, Any] = {"answer": own.domains.row_schema}
    one, named = f"{PROVIDERS}/{{id}}", f"{DOMAINS}/{{id}}"
    return (
        _managed("identity_providers.create", "POST", PROVIDERS, own.create, status=201,
                 body=own.new_provider(), errors=(Invalid, NotYoursToGive), **shown),
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
    summary = (run.__doc__ or name).split("\n")[0].rstrip(".")
    return Operation(
        name=name, method=method, path=path, run=run, summary=summary, **more
    )


VISITOR: Mapping[str, Any] = {"audience": Audience.visitor}


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def _offers() -> Mapping[str, Any]:
    return {"type": "array", "items": _schema(Offer)()}
