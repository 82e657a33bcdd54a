"""Includes: related rows inside a row, read by the one statement that reads the row.

A reference ``asset_id`` is included as ``asset``; rows that are part of this one by the
plural of theirs. Their own permission, scope, masks and trash decide what there is of
them: one that may not be read is not there, and one of which nothing may be read is no
more offered than one that does not exist.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from insula.kernel.access.context import Context
from insula.kernel.access.grants import Reach
from insula.kernel.database.model import TenantRow
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.resource.querying.problems import BadQuery, clipped, named
from insula.kernel.resource.querying.selecting import FIELDS_OF
from insula.kernel.resource.writing import Writer

DEEPEST, MOST_INCLUDED = 2, 8
MOST_CHILDREN = 100
"""Rows of one parent; ``truncated`` names what there is more of."""
TRUNCATED = "truncated"
LOOKED_UP = frozenset({"list", "read"})
Writers = Mapping[type[TenantRow], Writer]


class Inclusion(NamedTuple):
    """What a declaration offers to include, whoever asks."""

    name: str
    column: str
    """The reference: the row's own, or the one by which a child is part of the row."""
    target: Writer
    many: bool


class Part(NamedTuple):
    """What is included for somebody, and what inside of that."""

    inclusion: Inclusion
    reach: Reach
    fields: tuple[str, ...]
    place: str | None
    """The field by which children are ordered; by their ids, if there is none."""
    parts: tuple["Part", ...]

    @property
    def name(self) -> str:
        """As what it stands in the row."""
        return self.inclusion.name


class Includes:
    """Knows what can be included in which resource."""

    def __init__(self, writers: Writers) -> None:
        self._writers = writers
        self._known: dict[str, dict[str, Inclusion]] = {}

    def of(self, writer: Writer) -> Mapping[str, Inclusion]:
        """What a resource offers, by name; raises ``DeclarationError``."""
        known = self._known.get(writer.name)
        if known is None:
            every = (*self._references(writer), *self._children(writer))
            known = {it.name: it for it in every}
            taken = {*writer.shape.facets, TRUNCATED} & known.keys()
            if taken or len(known) < len(every):
                raise DeclarationError(f"{writer.name}: {list(known)} clash in a row")
            self._known[writer.name] = known
        return known

    def _references(self, writer: Writer) -> Iterator[Inclusion]:
        tables = {it.resource.table.name: it for it in self._writers.values()}
        for attribute in writer.resource.include:
            target = tables.get(writer.shape.facets[attribute.key].field.target or "")
            if target is None:
                raise DeclarationError(f"{writer.name}: {attribute.key} leads nowhere")
            name = attribute.key.removesuffix("_id")
            yield Inclusion(name, attribute.key, target, many=False)

    def _children(self, writer: Writer) -> Iterator[Inclusion]:
        table = writer.resource.table.name
        for child in self._writers.values():
            for facet in child.shape.facets.values():
                if facet.field.part_of and facet.field.target == table:
                    name = child.resource.plural
                    yield Inclusion(name, facet.name, child, many=True)

    def asked(
        self, writer: Writer, ctx: Context, query: Mapping[str, str]
    ) -> tuple[Part, ...]:
        """What a query includes; raises ``BadQuery``."""
        paths = _paths(query)
        sparse = {
            name[len(FIELDS_OF) : -1]: text
            for name, text in query.items()
            if name.startswith(FIELDS_OF)
        }
        offered = self.offered(writer, ctx)
        parts = tuple(self._parts(offered, ctx, paths, sparse, ""))
        if sparse:
            name = f"fields[{next(iter(sparse))}]"
            words = Words("'{name}' is of nothing that is included", name=clipped(name))
            raise BadQuery(reason=words)
        return parts

    def offered(self, writer: Writer, ctx: Context) -> dict[str, Inclusion]:
        """What somebody may have included, by name."""
        mask = writer.masking.of(ctx.actor).hide
        return {
            name: it
            for name, it in self.of(writer).items()
            if _reachable(it, ctx, mask)
        }

    def _inside(self, inclusion: Inclusion, ctx: Context) -> dict[str, Inclusion]:
        """The same of what is included; children of children would be too many."""
        found = self.offered(inclusion.target, ctx)
        return {
            name: it for name, it in found.items() if not (inclusion.many and it.many)
        }

    def _parts(
        self,
        offered: Mapping[str, Inclusion],
        ctx: Context,
        paths: Iterable[tuple[str, ...]],
        sparse: dict[str, str],
        before: str,
    ) -> Iterator[Part]:
        deeper: dict[str, list[tuple[str, ...]]] = {}
        for first, *rest in paths:
            following = deeper.setdefault(first, [])
            if rest:
                following.append(tuple(rest))
        for name, following in deeper.items():
            found = offered.get(name)
            if found is None:
                words = Words(
                    "cannot include '{name}'; includes: {offered}",
                    name=clipped(f"{before}{name}"),
                    offered=named(sorted(offered)),
                )
                raise BadQuery(reason=words)
            target = found.target
            scope = target.scoping.of(ctx.actor, "read")
            shown = _visible(target, ctx)
            yield Part(
                found,
                Reach.all if scope is None else scope.reach,
                _fields(shown, sparse.pop(f"{before}{name}", None)),
                _place(found, shown),
                tuple(
                    self._parts(
                        self._inside(found, ctx),
                        ctx,
                        following,
                        sparse,
                        f"{before}{name}.",
                    )
                ),
            )


