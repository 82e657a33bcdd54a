"""Searching everywhere: the best few of every resource that somebody may list.

Each resource is asked for its own list, as the caller would ask it: permissions, rows
within reach, hidden fields and the trash are thus the same here as there.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from time import monotonic
from typing import Any

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.database.folding import fold
from insula.kernel.foundation.errors import Problem
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.deriving import Deriver
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.searching.highlights import highlights
from insula.kernel.services.searching.views import HITS, Hit, hits_schema
from insula.kernel.tenancy.tenant import Tenant

BEST = 5
"""Hits of each resource."""
DEADLINE = 3.0
"""Seconds after which it is answered with what has been found so far."""

Admit = Callable[[Operation, Tenant | None, Actor], None]
"""Raises a ``Problem`` unless the actor may call the operation."""


class Everywhere:
    """Searches all resources of an installation; ``admit`` decides which of them."""

    def __init__(self, engine: Callable[[], Engine], admit: Admit) -> None:
        self._engine, self._admit = engine, admit

    @cached_property
    def _searched(self) -> Sequence[tuple[ResourceApi, Operation]]:
        """The resources that are searched, each with the operation that lists it."""
        return [
            (api, operation)
            for api in self._engine().apis
            if api.resource.search and "list" not in api.resource.without
            for verb, operation in Deriver(api).by_verb()
            if verb == "list"
        ]

    def operation(self) -> Operation:
        """``GET /api/v1/search``."""
        words = Parameter(
            "q", "What is looked for.", {"type": "string", "examples": ["pump"]}
        )
        types = "Resources to search, such as `maintenance.assets`; by default all."
        return Operation(
            name="search.read",
            method="GET",
            path="/api/v1/search",
            run=self.run,
            summary="Search everything that you may read",
            limit="search",
            writes=False,
            answer=hits_schema,
            parameters=(words, Parameter("types", types)),
            errors=(BadQuery,),
        )

    async def run(self, ctx: Context, call: Call) -> Reply:
        """The best hits of each resource, in the order in which apps list theirs."""
        asked = call.query.get("q", "")
        if not fold(asked):
            raise BadQuery(reason=Words("q has no word to look for"))
        offered = {api.resource.name: api for api in self._offered(ctx)}
        chosen = _chosen(call.query.get("types"), offered)
        found, missed, end = list[Hit](), list[str](), monotonic() + DEADLINE
        for api in chosen:
            try:
                async with asyncio.timeout(max(end - monotonic(), 0.0)):
                    found += await _best(ctx, api, asked)
            except TimeoutError:
                missed.append(api.resource.name)
        meta = {"incomplete": missed} if missed else None
        return Reply(HITS.dump_json(found), meta=meta)

    def _offered(self, ctx: Context) -> Iterator[ResourceApi]:
        for api, operation in self._searched:
            try:
                self._admit(operation, ctx.tenant, ctx.actor)
            except Problem:
                continue
            if _texts(ctx, api):
                yield api


def _chosen(
    types: str | None, offered: Mapping[str, ResourceApi]
) -> Sequence[ResourceApi]:
    """The resources that are asked for; one out of reach is one that does not exist."""
    if types is None:
        return tuple(offered.values())
    names = dict.fromkeys(types.split(","))
    unknown = [name for name in names if name not in offered]
    if unknown:
        words = Words(
            "'{name}' is not searched; types: {offered}",
            name=unknown[0][:80],
            offered=", ".join(offered) or "none",
        )
        raise BadQuery(reason=words)
    return [offered[name] for name in names]


def _texts(ctx: Context, api: ResourceApi) -> list[str]:
    """The fields in which somebody finds rows."""
    hidden = api.writer.masking.of(ctx.actor).hide
    return [it.key for it in api.resource.search if it.key not in hidden]


async def _best(ctx: Context, api: ResourceApi, asked: str) -> list[Hit]:
    resource, texts = api.resource, _texts(ctx, api)
    hidden = api.writer.masking.of(ctx.actor).hide
    title = texts[0] if resource.title in (None, *hidden) else str(resource.title)
    fields = ",".join(dict.fromkeys((title, *texts)))
    query = {"q": asked, "per_page": str(BEST), "fields": fields}
    reply = await api.list(ctx, Call(resource.address, query=query))
    rows: list[dict[str, Any]] = msgspec.json.decode(reply.data)
    return [
        Hit(
            type=resource.type,
            resource=resource.name,
            id=row["id"],
            title=str(row[title] or ""),
            path=f"{resource.address}/{row['id']}",
            highlights=highlights(asked, {name: row[name] for name in texts}),
        )
        for row in rows
    ]
