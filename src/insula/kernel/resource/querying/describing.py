"""Describing: the parameters of a list, for its documentation."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from insula.kernel.access.operation import Parameter
from insula.kernel.resource.querying.conditions import operators_of
from insula.kernel.resource.querying.includes import TRUNCATED, Inclusion
from insula.kernel.resource.querying.offer import Offer

TEXT = {"type": "string"}


def parameters(
    offer: Offer, includes: Collection[str], *, usual: int, most: int, searched: bool
) -> Iterator[Parameter]:
    """What a list understands."""
    size = {"type": "integer", "minimum": 1, "default": usual}
    yield Parameter("per_page", f"Rows a page, {most} at most.", size)
    cursor = "Where the page starts: `meta.pagination.next_cursor`."
    yield Parameter("cursor", cursor)
    number = "A page by its number, with totals; instead of a cursor."
    yield Parameter("page", number, {"type": "integer", "minimum": 1, "examples": [1]})
    yield from shaping(offer, includes)
    sorts = ["id", *offer.sorts]
    order = f"Order, by {', '.join(sorts)}; `-` turns it, commas add further fields."
    yield Parameter("sort", order, {**TEXT, "examples": [f"-{sorts[-1]}"]})
    yield from trash_and_words(searched=searched)
    yield from selecting(offer)


def trash_and_words(*, searched: bool) -> Iterator[Parameter]:
    """What picks rows of any resource."""
    trash = "`only` lists the trash."
    yield Parameter("deleted", trash, {**TEXT, "enum": ["no", "only"]})
    if searched:
        found = "Only rows in which these words are found."
        yield Parameter("q", found, {**TEXT, "examples": ["pump"]})


def selecting(offer: Offer) -> Iterator[Parameter]:
    """What picks rows."""
    if offer.filters:
        yield Parameter("filter", _language(offer), {**TEXT, "examples": [_one(offer)]})
    for name in offer.filters:
        only = f"Only rows whose `{name}` is this."
        yield Parameter(name, only, _plain(offer.adapters[name]))
    if offer.scopes:
        scopes = {**TEXT, "enum": list(offer.scopes)}
        yield Parameter("scope", "A selection by its name.", scopes)


def shaping(offer: Offer, includes: Collection[str]) -> Iterator[Parameter]:
    """What decides how much there is of each row."""
    example = ",".join(list(offer.readable)[:2])
    fields = "The fields to answer with, separated by commas."
    yield Parameter("fields", fields, {**TEXT, "examples": [example]})
    if includes:
        names = sorted(includes)
        what = f"Related rows inside each row: {', '.join(names)}; steps by a dot."
        yield Parameter("include", what, {**TEXT, "examples": [names[0]]})


def included_schemas(includes: Mapping[str, Inclusion]) -> dict[str, Any]:
    """The JSON Schemas of what may stand in a row beside its fields."""
    found: dict[str, Any] = {}
    for name, inclusion in includes.items():
        row = {"description": f"A {inclusion.target.type}, if it is included."}
        if inclusion.many:
            found[name] = {"type": "array", "items": {**row, "type": "object"}}
            what = "Of which included rows there are more."
            names = {"type": "array", "items": TEXT, "description": what}
            found[TRUNCATED] = names
        else:
            found[name] = {**row, "type": ["object", "null"]}
    return found


def _language(offer: Offer) -> str:
    fields = "; ".join(
        f"`{name}` {' '.join(operators_of(facet))}"
        for name, facet in offer.filters.items()
    )
    return f"Comparisons, joined by `;` (and) or `,` (or), with brackets. {fields}."


def _one(offer: Offer) -> str:
    """A filter that would be understood."""
    name, facet = next(iter(offer.filters.items()))
    if facet.nullable:
        return f"{name}=isnull=false"
    schema = _plain(offer.adapters[name])
    values = schema.get("enum") or schema.get("examples") or ["true"]
    if schema.get("type") == "boolean":
        values = ["true"]
    elif facet.cast == "uuid":
        values = ["@me"]
    elif facet.cast in ("timestamptz", "date"):
        values = ["@today"]
    elif facet.cast in ("bigint", "integer", "double precision"):
        values = ["1"]
    return f"{name}=={values[0]}"


def _plain(adapter: TypeAdapter[Any]) -> dict[str, Any]:
    schema = adapter.json_schema()
    options = schema.get("anyOf")
    if options:
        parts = {name: it for name, it in schema.items() if name == "$defs"}
        schema = next(it for it in options if it.get("type") != "null") | parts
    if "$ref" in schema:
        schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    return {name: it for name, it in schema.items() if name not in ("default", "$defs")}
