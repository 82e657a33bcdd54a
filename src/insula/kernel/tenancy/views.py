"""The operator's view of tenants: everything about one that is not its rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from insula.kernel.database.home import Isolation
from insula.kernel.database.pool import Record
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.tenancy.control import Control
from insula.kernel.tenancy.models import PUBLIC_STATUS, State
from insula.kernel.tenancy.signals import TenantNotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantView:
    """A tenant as operators see it; ``reason`` says why it is not active."""

    id: UUID
    slug: str
    name: str
    status: str
    state: State
    isolation: Isolation
    database: str | None
    schema: str | None
    domain: str | None
    domains: tuple[str, ...]
    plan: str | None
    subscription: str | None
    apps: Mapping[str, str]
    reason: str | None
    created_at: datetime
    updated_at: datetime
    trial_ends_at: datetime | None
    deleted_at: datetime | None
    purge_after: datetime | None


VIEW = """
SELECT t.id, t.slug, t.name, t.state, t.isolation, t.created_at, t.updated_at,
       t.trial_ends_at, t.deleted_at, t.purge_after,
       h.database, h.schema, p.slug AS plan, s.status AS subscription,
       COALESCE(g.error, t.metadata->'suspension'->>'reason') AS reason,
       ARRAY(SELECT d.domain FROM control.domains d WHERE d.tenant_id = t.id
              ORDER BY d.is_primary DESC, d.domain) AS domains,
       (SELECT d.domain FROM control.domains d
         WHERE d.tenant_id = t.id AND d.is_primary) AS domain,
       (SELECT COALESCE(jsonb_object_agg(i.app_name, i.status), '{}')
          FROM control.app_installations i WHERE i.tenant_id = t.id) AS apps
  FROM control.tenants t
  LEFT JOIN control.homes h ON h.id = t.home_id
  LEFT JOIN control.plans p ON p.id = t.plan_id
  LEFT JOIN LATERAL (SELECT status FROM control.subscriptions
                      WHERE tenant_id = t.id ORDER BY created_at DESC LIMIT 1) s ON true
  LEFT JOIN LATERAL (SELECT error FROM control.sagas WHERE tenant_id = t.id
                      AND finished_at IS NULL ORDER BY id DESC LIMIT 1) g ON true
"""
BY_ID = f"{VIEW} WHERE t.id = $1"
BY_SLUG = f"{VIEW} WHERE t.slug = $1"
PAGE = f"""{VIEW}
 WHERE t.slug > $1
   AND ($2 = '' OR position(lower($2) IN lower(t.slug || ' ' || t.name)) > 0)
   AND ($3::text[] IS NULL OR t.state = ANY($3))
 ORDER BY t.slug LIMIT $4
"""


async def find_tenant(control: Control, key: UUID | str) -> TenantView:
    """The tenant of an id, or of a slug; raises ``TenantNotFound``."""
    tenant_id = key if isinstance(key, UUID) else parse_uuid(key)
    if tenant_id is not None:
        rows = await control.fetch(BY_ID, tenant_id)
    else:
        rows = await control.fetch(BY_SLUG, key)
    if not rows:
        raise TenantNotFound
    return _view(rows[0])


async def list_tenants(
    control: Control,
    *,
    search: str = "",
    status: str | None = None,
    after: str = "",
    limit: int = 100,
) -> Sequence[TenantView]:
    """Tenants in the order of their slugs, from the first one after ``after``."""
    states = [it for it, public in PUBLIC_STATUS.items() if public == status]
    rows = await control.fetch(PAGE, after, search, states if status else None, limit)
    return [_view(row) for row in rows]


def _view(row: Record) -> TenantView:
    fields = dict(row)
    state = State(fields.pop("state"))
    return TenantView(
        state=state,
        status=PUBLIC_STATUS[state],
        isolation=Isolation(fields.pop("isolation")),
        domains=tuple(fields.pop("domains")),
        apps=msgspec.json.decode(fields.pop("apps")),
        **fields,
    )
