"""Filters and sorts by custom fields are answered from the index of their slot (D2b)."""

from unittest.mock import AsyncMock

import pytest

from insula.kernel.resource.custom.book import CustomColumns
from insula.kernel.resource.custom.fields import AddedField, AddedFields
from insula.kernel.resource.custom.kinds import CustomKind
from tests.isolation.neighbours import APIS
from tests.isolation.test_plans import FEW, RAREST, Explained, check, explained

pytestmark = pytest.mark.anyio
__all__ = ["explained"]
SLOT = "custom_3"
ADDED = AddedFields(
    [AddedField(key="x", kind=CustomKind.text, label="X", slot=SLOT, ready=True)]
)
FILTERS = ("custom.x=={0}", "custom.x=in=({0},{0}1)", "custom.x=prefix={0}")
CUSTOM = [name for name, it in APIS.items() if it.resource.custom]


@pytest.mark.parametrize("name", CUSTOM)
async def test_custom_fields_are_found_by_their_slots(
    explained: Explained,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K13, D2b: by what a tenant added, on the first page and the next."""
    monkeypatch.setattr(CustomColumns, "of", AsyncMock(return_value=ADDED))
    monkeypatch.setattr(CustomColumns, "known", lambda *_: ADDED)
    api = APIS[name]
    value = await explained.value(RAREST, api, SLOT)
    for text in FILTERS:
        reply, scan = await explained.list(api, filter=text.format(value))
        check(scan, SLOT)
        assert reply.data != b"[]"
    for sort in ("custom.x", "-custom.x"):
        reply, scan = await explained.list(api, sort=sort)
        assert scan["Index Name"].endswith(SLOT), scan
        _, scan = await explained.list(api, sort=sort, cursor=str(reply.next_cursor))
        check(scan, SLOT)
        assert scan["Actual Rows"] <= FEW
