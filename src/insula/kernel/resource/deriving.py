"""Deriving: the one place where a resource's operations come from."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from insula.kernel.access.context import Context
from insula.kernel.access.features import feature_of
from insula.kernel.access.operation import Call, Operation, Precondition, Reply
from insula.kernel.foundation.errors import Conflict, Invalid, NotFound, Stale
from insula.kernel.resource.api import ResourceApi, row_id
from insula.kernel.resource.children import Family
from insula.kernel.resource.declaration import Action
from insula.kernel.resource.listing import BadQuery


def derive(api: ResourceApi, family: Family | None = None) -> Iterator[Operation]:
    """Every operation that callers can ask of a resource, and of it with children."""
    yield from Deriver(api, family).every()


def withheld(api: ResourceApi) -> Iterator[Operation]:
    """The operations that a resource does not offer by itself.

    A service offers them in its place, and does more at them.
    """
    for verb, operation in Deriver(api).by_verb():
        if verb in api.resource.without:
            yield operation


def _nothing() -> Mapping[str, Any]:
    return {"type": "null"}


class Deriver:
    """Knows what all operations of one resource have in common."""

    def __init__(self, api: ResourceApi, family: Family | None = None) -> None:
        self._api, self._resource = api, api.resource
        self._whole = family or api
        self._written: Mapping[str, Any] = {"answer": family.schema} if family else {}
        self._many = self._resource.address
        self._one = f"{self._many}/{{id}}"
        self._noun = self._resource.singular.replace("_", " ")
        self._nouns = self._resource.plural.replace("_", " ")
        self._scoped = bool(self._resource.owner or self._resource.team)

    def every(self) -> Iterator[Operation]:
        """Reading, then writing as far as it is offered, then the actions."""
        for verb, operation in self.by_verb():
            if verb not in self._resource.without:
                yield operation

    def by_verb(self) -> Iterator[tuple[str, Operation]]:
        """Each operation, offered or not, under the verb that ``without`` may name."""
        listing, reading = self._reading()
        yield "list", listing
        yield "read", reading
        if "version" in self._resource.table.columns:
            yield "create", self._creating()
            if self._api.shape.changeable:
                for operation in self._updating():
                    yield "update", operation
            for operation in self._deleting():
                yield "delete", operation
        for action in self._resource.actions.values():
            yield action.name, self._acting(action)
        for action in self._resource.common.values():
            yield action.name, self._common(action)
        for action in self._resource.questions.values():
            yield action.name, self._asking(action)

    def _made(
        self, verb: str, method: str, path: str, *, permission: str = "", **more: Any
    ) -> Operation:
        name = self._resource.name
        return Operation(
            name=f"{name}.{verb}",
            method=method,
            path=path,
            permission=f"{name}.{permission or verb}",
            app=self._resource.app or None,
            scoped=self._scoped,
            # An app's code has nothing but its context to act through.
            rehearsable=bool(self._resource.app) and method != "GET",
            **{"answer": self._api.row_schema, **more},
        )

    def _reading(self) -> Iterator[Operation]:
        api = self._api
        yield self._made(
            "list",
            "GET",
            self._many,
            permission="read",
            run=api.list,
            summary=f"List {self._nouns}",
            writes=False,
            paged=True,
            answer=api.list_schema,
            parameters=api.list_parameters(),
            errors=(BadQuery,),
        )
        yield self._made(
            "read",
            "GET",
            self._one,
            run=api.get,
            summary=f"Read one {self._noun}",
            writes=False,
            answer=api.read_schema,
            parameters=api.read_parameters(),
            errors=(NotFound, BadQuery),
        )

    def _creating(self) -> Operation:
        return self._made(
            "create",
            "POST",
            self._many,
            run=self._whole.create,
            summary=f"Create a {self._noun}",
            body=self._whole.create_body,
            status=201,
            errors=(Invalid,),
            **self._written,
        )

    def _updating(self) -> Iterator[Operation]:
        api = self._api
        common: Mapping[str, Any] = {
            "permission": "update",
            "precondition": Precondition.required,
            "errors": (NotFound, Invalid, Stale),
        }
        yield self._made(
            "replace",
            "PUT",
            self._one,
            run=self._whole.replace,
            body=self._whole.replace_body,
            summary=f"Replace a {self._noun}",
            **common,
            **self._written,
        )
        yield self._made(
            "update",
            "PATCH",
            self._one,
            run=api.patch,
            body=api.patch_body,
            summary=f"Change a {self._noun}",
            **common,
        )

    def _deleting(self) -> Iterator[Operation]:
        yield self._made(
            "delete",
            "DELETE",
            self._one,
            run=self._api.delete,
            summary=f"Put a {self._noun} in the trash",
            answer=_nothing,
            errors=(NotFound, Stale),
        )
        yield self._made(
            "restore",
            "POST",
            f"{self._one}/restore",
            permission="delete",
            run=self._api.restore,
            summary=f"Restore a {self._noun} from the trash",
            errors=(NotFound, Invalid, Stale),
        )

    def _common(self, action: Action) -> Operation:
        async def run(ctx: Context, call: Call) -> Reply:
            return await self._api.acts.common(action, ctx, call)

        return self._made(
            action.permission,
            "POST",
            f"{self._many}/{action.name}",
            run=run,
            body=action.command,
            answer=partial(self._api.answer_schema, action),
            summary=action.summary,
            errors=(NotFound, Conflict, Invalid, *action.raises),
        )

    def _asking(self, question: Action) -> Operation:
        async def run(ctx: Context, call: Call) -> Reply:
            return await self._api.acts.tell(question, ctx, row_id(call))

        return self._made(
            question.permission,
            "GET",
            f"{self._one}/{question.name}",
            permission="read",
            run=run,
            writes=False,
            answer=partial(self._api.answer_schema, question),
            summary=question.summary,
            errors=(NotFound,),
        )

    def _acting(self, action: Action) -> Operation:
        async def run(ctx: Context, call: Call) -> Reply:
            return await self._api.act(action, ctx, call)

        return self._made(
            action.permission,
            "POST",
            f"{self._one}/{action.name}",
            run=run,
            body=action.command,
            answer=partial(self._api.answer_schema, action),
            step_up=action.step_up,
            feature=feature_of(action.run),
            summary=action.summary,
            errors=(NotFound, Conflict, Invalid, Stale, *action.raises),
        )