def _paths(query: Mapping[str, str]) -> list[tuple[str, ...]]:
    text = query.get("include")
    if text is None:
        return []
    paths = [tuple(path.split(".")) for path in dict.fromkeys(text.split(","))]
    if len(paths) > MOST_INCLUDED or max(map(len, paths)) > DEEPEST:
        words = Words(
            "include at most {limit} things, {deepest} steps away at most",
            limit=MOST_INCLUDED,
            deepest=DEEPEST,
        )
        raise BadQuery(reason=words)
    return paths


def _reachable(inclusion: Inclusion, ctx: Context, mask: frozenset[str]) -> bool:
    """Whether somebody may read any of what would be included, and what leads there."""
    target, actor = inclusion.target, ctx.actor
    resource = target.resource
    if inclusion.many:
        mask = target.masking.of(actor).hide
    if inclusion.column in mask or inclusion.column in resource.hidden:
        return False
    return not LOOKED_UP & resource.without and readable(resource, ctx)


def readable(resource: Resource[Any], ctx: Context) -> bool:
    """Whether somebody would be admitted to the resource's own list."""
    app, actor = resource.app, ctx.actor
    if app and ctx.tenant.apps.get(app) != "active":
        return False
    permission = f"{resource.name}.read"
    if actor.may(permission):
        return True
    scoped = resource.owner is not None or resource.team is not None
    return scoped and actor.reach(permission) is not None


def _visible(target: Writer, ctx: Context) -> tuple[str, ...]:
    hidden = target.masking.of(ctx.actor).hide
    return tuple(it.name for it in target.shape.readable if it.name not in hidden)


def _fields(shown: tuple[str, ...], sparse: str | None) -> tuple[str, ...]:
    if sparse is None:
        return shown
    asked = dict.fromkeys(["id", *sparse.split(",")])
    asked.pop("type", None)
    missing = [name for name in asked if name not in shown]
    if missing:
        words = Words("there is no field '{name}'", name=clipped(missing[0]))
        raise BadQuery(reason=words)
    return tuple(asked)


def _place(inclusion: Inclusion, shown: tuple[str, ...]) -> str | None:
    """The first field by which their own list is sorted, where it is seen."""
    sort = inclusion.target.resource.sort
    if not inclusion.many or not sort or sort[0].key not in shown:
        return None
    return sort[0].key
