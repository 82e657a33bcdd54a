"""The aggregate operation: what many rows come to, in groups, for charts and reports."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from pydantic import TypeAdapter

from insula.kernel.access.operation import Operation, Parameter
from insula.kernel.resource.aggregates.answering import Aggregator
from insula.kernel.resource.aggregates.asking import MOST, USUAL
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.measures import Function
from insula.kernel.resource.measuring import Grouping, Measured, Unit
from insula.kernel.resource.querying.describing import (
    TEXT,
    selecting,
    trash_and_words,
)
from insula.kernel.resource.querying.problems import BadQuery


def aggregate_operation(aggregator: Aggregator) -> Operation:
    """``GET …/aggregate``, for whoever may read the rows that it is about."""
    api = aggregator.api
    resource = api.resource
    return Operation(
        name=f"{resource.name}.aggregate",
        method="GET",
        path=f"{resource.address}/aggregate",
        run=aggregator.__call__,
        summary=f"Count and add up {resource.plural.replace('_', ' ')}",
        permission=f"{resource.name}.read",
        app=resource.app or None,
        scoped=bool(resource.owner or resource.team),
        writes=False,
        parameters=tuple(_parameters(api)),
        answer=partial(_schema, api),
        errors=(BadQuery,),
    )


def _parameters(api: ResourceApi) -> Iterator[Parameter]:
    measures, dimensions = api.resource.aggregates
    if dimensions:
        yield Parameter("group", *_several("What rows are grouped by", dimensions))
    yield Parameter("measures", *_several("What is worked out", measures))
    sort = "Order of the groups, by groups and measures that are asked for; `-` turns."
    yield Parameter("sort", sort, {**TEXT, "examples": ["-count"]})
    limit = {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL}
    yield Parameter("limit", "Groups of the answer.", limit)
    yield from trash_and_words(searched=bool(api.resource.search))
    yield from selecting(api.lister.offer)


def _several(what: str, offered: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    names = list(offered)
    return f"{what}, separated by commas: {', '.join(names)}.", {
        **TEXT,
        "examples": [names[0]],
    }


def _schema(api: ResourceApi) -> Mapping[str, Any]:
    measures, dimensions = api.resource.aggregates
    groups = {name: _value(api, it) for name, it in dimensions.items()}
    for measure in measures.values():
        if measure.currency is not None:
            found = Grouping(measure.currency, measure.currency)
            groups[measure.currency] = _value(api, found)
    members = {
        "group": _members(groups),
        "labels": _members(dict.fromkeys(dimensions, TEXT)),
        "measures": _members({it.name: _number(api, it) for it in measures.values()}),
    }
    group = {
        "title": f"{api.title}Group",
        "type": "object",
        "properties": members,
        "required": list(members),
        "additionalProperties": False,
    }
    return {"type": "array", "items": group}


def _members(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": found, "additionalProperties": False}


def _value(api: ResourceApi, group: Grouping) -> dict[str, Any]:
    """A group's value; a period is told by its first day."""
    if group.period is not None:
        return {"type": ["string", "null"], "format": "date"}
    return _inline(api.shape.facets[group.field].annotation)


def _number(api: ResourceApi, measure: Measured) -> dict[str, Any]:
    if measure.function in (Function.number, Function.distinct):
        return {"type": "integer"}
    if measure.unit is Unit.time:
        facet = api.shape.facets[measure.field or ""]
        return {"anyOf": [_bare(_inline(facet.annotation)), {"type": "null"}]}
    return {"type": ["integer" if measure.whole else "number", "null"]}


def _inline(annotation: Any) -> dict[str, Any]:
    """The schema of a value, in which nothing is said elsewhere."""
    schema = TypeAdapter(annotation).json_schema(mode="serialization")
    parts = schema.pop("$defs", {})
    options = [_resolved(it, parts) for it in schema.get("anyOf", ())]
    return {**schema, "anyOf": options} if options else _resolved(schema, parts)


def _resolved(schema: dict[str, Any], parts: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schema
    if "$ref" in schema:
        found = parts[schema["$ref"].rpartition("/")[2]]
    return found


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """One of a value that is there."""
    options = schema.get("anyOf", [schema])
    found: dict[str, Any] = options[0]
    return found
