"""Values: whatever a caller sends is kept as sent or refused by field, never a fault."""

import json
from typing import Any

import pytest

from tests.house import Answer, Caller
from tests.kernel.resource.conftest import ASSETS, asset, fresh_tag

pytestmark = pytest.mark.anyio
ORDERS = "maintenance/work-orders"
BIG = "1" + "0" * 400


async def sent(owner: Caller, path: str, text: str) -> Answer:
    """Post a body as it is written."""
    headers = {"content-type": "application/json"}
    body = text.encode("utf-8", "surrogatepass")
    return await owner.send("POST", path, content=body, headers=headers)


@pytest.mark.parametrize(
    "value",
    ["1", "1.5", "true", "[]", "{}", '""', json.dumps("x" * 256), "null", f'["{BIG}"]'],
)
async def test_a_name_of_another_kind_is_the_fields_fault(
    owner: Caller, value: str
) -> None:
    answer = await sent(owner, ASSETS, f'{{"name": {value}, "tag": "{fresh_tag()}"}}')
    assert answer.status == 422
    assert list(answer.body["error"]["fields"]) == ["name"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("priority", "NaN"),
        ("priority", "-Infinity"),
        ("title", r'"\ud800"'),
        ("title", r'"a\u0000b"'),
        ("title", '"\ud800"'),
        ("title", '"\x00"'),
        ("title", '"\t"'),
        ("title", "'x'"),
        ("priority", "01"),
        ("priority", '1, "priority": 2'),
    ],
)
async def test_what_is_no_clean_json_is_refused(
    owner: Caller, field: str, value: str
) -> None:
    """PITFALLS 32: NaN, lone surrogates, NUL, control characters, a key twice."""
    text = f'{{"title": "x", "{field}": {value}}}'.replace('"title": "x", "t', '"t', 1)
    answer = await sent(owner, ORDERS, text)
    assert answer.status == 400, answer.body


@pytest.mark.parametrize(
    "value",
    ['"3"', "3.5", "true", BIG, f"-{BIG}", "9223372036854775808", "1e400", "0", "{}"],
)
async def test_numbers_are_whole_and_within_their_bounds(
    owner: Caller, value: str
) -> None:
    answer = await sent(owner, ORDERS, f'{{"title": "Fix", "priority": {value}}}')
    assert answer.status in (400, 422)
    if answer.status == 422:
        assert list(answer.body["error"]["fields"]) == ["priority"]


@pytest.mark.parametrize(
    "moment",
    [
        "2026-06-01T12:00:00",
        "2026-06-01",
        "noon",
        "2026-02-30T12:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-14:00",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        1780000000,
        True,
        "",
    ],
)
async def test_a_moment_has_a_zone_and_exists(owner: Caller, moment: Any) -> None:
    answer = await owner.post(ORDERS, {"title": "Fix", "due_at": moment})
    assert answer.status == 422
    assert list(answer.body["error"]["fields"]) == ["due_at"]


@pytest.mark.parametrize(
    ("moment", "kept"),
    [
        ("0002-01-01T00:00:00Z", "0002-01-01T00:00:00Z"),
        ("9998-12-31T23:59:59-14:00", "9999-01-01T13:59:59Z"),
        ("2026-06-01T12:00:00.123456+02:00", "2026-06-01T10:00:00.123456Z"),
    ],
)
async def test_a_moment_is_answered_as_it_will_be_read(
    owner: Caller, moment: str, kept: str
) -> None:
    order = await owner.create(ORDERS, title="Fix", due_at=moment)
    read = (await owner.get(f"{ORDERS}/{order['id']}")).data
    assert order["due_at"] == read["due_at"] == kept


async def test_what_an_action_writes_must_fit_too(owner: Caller) -> None:
    order = await owner.create(ORDERS, title="Fix")
    due = {"due_at": "9999-12-31T23:59:59-14:00"}
    refused = await owner.post(f"{ORDERS}/{order['id']}/schedule", due)
    assert (refused.status, refused.code) == (422, "VALIDATION_ERROR")


@pytest.mark.parametrize("day", ["2026-06-01T00:00:00Z", "2026-2-1", "01.06.2026", 1])
async def test_a_day_is_a_day(owner: Caller, day: Any) -> None:
    row = {"name": "Pump", "tag": fresh_tag(), "warranty_until": day}
    answer = await owner.post(ASSETS, row)
    if answer.status == 201:  # midnight is a day
        assert answer.data["warranty_until"] == str(day)[:10]
    else:
        assert list(answer.body["error"]["fields"]) == ["warranty_until"]


@pytest.mark.parametrize(
    "custom",
    [f'{{"n": {BIG}}}', '{"n": 1e400}', '{"n": -1e999}', f'{{"n": [{BIG}.5]}}'],
)
async def test_numbers_inside_json_never_break_it(owner: Caller, custom: str) -> None:
    text = f'{{"name": "P", "tag": "{fresh_tag()}", "custom": {custom}}}'
    assert (await sent(owner, ASSETS, text)).status in (201, 400, 422)


async def test_json_comes_back_as_it_was_sent(owner: Caller) -> None:
    custom = {
        "ä": ["ü", {"": None}],
        "n": 2**53,
        "f": 0.1,
        "e": "\U0001f600",
        "t": "\t",
    }
    row = await asset(owner, custom=custom)
    read = (await owner.get(f"{ASSETS}/{row['id']}")).data
    assert row["custom"] == read["custom"] == custom


@pytest.mark.parametrize("key", ["x", 1, "{}", "", "1" * 32, [1], {"a": 1}])
async def test_a_malformed_reference_is_the_fields_fault(
    owner: Caller, key: Any
) -> None:
    answer = await owner.post(ORDERS, {"title": "Fix", "asset_id": key})
    assert answer.status == 422
    assert {it.split(".")[0] for it in answer.body["error"]["fields"]} == {"asset_id"}


@pytest.mark.parametrize("text", ["'; DROP TABLE x; --", "%s %(x)s $1", "<b>", "\\"])
async def test_texts_are_only_texts(owner: Caller, text: str) -> None:
    row = await asset(owner, name=text)
    assert (await owner.get(f"{ASSETS}/{row['id']}")).data["name"] == text


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null", "", "{", "[{}]"])
async def test_a_body_is_one_object(owner: Caller, body: str) -> None:
    assert (await sent(owner, ASSETS, body)).status in (400, 422)
