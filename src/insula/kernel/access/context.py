"""The context: what an operation is given to work with, bound to one tenant and actor."""

from copy import copy
from uuid import UUID

from insula.kernel.access.actor import Actor
from insula.kernel.database.session import Session
from insula.kernel.tenancy.tenant import Tenant


class Context:
    """Who asks, for which tenant, and the door to that tenant's rows.

    ``device`` is what somebody who signs in shows of having done so before.
    """

    __slots__ = ("_session", "_tenant", "actor", "client", "device", "request_id")

    def __init__(
        self,
        actor: Actor,
        *,
        tenant: Tenant | None = None,
        session: Session | None = None,
        request_id: str = "",
        client: str = "",
    ) -> None:
        self.actor, self.request_id, self.client = actor, request_id, client
        self._tenant, self._session = tenant, session
        self.device: str | None = None

    @property
    def tenant(self) -> Tenant:
        """The tenant; an operator's request has none and must not ask."""
        if self._tenant is None:
            raise NoTenant
        return self._tenant

    @property
    def session(self) -> Session:
        """The door to the tenant's rows; without a tenant there is none."""
        if self._session is None:
            raise NoTenant
        return self._session

    def within(self, session: Session) -> "Context":
        """The same, but for the session through which rows are reached."""
        other = copy(self)
        other._session = session
        return other

    def of(self, actor: Actor) -> "Context":
        """The same request, of somebody whom the walk did not know."""
        other = copy(self)
        other.actor = actor
        return other

    @property
    def origin(self) -> tuple[str, UUID | None, str, str, str | None]:
        """Actor's kind and id, request, client and via: what the journal keeps."""
        actor = self.actor
        return actor.kind, actor.id, self.request_id, self.client, actor.via


class NoTenant(RuntimeError):
    """Rows of a tenant were asked for where no tenant is: a fault of the program."""
