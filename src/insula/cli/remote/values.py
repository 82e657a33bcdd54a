"""Values: what options say, as the JSON that a server expects for its fields."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from insula.cli.remote.offer import Verb
from insula.cli.remote.refusals import Refused

Schema = Mapping[str, Any]
NULL = "null"
STRUCTURES = ("array", "object")


def kinds(schema: Schema, verb: Verb) -> list[str]:
    """The JSON types that a schema allows."""
    schema = verb.resolve(schema)
    found: list[str] = []
    for part in schema.get("anyOf", schema.get("oneOf", ())):
        found += kinds(part, verb)
    said = schema.get("type")
    if said is not None:
        found += [said] if isinstance(said, str) else said
    elif "enum" in schema or "const" in schema:
        found.append("string")
    return found


def described(schema: Schema, verb: Verb) -> str:
    """What an option takes, in a word."""
    schema = verb.resolve(schema)
    parts = [verb.resolve(it) for it in schema.get("anyOf", ())]
    for part in (schema, *parts):
        if choices := part.get("enum"):
            return "|".join(map(str, choices))
        if form := part.get("format"):
            return str(form)
    found = [it for it in kinds(schema, verb) if it != NULL]
    return {"object": "json", "array": "json"}.get(found[0], found[0]) if found else ""


def value(text: str, schema: Schema, verb: Verb) -> Any:
    """A text as the field's type; what does not fit is left for the server to refuse."""
    allowed = kinds(schema, verb)
    if NULL in allowed and text in ("", NULL):
        return None
    wanted = {it for it in allowed if it != NULL}
    if ("string" in wanted and not wanted & set(STRUCTURES)) or not wanted:
        return text  # a decimal as it was written, too
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        found = text
    if isinstance(found, str) or _fits(found, wanted):
        return found
    return text if "string" in wanted else found


def _fits(found: object, wanted: set[str]) -> bool:
    names = {
        bool: {"boolean"},
        int: {"integer", "number"},
        float: {"number"},
        list: {"array"},
        dict: {"object"},
    }
    return bool(names.get(type(found), set()) & wanted)


def listed(texts: Sequence[str], schema: Schema, verb: Verb) -> Any:
    """Several texts as a list, or one that is JSON already."""
    if len(texts) == 1 and texts[0].lstrip().startswith("["):
        return value(texts[0], schema, verb)
    items = verb.resolve(schema).get("items", {})
    return [value(text, items, verb) for text in texts]


def pairs(texts: Sequence[str], verb: Verb) -> dict[str, Any]:
    """``name=value`` as fields; ``name:=value`` is JSON, whatever the field is."""
    found: dict[str, Any] = {}
    for text in texts:
        name, sign, said = text.partition("=")
        if not (name and sign):
            raise Refused(f"'{text}' is not written as NAME=VALUE.")
        if name.endswith(":"):
            found[name[:-1]] = _json(said, name)
        else:
            found[name] = value(said, verb.fields.get(name, {}), verb)
    return found


def data(text: str | None) -> dict[str, Any]:
    """The fields in ``--data``: JSON, ``@file``, or ``-`` for what comes on stdin."""
    if text is None:
        return {}
    if text == "-":
        text = sys.stdin.read()
    elif text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise Refused(f"{text[1:]} cannot be read: {error}") from None
    found = _json(text, "--data")
    if not isinstance(found, dict):
        raise Refused("--data must be a JSON object.")
    return found


def _json(text: str, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused(f"{where} is not JSON: {error}") from None
