"""Originators: on whose behalf a job runs, with the rights of this moment.

Who asked through a key, a token or a program has what that one has, and nothing once it
is gone: a job is no way around the scopes of a credential.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind, bounded
from insula.kernel.database.session import Session
from insula.kernel.foundation.errors import Denied
from insula.kernel.services.jobs.attempt import Job
from insula.kernel.tenancy.tenant import Tenant

FindUser = Callable[[Tenant, UUID], Awaitable[Actor | None]]
Acting = Callable[[Session, Tenant, UUID, UUID], Awaitable[Actor | None]]
"""Who acts with the credential of an id, of the actor of another; None if it is gone."""


class OriginatorGone(Denied):
    """Whoever asked for this job is disabled or gone."""

    code = "JOB_ORIGINATOR_GONE"


class CredentialGone(Denied):
    """The key, token or program that asked for this job is revoked, disabled or over."""

    code = "JOB_CREDENTIAL_GONE"


@dataclass(frozen=True, slots=True)
class Originators:
    """Finds the actors of jobs; ``credentials`` are known by their kind and prefix."""

    user: FindUser
    credentials: Mapping[tuple[ActorKind, str], Acting]

    async def find(self, session: Session, tenant: Tenant, job: Job) -> Actor:
        """The actor; raises ``OriginatorGone`` and ``CredentialGone``."""
        kind, actor_id = ActorKind(job.actor_kind), job.actor_id
        if kind is ActorKind.system:
            return the_system(tenant)
        if actor_id is None:
            return Actor(kind, None, tenant=tenant.id)
        if job.credential is not None:
            return await self._bearer(session, tenant, job, actor_id)
        if kind is not ActorKind.user:
            return Actor(kind, actor_id, tenant=tenant.id)
        user = await self.user(tenant, actor_id)
        if user is None:
            raise OriginatorGone
        return user

    async def _bearer(
        self, session: Session, tenant: Tenant, job: Job, actor_id: UUID
    ) -> Actor:
        kind, (prefix, _, found) = (
            ActorKind(job.actor_kind),
            str(job.credential).partition(":"),
        )
        acting = self.credentials.get((kind, prefix))
        if acting is None:  # one that is good for nothing but its own door
            return Actor(kind, actor_id, tenant=tenant.id, via=job.credential)
        actor = await acting(session, tenant, UUID(found), actor_id)
        if actor is None:
            raise CredentialGone
        return actor if job.scopes is None else bounded(actor, job.scopes.split())


def the_system(tenant: Tenant) -> Actor:
    """The platform itself, in a tenant."""
    return Actor(ActorKind.system, None, tenant=tenant.id, grants=("*",))
