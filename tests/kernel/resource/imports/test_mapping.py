"""Columns become fields as the caller said, by name, or not at all."""

from typing import Any

import pytest

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.context import Context
from insula.kernel.foundation.errors import Denied, Invalid
from insula.kernel.resource.imports.mapping import Entry, Instructions, Mapper
from tests.kernel.resource.imports.trial import trial_apis

APIS = trial_apis()
IMPORT = ("*.*.import", "*.*.read")


def entries(resource: str, columns: str, *grants: str, **said: Any) -> dict[str, Entry]:
    ctx = Context(Actor(ActorKind.user, None, grants=grants or ("*",)))
    mapper = Mapper(ctx, APIS[resource], APIS.__getitem__)
    instructions = Instructions.model_validate(said)
    return {it.target: it for it in mapper.entries(instructions, columns.split(","))}


def faults(*args: str, **said: Any) -> list[tuple[str, str]]:
    with pytest.raises(Invalid) as caught:
        entries(*args, **said)
    return [(fault.field, fault.code) for fault in caught.value.fields]


def machine(source: str, *cells: str) -> str | None:
    """What a source makes of some cells of a machine's row."""
    said: dict[str, Any] = {"name": source, "tag": "id"}
    found = entries("trial.machines", "id,model,a name", map=said, ignore_unknown=True)
    return found["name"].source.read(cells)


def test_columns_find_the_fields_of_their_names() -> None:
    found = entries("trial.machines", "TAG,Name,built on,Category")
    assert list(found) == ["tag", "name", "built_on", "category"]
    assert (
        found["built_on"].source.read(["7", "Lathe", "2020-01-05", ""]) == "2020-01-05"
    )


def test_a_source_is_a_column_a_template_or_the_column_of_that_very_name() -> None:
    assert machine("model", "1", "m3", "Ada") == "m3"
    assert machine("A_NAME", "1", "m3", "Ada") == "Ada"
    assert machine("No {id} ({model})", "1", "m3", "Ada") == "No 1 (m3)"
    odd = entries("trial.machines", "{x},@y:z,json:q", map={"name": "{x}", "tag": "@y:z"},
                  ignore_unknown=True)  # fmt: skip
    assert odd["name"].source.read(["a", "b", "c"]) == "a"
    assert odd["tag"].source.lookup is None


def test_a_template_with_a_blank_column_says_nothing() -> None:
    assert machine("No {id} ({model})", "1", "", "Ada") == ""


def test_a_template_reaches_nothing_but_columns() -> None:
    """A column's value is text, whatever a format string would do with it (pitfall 37)."""
    assert machine("{id}", "{model.__class__}", "", "") == "{model.__class__}"
    for source in ("{id.__class__}", "{0}", "{}", "{id!r}", "{id"):
        assert faults("trial.machines", "id", map={"name": source, "tag": "id"}) == [
            ("name", "invalid_mapping")
        ]


def test_a_column_that_becomes_nothing_is_refused_unless_it_is_ignored() -> None:
    columns = "tag,name,colour,weight"
    assert faults("trial.machines", columns) == [("mapping", "unknown_column")]
    found = entries("trial.machines", columns, ignore_unknown=True)
    assert list(found) == ["tag", "name"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    said: dict[str, Any] = {
        "map": {"serial": "nowhere", "version": "x", "tag.part": "x", "custom": "x"},
        "set": {"custom.age": "1", "custom": "{}"},
        "key": ["colour"],
    }
    assert set(faults("trial.machines", "x,y", **said)) == {
        ("serial", "invalid_mapping"),
        ("version", "invalid_mapping"),
        ("tag.part", "invalid_mapping"),
        ("custom", "invalid_mapping"),
        ("custom.age", "invalid_mapping"),
        ("key", "invalid_mapping"),
        ("mapping", "unknown_column"),
        ("name", "required"),
        ("tag", "required"),
    }


@pytest.mark.parametrize("field", ["id", "tenant_id", "version", "created_at"])
def test_what_the_kernel_gives_a_row_cannot_be_imported(field: str) -> None:
    said: dict[str, Any] = {"map": {field: "x"}, "set": {"title": "x"}}
    assert faults("trial.jobs", "x", **said) == [
        (field, "invalid_mapping"),
        ("mapping", "unknown_column"),
    ]


def test_history_is_imported_by_managers_who_say_so_and_by_nobody_else() -> None:
    said: dict[str, Any] = {"map": {"done_at": "at"}, "set": {"state": "done"}}
    assert "state" in entries("trial.jobs", "title,at", "trial.jobs.manage", **said)
    found = faults("trial.jobs", "title,at", *IMPORT, **said)
    assert ("state", "invalid_mapping") in found
    assert faults("trial.jobs", "title,state,done_at") == [
        ("mapping", "unknown_column")
    ]


def test_a_reference_is_found_by_a_unique_field_of_what_it_refers_to() -> None:
    for source in ("@tag:m", "@trial.machines.tag:m", "@tag:No {m}"):
        found = entries("trial.jobs", "title,m", map={"machine_id": source})
        lookup = found["machine_id"].source.lookup
        assert lookup is not None
        assert [it.name for it in lookup.facets] == ["tag"]
    for source in ("@name:m", "@id:m", "@tenant_id:m", "@trial.jobs.title:m", "@x:m"):
        said: dict[str, Any] = {"map": {"machine_id": source}, "ignore_unknown": True}
        assert faults("trial.jobs", "title,m", **said) == [
            ("machine_id", "invalid_mapping")
        ]


def test_who_may_not_read_a_resource_learns_nothing_of_it_by_importing() -> None:
    with pytest.raises(Denied):
        entries("trial.jobs", "title,m", "trial.jobs.import",
                map={"machine_id": "@tag:m"})  # fmt: skip
