"""The same row has the same id in every import, and another row another."""

from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.imports import ids as bounded
from insula.kernel.resource.imports.ids import (
    ImportIds,
    RepeatedKey,
    TooManyRows,
    version_8,
)

TENANT = uuid7()
ROWS = st.lists(st.fixed_dictionaries({"a": st.integers(0, 3), "b": st.text("xy")}))


def ids_of(
    rows: list[dict[str, Any]], *, tenant: UUID = TENANT, resource: str = "t.rows"
) -> list[UUID | None]:
    ids = ImportIds(tenant, resource, ())
    return [ids.next(row, ()) for row in rows]


@given(rows=ROWS, chance=st.randoms())
def test_ids_depend_on_content_and_number_alone(rows: list[Any], chance: Any) -> None:
    found = ids_of(rows)
    assert found == ids_of(rows)
    assert len(set(found)) == len(rows)
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert set(ids_of(shuffled)) == set(found)


@given(rows=ROWS.filter(bool))
def test_another_tenant_or_resource_has_other_ids(rows: list[Any]) -> None:
    mine = set(ids_of(rows))
    assert mine.isdisjoint(ids_of(rows, tenant=uuid7()))
    assert mine.isdisjoint(ids_of(rows, resource="t.others"))


@given(prefix=st.integers(0, 2**48 - 1), content=st.integers(0, 2**80 - 1))
def test_ids_are_of_version_8_and_keep_all_their_bits(
    prefix: int, content: int
) -> None:
    made = version_8(prefix, content)
    assert (made.version, made.variant) == (8, RFC_4122)
    assert made.int >> 80 == prefix
    kept = (made.int >> 64 & 0xFFF) << 62 | made.int & (1 << 62) - 1
    assert kept == content & (1 << 74) - 1


def test_imported_rows_sort_before_all_that_the_tenant_made_since() -> None:
    (imported,) = ids_of([{"a": 1}])
    assert imported is not None
    assert TENANT.int >> 80 == imported.int >> 80 <= uuid7().int >> 80


def test_a_key_is_one_row_however_often_it_comes() -> None:
    ids = ImportIds(TENANT, "t.rows", ["tag"])
    first = ids.next({"tag": "7", "name": "Lathe"}, ["7"])
    assert first is not None
    assert ids.next({"tag": "7", "name": "Lathe"}, ["7"]) is None
    with pytest.raises(RepeatedKey):
        ids.next({"tag": "7", "name": "Mill"}, ["7"])
    later = ImportIds(TENANT, "t.rows", ["tag"])
    assert later.next({"tag": "7", "name": "Mill"}, ["7"]) == first


def test_memory_is_bounded_by_the_number_of_rows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bounded, "MOST_ROWS", 2)
    ids = ImportIds(TENANT, "t.rows", ())
    assert ids.next({}, ()) != ids.next({}, ())
    with pytest.raises(TooManyRows):
        ids.next({}, ())
