"""Acting: what an app's functions do with a resource as a whole, or tell of a row."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.database.model import TenantRow
from insula.kernel.resource.declaration import Action, Resource
from insula.kernel.resource.scoping import Scoping
from insula.kernel.resource.unit import WorkContext, values_of
from insula.kernel.resource.writers import Writers


class Acts:
    """Runs the functions of one resource that take no locked row."""

    def __init__(
        self,
        resource: Resource[Any],
        writers: Writers,
        scoping: Scoping,
        changed: Callable[[UUID], None],
    ) -> None:
        self._resource, self._writers = resource, writers
        self._scoping, self._changed = scoping, changed

    async def common(self, action: Action, ctx: Context, call: Call) -> Reply:
        """Run what is done to no row in particular; it commits as a whole.

        A row that it answers with is one that the caller may read.
        """
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            answer = await action.run(work, call.body)
            await work.flush()
            scope = self._scoping.of(ctx.actor, "read", action.permission)
            if scope is not None and isinstance(answer, self._resource.model):
                await work.lock_within(self._resource.model, answer.id, scope)
        self._changed(ctx.tenant.id)
        return answered(answer, ctx, self._writers)

    async def tell(self, question: Action, ctx: Context, key: UUID) -> Reply:
        """Answer a question about a row, which nothing is written for."""
        async with ctx.session.transaction() as transaction:
            work = WorkContext(ctx, transaction, self._writers)
            scope = self._scoping.of(ctx.actor, "read")
            row = await work.lock_within(self._resource.model, key, scope)
            answer = await question.run(work, row)
        return answered(answer, ctx, self._writers)


def answered(answer: object, ctx: Context, writers: Writers) -> Reply:
    """What a function returned as the API tells it: a row, something else, nothing."""
    if isinstance(answer, BaseModel):
        return Reply(answer.model_dump_json().encode())
    if not isinstance(answer, TenantRow):
        return Reply()
    writer = writers[type(answer)]
    version = getattr(answer, "version", None)
    return Reply(
        writer.lens(ctx.actor).encode(values_of(answer, writer)),
        etag=None if version is None else f'"{version}"',
    )
