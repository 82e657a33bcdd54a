"""Admission: whether this actor of this tenant may ask for this now."""

from time import time

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.features import has_feature
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.foundation.errors import Denied, PaymentRequired, Unavailable
from insula.kernel.identity.factors.strength import strong
from insula.kernel.tenancy.models import State, SubscriptionStatus
from insula.kernel.tenancy.tenant import Tenant


class TenantSuspended(Denied):
    """This organisation is suspended: ask whoever runs the platform."""

    code = "TENANT_SUSPENDED"


class TenantReadOnly(Unavailable):
    """This organisation can be read but not changed at the moment."""

    code = "TENANT_READ_ONLY"


class SubscriptionInactive(PaymentRequired):
    """The subscription has ended: renew it at {upgrade_url}."""

    code = "SUBSCRIPTION_INACTIVE"


class AppNotInstalled(PaymentRequired):
    """[Upgrade to access] The app {app} is not part of this subscription: {upgrade_url}."""

    code = "APP_NOT_INSTALLED"


class FeatureMissing(PaymentRequired):
    """[Upgrade to access] The feature {feature} is not part of this plan: {upgrade_url}."""

    code = "FEATURE_NOT_AVAILABLE"


class PermissionMissing(Denied):
    """This needs the permission {permission}."""

    code = "FORBIDDEN"


class StepUpRequired(Denied):
    """Prove once more that it is you: POST /api/v1/auth/step-up, then try again."""

    code = "STEP_UP_REQUIRED"


class SecondFactorMissing(Denied):
    """Two factors are asked for here: prove yours by POST /api/v1/auth/step-up, or add one."""

    code = "MFA_STEP_UP_REQUIRED"


PROOF_LASTS = 600.0
"""Seconds for which somebody need not prove again that they are there."""
UPGRADE_URL = "/settings/subscription"
PAID = (None, SubscriptionStatus.active, SubscriptionStatus.trialing)
MEMBERS = (Audience.tenant, Audience.portal)
READABLE = (State.read_only, State.moving)


def admit(operation: Operation, tenant: Tenant | None, actor: Actor) -> None:
    """Let the actor through to the operation, or raise why not."""
    if tenant is not None and tenant.state is not State.active:
        _check_state(operation, tenant)
    if tenant is not None and not operation.factorless:
        _check_factors(tenant, actor)
    if tenant is not None and operation.app is not None:
        _check_plan(operation, tenant, operation.app)
    permission = operation.permission
    if permission is not None and not _permitted(operation, permission, actor):
        raise PermissionMissing(permission=permission)
    if tenant is not None and operation.feature is not None:
        _check_feature(tenant, operation.feature)
    if operation.step_up and not has_proved(actor):
        raise StepUpRequired


def _permitted(operation: Operation, permission: str, actor: Actor) -> bool:
    """Whether the actor has it for all rows, or for some where that will do."""
    if actor.may(permission):
        return True
    return operation.scoped and actor.reach(permission) is not None


def has_proved(actor: Actor) -> bool:
    """Whether it is somebody themselves, who proved so lately; or the system."""
    if actor.kind is ActorKind.system:
        return True
    if actor.via is not None or actor.proved is None:
        return False
    return time() - actor.proved <= PROOF_LASTS


def _check_state(operation: Operation, tenant: Tenant) -> None:
    """Where all can be read, people come in and go; while it moves, nothing is written."""
    if tenant.state not in READABLE:
        raise TenantSuspended
    if not operation.writes:
        return
    allowed = operation.when_read_only
    if allowed is None:
        allowed = operation.audience not in MEMBERS or operation.factorless
    if tenant.state is State.moving or not allowed:
        raise TenantReadOnly


def _check_factors(tenant: Tenant, actor: Actor) -> None:
    """A session from before two factors were asked for is good for adding one."""
    if tenant.policy.mfa != "required" or actor.kind is not ActorKind.user:
        return
    if actor.session is not None and not strong(actor.factors):
        raise SecondFactorMissing


def _check_feature(tenant: Tenant, feature: str) -> None:
    if not has_feature(feature, tenant.features, tenant.limits):
        raise FeatureMissing(feature=feature, upgrade_url=UPGRADE_URL)


def _check_plan(operation: Operation, tenant: Tenant, app: str) -> None:
    """The subscription and the app; sign-in and the like stay reachable (R18)."""
    status = tenant.subscription
    if status not in PAID and (
        status is not SubscriptionStatus.past_due or operation.writes
    ):
        raise SubscriptionInactive(upgrade_url=UPGRADE_URL)
    if tenant.apps.get(app) != "active":
        raise AppNotInstalled(app=app, upgrade_url=UPGRADE_URL)
