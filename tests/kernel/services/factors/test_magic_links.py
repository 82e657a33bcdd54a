"""Magic links: they sign in once, and say nothing to whoever asks for one."""

import asyncio
import re

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.ids import uuid7
from insula.kernel.mail.inbound import read_mail
from insula.kernel.mail.transports import Envelope
from tests.house import Answer, House

from .conftest import Work
from .people import Person, ada, person, with_policy

pytestmark = pytest.mark.anyio
ASK, REDEEM = "auth/magic-link", "auth/magic-link/redeem"
LINK = re.compile(r"https?://(\S+?)(?::\d+)?/sign-in/link#(inst_[\w-]+)")


class Post:
    """Keeps what would have been sent."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []

    async def send(self, envelope: Envelope) -> None:
        """Take a mail."""
        self.taken.append(envelope)

    async def close(self) -> None:
        """Nothing is open."""

    def links(self) -> list[tuple[str, str]]:
        """Hosts and tokens of the links that were sent."""
        said = [str(read_mail(it.content).text) for it in self.taken]
        return [found.groups() for it in said if (found := LINK.search(it))]  # type: ignore[misc]  # two groups


@pytest.fixture
def post(house: House, monkeypatch: pytest.MonkeyPatch) -> Post:
    """The outside world: the server that takes mails."""
    post = Post()
    postman = house.platform.services.postman
    monkeypatch.setattr(type(postman), "transport", post, raising=False)
    return post


async def ask(someone: Person, email: str = "") -> Answer:
    """Ask for a link."""
    return await someone.visitor.post(ASK, {"email": email or someone.email})


async def link_for(someone: Person, post: Post) -> str:
    """The token of a link that somebody asked for and was sent."""
    post.taken.clear()
    assert (await ask(someone)).status == 202
    await someone.house.work(someone.tenant)
    [(host, token)] = post.links()
    assert host == someone.tenant.domain
    return token


async def redeem(someone: Person, token: str) -> Answer:
    """Come with a link."""
    return await someone.visitor.post(REDEEM, {"token": token})


@pytest.mark.parametrize("mode", list(Isolation))
async def test_a_link_signs_in_once(house: House, post: Post, mode: Isolation) -> None:
    """S4-14: of many who come with it at once, one."""
    it = await person(house, await house.tenant(mode), password=None)
    token = await link_for(it, post)
    answers = await asyncio.gather(*(redeem(it, token) for _ in range(12)))
    assert sorted(each.status for each in answers) == [200] + [410] * 11
    it.let(next(each for each in answers if each.status == 200))
    assert (await it.caller.get("auth/user")).data["user"]["email"] == it.email
    assert (await redeem(it, token)).code == "TOKEN_INVALID"


async def test_who_asks_learns_nothing(house: House, post: Post) -> None:
    """S4-14, promise 7: alike for an address that is known, unknown or disabled."""
    it = await person(house, await house.tenant())
    off = await person(house, it.tenant)
    await off.rows(
        "UPDATE home__.users SET disabled_at = now()"
        " WHERE tenant_id = $1::text::uuid AND id = $2",
        off.id,
    )
    asked = (it.email, off.email, "nobody@nowhere.test", it.email.upper())
    answers = [await ask(it, each) for each in asked]
    assert {(each.status, str(each.body["data"])) for each in answers} == {
        (202, "None")
    }
    await house.work(it.tenant)
    assert {each.recipient for each in post.taken} == {it.email}
    jobs = await it.rows(
        "SELECT command FROM home__.jobs WHERE tenant_id = $1::text::uuid"
        " AND task = 'factors.send_magic_link'"
    )
    assert len(jobs) == 4, "one is made for everybody"
    assert "nowhere.test" not in str([bytes(row["command"]) for row in jobs])


async def test_asking_does_the_same_work_for_anybody(house: House, work: Work) -> None:
    """Promise 7: statement by statement, so that no clock tells them apart."""
    it = await person(house, await house.tenant())
    traces = []
    for email in (it.email, "nobody@nowhere.test"):
        await ask(it, email)
        with work.traced() as trace:
            await ask(it, email)
        traces.append(trace)
    assert traces[0] == traces[1]
    assert len(traces[0]) > 2


@pytest.mark.parametrize("email", ["", "a\u0000b@x.test", "@@@", "ä" * 255, "x" * 256])
async def test_whatever_is_asked_for_is_no_fault_of_ours(
    house: House, email: str
) -> None:
    """Promise 15."""
    it = await person(house, await house.tenant())
    answer = await it.visitor.post(ASK, {"email": email})
    assert answer.status in (202, 400, 422)


async def test_a_link_is_one_factor(house: House, post: Post) -> None:
    """S4-14: who has a second one needs it after a link, too."""
    it = await ada(house)
    token = await link_for(it, post)
    answer = await redeem(it, token)
    assert (answer.status, answer.code) == (401, "MFA_REQUIRED")
    await it.forget_steps()
    it.let(await it.answer(answer.body["error"]["challenge"]))
    rows = await it.rows(
        "SELECT factors FROM home__.sessions WHERE tenant_id = $1::text::uuid"
        " AND user_id = $2 ORDER BY id DESC LIMIT 1",
        it.id,
    )
    assert bytes(rows[0]["factors"]) == b'["mail", "otp"]'
    assert (await redeem(it, token)).status == 410


async def test_a_link_proves_the_address(house: House, post: Post) -> None:
    it = await person(house, await house.tenant())
    await it.rows(
        "UPDATE home__.users SET email_verified_at = NULL"
        " WHERE tenant_id = $1::text::uuid AND id = $2",
        it.id,
    )
    assert (await redeem(it, await link_for(it, post))).status == 200
    assert "users.verified" in await it.actions()


async def test_a_link_to_an_address_that_was_given_up_opens_nothing(
    house: House, post: Post
) -> None:
    it = await person(house, await house.tenant())
    token = await link_for(it, post)
    await it.rows(
        "UPDATE home__.users SET email = $3 WHERE tenant_id = $1::text::uuid"
        " AND id = $2",
        it.id,
        f"{uuid7().hex}@elsewhere.test",
    )
    assert (await redeem(it, token)).code == "TOKEN_INVALID"


async def test_a_link_is_good_where_it_was_asked_for_and_for_nothing_else(
    house: House, post: Post
) -> None:
    it, stranger = await ada(house), await person(house, await house.tenant())
    token = await link_for(it, post)
    assert (await redeem(stranger, token)).code == "TOKEN_INVALID"
    assert (await redeem(it, await it.challenge())).code == "TOKEN_INVALID"
    assert (await it.answer(token)).code == "MFA_INVALID"
    for odd in ("x", "inst_" + "A" * 86, "ä"):
        assert (await redeem(it, odd)).code == "TOKEN_INVALID"
    await it.rows(
        "UPDATE home__.one_time_tokens SET expires_at = now()"
        " WHERE tenant_id = $1::text::uuid AND purpose = 'magic_link'"
    )
    assert (await redeem(it, token)).code == "TOKEN_INVALID"


async def test_nobodys_mailbox_is_filled(house: House, post: Post) -> None:
    """Whoever asks, and however often: five an hour."""
    it = await person(house, await house.tenant())
    for _ in range(8):
        assert (await ask(it)).status == 202
    await house.work(it.tenant)
    assert len(post.links()) == 5


async def test_a_tenant_may_switch_links_off(house: House, post: Post) -> None:
    it = await person(house, await house.tenant())
    token = await link_for(it, post)
    await with_policy(house, it.tenant, methods=["password"])
    post.taken.clear()
    assert (await ask(it)).status == 202
    await house.work(it.tenant)
    assert post.taken == []
    refused = await redeem(it, token)
    assert (refused.status, refused.code) == (403, "SIGN_IN_METHOD_OFF")


async def test_the_token_of_a_link_is_written_down_nowhere(
    house: House, post: Post
) -> None:
    """Promise 12: the job carries it sealed, the table as a hash."""
    it = await person(house, await house.tenant())
    token = await link_for(it, post)
    for table in ("jobs", "mails", "one_time_tokens", "audit_log", "outbox"):
        rows = await it.rows(
            f"SELECT t::text AS said FROM home__.{table} t"
            " WHERE t.tenant_id = $1::text::uuid"
        )
        assert token not in str([row["said"] for row in rows]), table
