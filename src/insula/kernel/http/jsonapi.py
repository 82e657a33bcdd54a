"""JSON:API: the same answers and bodies in the form of that standard, version 1.1."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from insula.kernel.foundation.errors import BadRequest, Conflict, FieldError, Problem
from insula.kernel.foundation.languages import Catalog, told

VERSION = {"version": "1.1"}
Json = dict[str, Any]

_encode = msgspec.json.Encoder(enc_hook=str).encode
_decode = msgspec.json.Decoder().decode


class BadDocument(BadRequest):
    """This is no JSON:API document with one resource object in its `data`."""

    code = "INVALID_DOCUMENT"


class OtherRow(Conflict):
    """The document is about another row than the address."""

    code = "ID_MISMATCH"


class Renderer:
    """Turns our envelope into a document, knowing which fields point at other rows."""

    def __init__(
        self,
        relations: Mapping[str, Mapping[str, str]],
        children: Mapping[str, frozenset[str]],
    ) -> None:
        self._relations, self._children = relations, children

    def render(self, envelope: bytes) -> bytes:
        """The document that says what an envelope says."""
        said: Json = _decode(envelope)
        included: dict[tuple[str, str], Json] = {}
        document: Json = {"jsonapi": VERSION, "links": said["links"]}
        meta: Json = {**said["meta"], "message": said["message"]}
        data = said["data"]
        if data is None or _is_row(data):
            document["data"] = data and self._object(data, included)
        elif isinstance(data, list) and all(map(_is_row, data)):
            document["data"] = [self._object(row, included) for row in data]
        else:  # what is no row has no identity, as a resource object must
            meta["result"] = data
        if included:
            document["included"] = list(included.values())
        return _encode({**document, "meta": meta})

    def _object(self, row: Json, included: dict[tuple[str, str], Json]) -> Json:
        """A row as a resource object; the rows inside it are gathered on the way."""
        kind = row["type"]
        relations = self._relations.get(kind, {})
        inner = {field.removesuffix("_id") for field in relations}
        inner |= self._children.get(kind, frozenset())
        attributes: Json = {}
        relationships: Json = {}
        for name, value in row.items():
            if name in relations:
                pointer = value and {"type": relations[name], "id": value}
                relationships[name.removesuffix("_id")] = {"data": pointer}
            elif name in inner:
                relationships[name] = {"data": self._pointers(value, included)}
            elif name not in ("id", "type"):
                attributes[name] = value
        made: Json = {"type": kind, "id": row["id"], "attributes": attributes}
        return {**made, "relationships": relationships} if relationships else made

    def _pointers(self, value: Any, included: dict[tuple[str, str], Json]) -> Any:
        """The identity of a row inside another, or of several; all are gathered."""
        if value is None:
            return None
        if isinstance(value, list):
            return [self._pointers(each, included) for each in value]
        self._include(value, included)
        return {"type": value["type"], "id": value["id"]}

    def _include(self, row: Json, included: dict[tuple[str, str], Json]) -> None:
        key = row["type"], row["id"]
        if key not in included:
            included[key] = {}  # a row may, in the end, point back at itself
            included[key] = self._object(row, included)


def _is_row(value: object) -> bool:
    return (
        isinstance(value, dict) and isinstance(value.get("id"), str) and "type" in value
    )


def problem_document(
    problem: Problem, request_id: str, catalog: Catalog | None = None
) -> bytes:
    """The errors of a problem: one for each field, or one for the whole."""
    message = problem.message if catalog is None else catalog.problem(problem)
    whole: Json = {
        "id": request_id,
        "status": str(problem.status),
        "code": problem.code,
        "title": message,
    }
    told_by_name = {name: problem.details[name] for name in problem.told}
    if told_by_name:
        whole["meta"] = told_by_name
    errors = [_of_field(whole, it, catalog) for it in problem.fields] or [whole]
    return _encode({"jsonapi": VERSION, "errors": errors})


def _of_field(whole: Json, wrong: FieldError, catalog: Catalog | None) -> Json:
    pointer = "/data/attributes/" + wrong.field.replace(".", "/")
    return {
        **whole,
        "code": wrong.code,
        "detail": told(wrong.message, catalog),
        "source": {"pointer": pointer},
    }


def flat(raw: bytes, key: str) -> bytes:
    """The body that a document means: its attributes, and the ids of its relationships.

    ``key`` is the id in the path, if there is one. Raises ``BadDocument``, or
    ``OtherRow`` where the two differ.
    """
    document: object = _decode(raw)
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise BadDocument
    attributes, relationships = (
        data.get("attributes", {}),
        data.get("relationships", {}),
    )
    if not (isinstance(attributes, dict) and isinstance(relationships, dict)):
        raise BadDocument
    named = data.get("id")
    if key and named is not None and named != key:
        raise OtherRow
    body = {**attributes, **dict(_ids(relationships))}
    if not key and named is not None:  # we give the ids: tell it as of any other field
        body["id"] = named
    return _encode(body)


def _ids(relationships: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for name, relationship in relationships.items():
        if not isinstance(relationship, dict) or "data" not in relationship:
            raise BadDocument
        pointer = relationship["data"]
        if pointer is None:
            yield f"{name}_id", None
        elif isinstance(pointer, dict) and "id" in pointer:
            yield f"{name}_id", pointer["id"]
        else:
            raise BadDocument
