"""Describing: a resource as screens need it, worked out from its declaration alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Text

from insula.kernel.access.operation import Operation
from insula.kernel.database.columns import Holds, Missing
from insula.kernel.foundation.words import Words
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.meta.contract import (
    ActionMeta,
    AggregateMeta,
    DetailMeta,
    DimensionMeta,
    EmptyMeta,
    FieldKind,
    FieldMeta,
    Flags,
    FormMeta,
    ImportMeta,
    Label,
    ListMeta,
    MeasureMeta,
    Option,
    ResourceMeta,
    TabMeta,
    ViewMeta,
)
from insula.kernel.resource.meta.labels import (
    choices_of,
    description_of,
    field_label,
    label_of,
    sentence,
)
from insula.kernel.resource.querying.conditions import ANY_KIND, IS_NULL, operators_of
from insula.kernel.resource.querying.tagging import TAGS
from insula.kernel.resource.references import References
from insula.kernel.resource.shape import Facet

MOST_COLUMNS = 8
"""So many stand beside each other on a screen; people choose others themselves."""
MOST_ASKED = 5
STEPS = "/api/v1/imports"
HANGING = "comments", "timeline"
"""Pages about what hangs on a row, where its resource has that."""
LONGEST_OPTIONS = 200
TECHNICAL = frozenset({"id", "version", "created_at", "updated_at", "created_by"})
KINDS = {
    "bigint": FieldKind.int,
    "integer": FieldKind.int,
    "double precision": FieldKind.number,
    "boolean": FieldKind.bool,
    "timestamptz": FieldKind.datetime,
    "date": FieldKind.date,
    "uuid": FieldKind.uuid,
    "bpchar": FieldKind.currency,
}
HELD = {Holds.email: FieldKind.email, Holds.phone: FieldKind.phone}
PEOPLE = frozenset({"created_by", "owner_id", "assignee_id", "user_id", "actor_id"})

Say = Callable[[str], str]
"""A sentence or a label of ours in the language of the answer."""


class Describer:
    """Knows one resource, and says of it what a caller may know."""

    def __init__(
        self,
        api: ResourceApi,
        references: References,
        operations: Sequence[Operation],
        events: Sequence[str],
    ) -> None:
        self._api, self._resource = api, api.resource
        self._targets = {it.field: it for it in references.of(api.resource)}
        self._parts = references.to(api.resource)
        self._operations = operations
        self._events = events
        resource = api.resource
        self._filters = {it.key for it in resource.filters}
        self._sorts = {"id", *(it.key for it in resource.sort)}
        self._searched = {it.key for it in resource.search}
        self._included = {it.key for it in resource.include}
        self._writable = {it.name for it in api.shape.changeable}
        self._creatable = {it.name for it in api.shape.creatable}

    def describe(
        self,
        say: Say,
        can: Mapping[str, bool],
        *,
        hidden: frozenset[str],
        frozen: frozenset[str],
        related: frozenset[str],
    ) -> ResourceMeta:
        """The resource for somebody who can do some things, and from whom some are hidden.

        ``related`` are the resources of which they may read rows.
        """
        resource = self._resource
        hidden |= self._untold
        facets = [it for it in self._api.shape.readable if it.name not in hidden]
        fields = [self._field(it, say, can, frozen) for it in facets]
        if resource.tags and TAGS not in hidden:
            fields.append(_tags(say))
        label = Label(
            one=say(label_of(resource.singular)), many=say(label_of(resource.plural))
        )
        return ResourceMeta(
            name=resource.name,
            app=resource.app or None,
            type=resource.type,
            path=resource.address,
            label=label,
            description=say(description_of(resource)),
            title=self._title(fields),
            flags=Flags(
                soft_delete=self._api.shape.trashable,
                versioned="version" in self._api.shape.facets,
                searchable=bool(resource.search),
                scoped=bool(resource.owner or resource.team),
            ),
            can=dict(can),
            fields=fields,
            list=self._list(fields),
            views=list(self._views(fields, say)),
            form=_form(fields),
            detail=self._detail(fields, say, related),
            actions=list(self._actions(say, can)),
            imports=self._imports(can),
            aggregate=self._aggregate(hidden),
            events=list(self._events),
            empty=self._empty(say, can),
        )

    @cached_property
    def _untold(self) -> frozenset[str]:
        """Fields that a service leaves out where it lists the rows in its own way."""
        listing = next(it for it in self._operations if it.name.endswith(".list"))
        schema = listing.answer()
        rows = schema.get("items", {})
        part = str(rows.get("$ref", "")).rpartition("/")[2]
        told = schema.get("$defs", {}).get(part, rows).get("properties")
        every = frozenset(it.name for it in self._api.shape.readable)
        return frozenset() if told is None else every - told.keys()

    def _field(
        self, facet: Facet, say: Say, can: Mapping[str, bool], frozen: frozenset[str]
    ) -> FieldMeta:
        declared, name = facet.field, facet.name
        access = self._access(name, can, frozen)
        schema = _plain(facet)
        target = self._targets.get(name)
        options = [
            Option(value=it, label=say(label_of(it)))
            for it in choices_of(facet.annotation, declared.choices)[:LONGEST_OPTIONS]
        ]
        default = None if isinstance(declared.default, Missing) else declared.default
        return FieldMeta(
            name=name,
            type=self._kind(facet, is_choice=bool(options)),
            label=say(field_label(name)),
            access=access,
            required=(access != "r" and declared.required) or None,
            default=None if access == "r" else default,
            max_length=schema.get("maxLength"),
            minimum=declared.minimum,
            maximum=declared.maximum,
            options=options or None,
            transitions=_moves(declared.moves),
            to=None if target is None else target.target.name,
            currency_field=declared.currency,
            computed=declared.computed is not None or None,
            frozen_in=[str(it) for it in declared.frozen_in] or None,
            filter=list(operators_of(facet)) if name in self._filters else None,
            sort=name in self._sorts or None,
            search=name in self._searched or None,
            include=name in self._included or None,
        )

    def _access(
        self, name: str, can: Mapping[str, bool], frozen: frozenset[str]
    ) -> str:
        """Whether the caller reads the field, also changes it, or sets it only once."""
        if name in frozen:
            return "r"
        if name in self._writable and (can.get("update") or can.get("create")):
            return "rw"
        return "rw1" if name in self._creatable and can.get("create") else "r"

    def _kind(self, facet: Facet, *, is_choice: bool) -> FieldKind:
        declared, name = facet.field, facet.name
        if is_choice:
            return FieldKind.enum
        if name == "id":
            return FieldKind.id
        if name in self._targets:
            return FieldKind.ref
        if name in PEOPLE:
            return FieldKind.actor
        if declared.currency is not None:
            return FieldKind.money
        if declared.ordered_within is not None:
            return FieldKind.rank
        if facet.cast.startswith("text::"):
            is_list = "list" in str(facet.annotation)
            return FieldKind.tags if is_list else FieldKind.json
        if facet.cast in KINDS:
            return KINDS[facet.cast]
        column = self._resource.table.c[name]
        usual = FieldKind.text if isinstance(column.type, Text) else FieldKind.string
        return HELD.get(declared.holds, usual) if declared.holds else usual

    def _title(self, fields: Sequence[FieldMeta]) -> str | None:
        """The field by which a row is called, if it is one that the caller sees."""
        said = self._resource.title
        texts = [it.name for it in fields if it.type is FieldKind.string]
        if said is not None:
            return said if any(it.name == said for it in fields) else None
        known = [it for it in ("name", "title", "label", "subject") if it in texts]
        return next(iter((*known, *texts)), None)

    def _list(self, fields: Sequence[FieldMeta]) -> ListMeta:
        shown = [
            it.name
            for it in fields
            if it.name not in TECHNICAL
            and it.type not in (FieldKind.json, FieldKind.text, FieldKind.rank)
        ]
        title = self._title(fields)
        columns = [*([title] if title else []), *(it for it in shown if it != title)]
        return ListMeta(
            columns=columns[:MOST_COLUMNS] or ["id"],
            sort=["-id"],
            quick_filters=[it.name for it in fields if it.filter and it.options],
            scopes=list(self._resource.scopes),
            page_size=50,
        )

    def _views(self, fields: Sequence[FieldMeta], say: Say) -> Iterator[ViewMeta]:
        yield ViewMeta(key="all", kind="table", label=say(label_of("all")))
        machine = next((it for it in fields if it.transitions), None)
        title = self._title(fields)
        card = [title] if title else []
        if machine is not None:
            yield ViewMeta(
                key="board",
                kind="board",
                label=say(label_of("board")),
                group_by=machine.name,
                card=card,
            )
        days = (
            it.name
            for it in fields
            if it.type in (FieldKind.date, FieldKind.datetime)
            and it.name not in TECHNICAL
            and it.filter
        )
        for day in islice(days, 1):
            label = say(label_of("calendar"))
            yield ViewMeta(key="calendar", kind="calendar", label=label, date=day)

    def _detail(
        self, fields: Sequence[FieldMeta], say: Say, related: frozenset[str]
    ) -> DetailMeta:
        tabs = [TabMeta(key="overview", label=say(label_of("overview")))]
        tabs += [
            TabMeta(
                key=f"{it.resource.plural}_{it.name}",
                label=say(label_of(it.resource.plural)),
                related=it.resource.name,
                by=it.field,
            )
            for it in self._parts
            if it.resource.name in related
            and it.field in {attribute.key for attribute in it.resource.filters}
        ]
        flags = self._resource.comments, self._resource.timeline
        hung = [it for it, on in zip(HANGING, flags, strict=True) if on]
        tabs += [
            TabMeta(key=it, label=say(label_of(it))) for it in (*hung, "audit", "api")
        ]
        marks = (FieldKind.enum, FieldKind.money, FieldKind.actor)
        header = [it.name for it in fields if it.type in marks]
        return DetailMeta(header=header[:MOST_ASKED], tabs=tabs)

    def _actions(self, say: Say, can: Mapping[str, bool]) -> Iterator[ActionMeta]:
        by_name = {it.name.rpartition(".")[2]: it for it in self._operations}
        for action in self._resource.actions.values():
            operation = by_name.get(action.permission)
            if operation is None or not can.get(action.permission):
                continue
            body = "".join(map(str.capitalize, _parts(operation.name)))
            reference = {"$ref": f"#/components/schemas/{body}"}
            yield ActionMeta(
                name=action.name,
                label=say(label_of(action.name)),
                description=say(sentence(action.summary)),
                method=operation.method,
                path=operation.path,
                operation=operation.name,
                input=reference if operation.body is not None else None,
                step_up=action.step_up or None,
            )

    def _imports(self, can: Mapping[str, bool]) -> ImportMeta | None:
        if not can.get("import"):
            return None
        return ImportMeta(
            at_once=f"{self._resource.address}/import",
            in_steps=STEPS,
            formats=["csv", "xlsx", "jsonl"],
            aliases={k: list(v) for k, v in self._resource.aliases.items()},
        )

    def _aggregate(self, hidden: frozenset[str]) -> AggregateMeta | None:
        offer = self._api.lister.offer.without(hidden)
        if not offer.measures or "list" in self._resource.without:
            return None
        return AggregateMeta(
            path=f"{self._resource.address}/aggregate",
            measures=[
                MeasureMeta(
                    name=it.name,
                    function=it.function,
                    field=it.field,
                    currency_field=it.currency,
                )
                for it in offer.measures.values()
            ],
            dimensions=[
                DimensionMeta(name=it.name, field=it.field, period=it.period)
                for it in offer.dimensions.values()
            ],
        )

    def _empty(self, say: Say, can: Mapping[str, bool]) -> EmptyMeta:
        path = self._resource.name.replace(".", " ").replace("_", "-")
        return EmptyMeta(
            title=say(Words("There is nothing here yet.")),
            actions=[it for it in ("create", "import") if can.get(it)],
            cli=f"insula {path} create",
        )


def _tags(say: Say) -> FieldMeta:
    """The tags of a row, which are given and taken by operations of their own."""
    return FieldMeta(
        name=TAGS,
        type=FieldKind.tags,
        label=say(label_of(TAGS)),
        access="r",
        filter=[*ANY_KIND, IS_NULL],
    )


def _form(fields: Sequence[FieldMeta]) -> FormMeta:
    asked = [it for it in fields if it.access != "r"]
    needed = [it.name for it in asked if it.required]
    others = [it.name for it in asked if it.name not in needed]
    quick = [*needed, *others[: max(0, MOST_ASKED - len(needed))]]
    return FormMeta(fields=[it.name for it in asked], quick_create=quick)


def _moves(moves: Mapping[str, Sequence[str]]) -> dict[str, list[str]] | None:
    return {str(k): [str(it) for it in v] for k, v in moves.items()} or None


def _parts(name: str) -> list[str]:
    return name.replace("-", "_").replace(".", "_").split("_")


def _plain(facet: Facet) -> Mapping[str, Any]:
    """The JSON Schema of a value that is there."""
    schema = TypeAdapter(facet.annotation).json_schema()
    options = schema.get("anyOf", [schema])
    found: Mapping[str, Any] = options[0]
    return found
