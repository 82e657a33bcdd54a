"""The directory: which tenant a host or an id means, kept close and never stale."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from insula.kernel.database.home import Home, Isolation, Login
from insula.kernel.database.pool import Record
from insula.kernel.foundation.currencies import CODES, USUAL
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.models import InstallationStatus, State, SubscriptionStatus
from insula.kernel.tenancy.policy import policy_of
from insula.kernel.tenancy.signals import TenantNotFound
from insula.kernel.tenancy.tenant import Tenant

FRESH = 300.0
"""Seconds for which an entry is good while notices arrive."""
FRESH_ALONE = 1.0
"""Seconds for which an entry is good while none can arrive."""
UNKNOWN = 2.0
"""Seconds for which a name that leads nowhere is remembered."""
MOST = 20_000

TENANT = """
SELECT t.id, t.slug, t.name, t.state, h.id AS home_id, h.isolation, h.database,
       h.schema, d.domain, s.status AS subscription, s.limits, s.features,
       t.settings->>'timezone' AS zone,
       t.settings->>'currency' AS currency, t.security,
       (SELECT COALESCE(jsonb_object_agg(i.app_name, i.status), '{}')
          FROM control.app_installations i WHERE i.tenant_id = t.id) AS apps
  FROM control.tenants t
  JOIN control.homes h ON h.id = t.home_id
  LEFT JOIN control.domains d ON d.tenant_id = t.id AND d.is_primary
  LEFT JOIN LATERAL (SELECT b.status, p.limits, p.features FROM control.subscriptions b
                       JOIN control.plans p ON p.id = b.plan_id
                      WHERE b.tenant_id = t.id
                      ORDER BY b.created_at DESC LIMIT 1) s ON true
 WHERE t.state NOT IN ('provisioning', 'failed', 'deleting', 'deleted') AND """
BY_ID = TENANT + "t.id = $1"
BY_SLUG = TENANT + "t.slug = $1"
VERIFIED = "(SELECT tenant_id FROM control.domains WHERE domain = $1 AND is_verified)"
BY_DOMAIN = f"{TENANT}t.id = {VERIFIED}"


class Directory:
    """Finds tenants by host and by id, from a bounded cache where it can.

    ``connected`` tells whether notices of changes arrive; ``locate`` gives the login
    with which a home is reached; ``base`` are the apps that every tenant has.
    """

    def __init__(
        self,
        control: Control,
        base_domain: str,
        locate: Callable[[Isolation, str], Login],
        connected: Callable[[], bool],
        base: Iterable[str] = (),
    ) -> None:
        self._control, self._locate, self._connected = control, locate, connected
        self._base = dict.fromkeys(base, InstallationStatus.active.value)
        self._suffix = f".{base_domain}"
        self._found: OrderedDict[object, tuple[float, Tenant | None]] = OrderedDict()
        self._names: dict[UUID, set[object]] = {}
        self._notices = 0

    async def at_host(self, host: str) -> Tenant:
        """The tenant whose host this is; raises ``TenantNotFound``."""
        found = self._cached(host)
        if found is None:
            if host.endswith(self._suffix):
                slug = host.removesuffix(self._suffix).removeprefix("tenant-")
                found = await self._load(host, BY_SLUG, slug)
            else:
                found = await self._load(host, BY_DOMAIN, host)
        return found

    async def with_id(self, tenant_id: UUID) -> Tenant:
        """The tenant of that id; raises ``TenantNotFound``."""
        found = self._cached(tenant_id)
        return found or await self._load(tenant_id, BY_ID, tenant_id)

    def _cached(self, name: object) -> Tenant | None:
        entry = self._found.get(name)
        if entry is None:
            return None
        loaded, tenant = entry
        age = time.monotonic() - loaded
        if age > (FRESH if self._connected() else FRESH_ALONE):
            return None
        if tenant is None:
            if age > UNKNOWN:
                return None
            raise TenantNotFound
        return tenant

    async def _load(self, name: object, query: str, value: object) -> Tenant:
        asked, notices = time.monotonic(), self._notices
        rows = await self._control.fetch(query, value)
        tenant = self._tenant(rows[0]) if rows else None
        if notices == self._notices:
            self._keep(name, asked, tenant)
        if tenant is None:
            raise TenantNotFound
        return tenant

    def _keep(self, name: object, asked: float, tenant: Tenant | None) -> None:
        self._found[name] = asked, tenant
        self._found.move_to_end(name)
        if tenant is not None:
            self._names.setdefault(tenant.id, set()).add(name)
        if len(self._found) > MOST:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        name, (_, tenant) = self._found.popitem(last=False)
        if tenant is not None and (names := self._names.get(tenant.id)):
            names.discard(name)
            if not names:
                del self._names[tenant.id]

    def _tenant(self, row: Record) -> Tenant:
        isolation = Isolation(row["isolation"])
        login = self._locate(isolation, row["database"])
        status = row["subscription"]
        return Tenant(
            id=row["id"],
            slug=row["slug"],
            name=row["name"],
            state=State(row["state"]),
            domain=row["domain"] or row["slug"],
            home=Home(row["home_id"], isolation, row["schema"], login),
            subscription=None if status is None else SubscriptionStatus(status),
            apps={**msgspec.json.decode(row["apps"]), **self._base},
            limits={} if row["limits"] is None else msgspec.json.decode(row["limits"]),
            features=_decoded(row["features"]),
            zone=row["zone"],
            currency=_currency(row["currency"]),
            policy=policy_of(row),
        )

    def heard(self, topic: str | None) -> None:
        """Forget what a notice is about; ``None`` means anything may have changed.

        A look-up that is under way meanwhile is answered but not kept.
        """
        self._notices += 1
        if topic is None:
            self._found.clear()
            self._names.clear()
            return
        kind, _, text = topic.partition(":")
        tenant_id = parse_uuid(text)
        if kind != "tenant" or tenant_id is None:
            return
        for name in self._names.pop(tenant_id, ()):
            self._found.pop(name, None)
        unknown = [name for name, (_, tenant) in self._found.items() if tenant is None]
        for name in unknown:
            del self._found[name]


def _decoded(text: str | None) -> Mapping[str, Any] | None:
    return None if text is None else msgspec.json.decode(text, type=dict[str, Any])


def _currency(code: str | None) -> str:
    """The currency in which a tenant counts; one that nobody knows is as none."""
    return code if code in CODES else USUAL
