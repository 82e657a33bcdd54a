"""Signals: host, header and credential each name a tenant, and must name the same."""

from insula.kernel.foundation.errors import Denied, NotFound


class TenantNotFound(NotFound):
    """Tenant not found."""

    code = "TENANT_NOT_FOUND"


class TenantMismatch(Denied):
    """The host, the header and the credential name different tenants."""

    code = "TENANT_MISMATCH"
