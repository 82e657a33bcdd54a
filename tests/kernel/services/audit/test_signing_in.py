"""Every way in and out of a tenant is in its log: who, from where, and with what."""

from uuid import UUID

import pytest

from insula.kernel.database.session import Session, Statement
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.tenant import Tenant
from tests.house import House

pytestmark = pytest.mark.anyio
PASSWORD, AGENT = "a-good-long-passphrase", "Lynx/2.9 (a terminal)"
HEADERS = {"user-agent": AGENT}
SET = Statement(
    "UPDATE home__.users SET password = $3, email = $4, email_verified_at = now()"
    " WHERE tenant_id = $1::text::uuid AND id = $2"
)
LOGGED = Statement(
    """SELECT action, actor_kind, client, user_agent, request_id FROM home__.audit_log
 WHERE tenant_id = $1::text::uuid AND starts_with(action, 'auth.')
   AND user_agent IS NOT NULL ORDER BY id"""
)


async def known(session: Session, user_id: UUID | None) -> str:
    """Give a user a password; their address."""
    email, hashed = f"{uuid7().hex}@acme.test", await hash_password(PASSWORD)
    async with session.transaction() as transaction:
        await transaction.fetch(SET, user_id, hashed, email)
    return email


@pytest.fixture
async def acme(house: House) -> Tenant:
    return await house.tenant(apps=())


async def test_each_sign_in_failure_and_sign_out_is_one_entry(
    house: House, acme: Tenant
) -> None:
    """Promise 13, S4-44: in the tenant's own data, with the client's name of itself."""
    session = house.platform.open_session(acme.home, acme.id)
    email = await known(session, (await house.user(acme)).actor_id)
    ada = house.caller(acme.domain)
    bodies = [{"email": email, "password": it} for it in ("wrong", PASSWORD)]
    answers = [await ada.post("auth/login", it, headers=HEADERS) for it in bodies]
    ada.token = answers[1].data["access_token"]
    answers.append(await ada.post("auth/logout", headers=HEADERS))
    async with session.transaction() as transaction:
        rows = [tuple(it) for it in await transaction.fetch(LOGGED)]
    assert [(it[0], it[1]) for it in rows] == [
        ("auth.login_failed", "visitor"),
        ("auth.login", "user"),
        ("auth.logout", "user"),
    ]
    assert {it[3] for it in rows} == {AGENT}
    assert [it[4] for it in rows] == [it.headers["x-request-id"] for it in answers]
    assert all(it[2] for it in rows)


async def test_a_session_remembers_with_what_it_was_opened(
    house: House, acme: Tenant
) -> None:
    session = house.platform.open_session(acme.home, acme.id)
    email = await known(session, (await house.user(acme)).actor_id)
    body = {"email": email, "password": PASSWORD}
    long = {"user-agent": "x" * 400}
    answer = await house.caller(acme.domain).post("auth/login", body, headers=long)
    assert answer.status == 200
    agents = Statement(
        "SELECT user_agent FROM home__.sessions WHERE tenant_id = $1::text::uuid"
    )
    async with session.transaction() as transaction:
        found = {it[0] for it in await transaction.fetch(agents)}
    assert "x" * 255 in found
