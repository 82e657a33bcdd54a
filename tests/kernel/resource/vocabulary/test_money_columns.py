"""Money in rows: an amount, its currency, and what is worked out of them."""

from typing import Any

import pytest

from tests.house import Caller
from tests.kernel.resource.conftest import Journal

pytestmark = pytest.mark.anyio
INVOICES = "shop/invoices"


async def test_an_amount_says_of_which_currency(owner: Caller) -> None:
    made = await owner.create(INVOICES, title="A", amount_minor=105, currency="KWD")
    assert (made["amount_minor"], made["currency"]) == (105, "KWD")
    assert (await owner.get(f"{INVOICES}/{made['id']}")).data == made


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"amount_minor": 5}, "currency", "required"),
        ({"amount_minor": 5, "currency": "XXX"}, "currency", "value_error"),
        ({"amount_minor": 5, "currency": "eur"}, "currency", "value_error"),
        ({"amount_minor": 5.5, "currency": "EUR"}, "amount_minor", "int_type"),
        ({"amount_minor": 2**63, "currency": "EUR"}, "amount_minor", "less_than_equal"),
        ({"discount_minor": -1}, "discount_minor", "greater_than_equal"),
        ({"due_minor": 1}, "due_minor", "unknown"),
        ({"number": 1}, "number", "unknown"),
    ],
)
async def test_what_is_no_money_is_an_error_of_its_field(
    owner: Caller, fields: dict[str, Any], field: str, code: str
) -> None:
    answer = await owner.post(INVOICES, {"title": "A", **fields})
    assert answer.status == 422
    (wrong,) = answer.body["error"]["details"]
    assert (wrong["field"], wrong["code"]) == (field, code)


async def test_a_sum_that_is_worked_out_is_in_every_answer_and_filter(
    owner: Caller,
) -> None:
    """K1: computed columns are PostgreSQL's, read-only, and can be filtered by."""
    fields = {"title": "C", "amount_minor": 777, "currency": "EUR"}
    made = await owner.create(INVOICES, **fields, discount_minor=70)
    assert made["due_minor"] == 707
    path = f"{INVOICES}/{made['id']}"
    found = (await owner.get(INVOICES, params={"filter": "due_minor==707"})).data
    assert [it["id"] for it in found] == [made["id"]]
    changed = await owner.patch(path, {"discount_minor": 7, "version": 1})
    assert changed.data["due_minor"] == 770
    assert (await owner.patch(path, {"due_minor": 7, "version": 2})).status == 422


async def test_the_journal_knows_what_was_worked_out(
    owner: Caller, journal: Journal
) -> None:
    fields = {"title": "C", "amount_minor": 10, "currency": "EUR"}
    made = await owner.create(INVOICES, **fields)
    (entry,) = await journal.audit(made["id"])
    (event,) = await journal.outbox(made["id"])
    for told in (entry["changes"], event["payload"]):
        assert (told["due_minor"], told["number"]) == (10, made["number"])
