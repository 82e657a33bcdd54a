"""Admission: whether this actor of this tenant may ask for this now."""

from insula.kernel.access.actor import Actor
from insula.kernel.access.operation import Audience, Operation
from insula.kernel.foundation.errors import Denied, PaymentRequired, Unavailable
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


class PermissionMissing(Denied):
    """This needs the permission {permission}."""

    code = "FORBIDDEN"


PAID = (None, SubscriptionStatus.active, SubscriptionStatus.trialing)
READABLE = (State.read_only, State.moving)


def admit(operation: Operation, tenant: Tenant | None, actor: Actor) -> None:
    """Let the actor through to the operation, or raise why not."""
    if tenant is not None and tenant.state is not State.active:
        _check_state(operation, tenant)
    if tenant is not None and operation.app is not None:
        _check_plan(operation, tenant, operation.app)
    permission = operation.permission
    if permission is not None and not actor.may(permission):
        raise PermissionMissing(permission=permission)


def _check_state(operation: Operation, tenant: Tenant) -> None:
    if tenant.state in READABLE:
        if operation.writes and operation.audience is Audience.tenant:
            raise TenantReadOnly
        return
    raise TenantSuspended


def _check_plan(operation: Operation, tenant: Tenant, app: str) -> None:
    """The subscription and the app; sign-in and the like stay reachable (R18)."""
    upgrade_url = "/settings/subscription"
    status = tenant.subscription
    if status not in PAID and (
        status is not SubscriptionStatus.past_due or operation.writes
    ):
        raise SubscriptionInactive(upgrade_url=upgrade_url)
    if tenant.apps.get(app) != "active":
        raise AppNotInstalled(app=app, upgrade_url=upgrade_url)
