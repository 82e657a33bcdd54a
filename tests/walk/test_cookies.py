"""Cookie sessions: what a browser sends by itself is believed only for our own pages."""

from datetime import timedelta

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.foundation.clock import now
from insula.kernel.identity.cookies import forgery_token
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio

PASSWORD = "a-good-long-passphrase"
SET_PASSWORD = Statement(
    "UPDATE home__.users SET password = $3, email_verified_at = now()"
    " WHERE tenant_id = $1::text::uuid AND id = $2 RETURNING email"
)
EXPIRY = Statement(
    "SELECT expires_at, kind FROM home__.sessions"
    " WHERE tenant_id = $1::text::uuid AND user_id = $2 AND kind = 'cookie'"
)
AGE = Statement(
    "UPDATE home__.sessions SET expires_at = now() + interval '2 days'"
    " WHERE tenant_id = $1::text::uuid AND user_id = $2"
)


class Browser:
    """A browser that signed in."""

    def __init__(self, house: House, tenant: Tenant, answer: Answer) -> None:
        self.caller = Caller(house.http, tenant.domain)
        self.csrf: str = answer.data["csrf_token"]
        self.given = answer.headers["set-cookie"]
        self.cookie = self.given.partition(";")[0]

    async def get(self) -> Answer:
        """Ask who is signed in."""
        return await self.caller.get("auth/user", headers={"cookie": self.cookie})

    async def write(self, **headers: str) -> Answer:
        """Make something, with these headers instead of the usual ones."""
        sent = {"cookie": self.cookie, "x-csrf-token": self.csrf, **headers}
        sent = {name.replace("_", "-"): value for name, value in sent.items()}
        body = {"name": "Pump", "tag": f"T{len(headers)}"}
        return await self.caller.post("maintenance/assets", body, headers=sent)


@pytest.fixture
async def owner(house: House) -> Caller:
    """An owner who has a password."""
    tenant = await house.tenant()
    made = await house.user(tenant)
    session = house.platform.open_session(tenant.home, tenant.id)
    hashed = await hash_password(PASSWORD)
    async with session.transaction() as transaction:
        rows = await transaction.fetch(SET_PASSWORD, made.actor_id, hashed)
    made.headers["x-email"] = rows[0]["email"]
    return made


async def browser(house: House, owner: Caller) -> Browser:
    """Sign in as a browser does."""
    tenant = await house.platform.directory.at_host(owner.host)
    body = {
        "email": owner.headers["x-email"],
        "password": PASSWORD,
        "cookie": True,
    }
    answer = await house.caller(owner.host).post("auth/login", body)
    return Browser(house, tenant, answer)


async def test_a_browser_signs_in_with_a_cookie(house: House, owner: Caller) -> None:
    """S1-50, S3-72: no script can read it, and no token is in the answer's body."""
    it = await browser(house, owner)
    assert "HttpOnly" in it.given
    assert "SameSite=Lax" in it.given
    assert "Path=/" in it.given
    assert "Domain" not in it.given
    answer = await it.get()
    assert answer.data["user"]["email"] == owner.headers["x-email"]
    assert (await it.write()).status == 201


@pytest.mark.parametrize(
    "headers",
    [
        {"x_csrf_token": ""},
        {"x_csrf_token": "0" * 64},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
    ],
    ids=str,
)
async def test_a_forged_request_writes_nothing(
    house: House, owner: Caller, headers: dict[str, str]
) -> None:
    """S3-68: the cookie came along by itself, but the page was not ours."""
    it = await browser(house, owner)
    answer = await it.write(**headers)
    assert (answer.status, answer.code) == (403, "CSRF_REFUSED")
    rows = await owner.get("maintenance/assets")
    assert rows.data == []


async def test_the_csrf_token_of_one_session_is_good_for_no_other(
    house: House, owner: Caller
) -> None:
    first, second = await browser(house, owner), await browser(house, owner)
    assert first.csrf != second.csrf
    assert (await first.write(x_csrf_token=second.csrf)).code == "CSRF_REFUSED"


async def test_signing_out_takes_the_cookie_away(house: House, owner: Caller) -> None:
    it = await browser(house, owner)
    sent = {"cookie": it.cookie, "x-csrf-token": it.csrf}
    answer = await it.caller.post("auth/logout", headers=sent)
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await it.get()).status == 401


async def test_over_tls_the_cookie_is_bound_to_its_host(
    house: House, owner: Caller
) -> None:
    """S3-72: Secure and ``__Host-``; what came without TLS has neither."""
    it = await browser(house, owner)
    assert it.given.startswith("insula=")
    _, _, token = it.cookie.partition("=")
    secure = await it.caller.get(
        "auth/user", headers={"cookie": f"__Host-insula={token}"}
    )
    assert secure.status == 200


async def test_tokens_become_a_cookie_and_are_good_no_more(
    house: House, owner: Caller
) -> None:
    body = {"email": owner.headers["x-email"], "password": PASSWORD}
    visitor = house.caller(owner.host)
    pair = (await visitor.post("auth/login", body)).data
    baked = await visitor.post("auth/cookie", {"refresh_token": pair["refresh_token"]})
    assert "csrf_token" in baked.data
    again = await visitor.post("auth/refresh", {"refresh_token": pair["refresh_token"]})
    assert again.status == 401


async def test_a_cookie_that_is_used_lasts_another_week(
    house: House, owner: Caller
) -> None:
    it = await browser(house, owner)
    tenant = await house.platform.directory.at_host(owner.host)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(AGE, owner.actor_id)
    house.platform.authenticator.forget(tenant.id)
    assert (await it.get()).status == 200
    async with session.transaction() as transaction:
        rows = await transaction.fetch(EXPIRY, owner.actor_id)
    assert rows[0]["expires_at"] > now() + timedelta(days=6)


async def test_a_cookie_of_another_tenant_opens_nothing(
    house: House, owner: Caller
) -> None:
    it = await browser(house, owner)
    other = await house.tenant()
    answer = await house.caller(other.domain).get(
        "auth/user", headers={"cookie": it.cookie}
    )
    assert answer.status in (401, 403)


@pytest.mark.parametrize(
    "text", ["insula=", "insula=x", "insula=;;;\x7f", "insula=" + "A" * 9000]
)
async def test_a_cookie_that_is_none_of_ours_is_no_fault(
    house: House, owner: Caller, text: str
) -> None:
    answer = await house.caller(owner.host).get("auth/user", headers={"cookie": text})
    assert answer.status == 401


def test_the_csrf_token_tells_nothing_of_the_cookie() -> None:
    assert forgery_token("a") != forgery_token("b")
    assert len(forgery_token("a")) == 64
