"""What the words cost: statements, and indexes."""

import pytest

from insula.kernel.database.session import Session, Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House
from tests.kernel.resource.vocabulary.shop import invoices

pytestmark = pytest.mark.anyio
NEIGHBOUR = (
    "SELECT rank FROM home__.shop_tickets WHERE tenant_id = $1::text::uuid"
    " AND rank > 'V' ORDER BY rank LIMIT 1"
)


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database outside of transactions."""
    sent: list[str] = []
    fetch = Session.fetch

    async def noted(session: Session, statement: Statement, *args: object) -> object:
        sent.append(statement.text)
        return await fetch(session, statement, *args)

    monkeypatch.setattr(Session, "fetch", noted)
    return sent


async def test_a_numbered_row_is_still_made_by_one_statement(
    owner: Caller, statements: list[str]
) -> None:
    """The counter, the row, what is worked out of it, its audit and its event."""
    made = await owner.create("shop/invoices", title="A")
    (one,) = [it for it in statements if invoices.table.name in it]
    assert "home__.counters" in one
    assert made["number"] >= 1000
    del statements[:]
    path = f"shop/invoices/{made['id']}"
    await owner.patch(path, {"title": "B", "version": 1})
    assert len([it for it in statements if invoices.table.name in it]) == 1


async def test_the_neighbour_of_a_row_is_found_by_the_index_of_ranks(
    shop: House, tenant: Tenant
) -> None:
    session = shop.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        cheap = "SELECT set_config('enable_seqscan', 'off', true), $1::text"
        await transaction.fetch(Statement(cheap))
        plan = await transaction.fetch(Statement(f"EXPLAIN {NEIGHBOUR}"))
    text = "\n".join(row[0] for row in plan)
    assert "using uq_shop_tickets_rank" in text, text
    assert "AND (rank > 'V'::text))" in text, text
    assert "Sort" not in text, text
