"""Signing keys in the control database: rotated once, known to every process."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from insula.kernel.foundation.errors import Unauthenticated
from insula.kernel.foundation.ids import uuid7
from insula.kernel.identity.key_ring import LIFETIME
from insula.kernel.identity.signing_keys import AHEAD, KeyWaiting, SigningKeys
from insula.kernel.identity.tokens import TokenAudience, Tokens
from tests.house import House

pytestmark = pytest.mark.anyio


class Process:
    """A process with a ring of its own, which hears of changes when it is told."""

    def __init__(self, house: House, ahead: timedelta = timedelta()) -> None:
        it = house.platform
        self.told = 0
        self.tokens = Tokens(it.key, it.settings.base_domain)
        self.keys = SigningKeys(
            it.control, it.sealer, self.tokens.ring, self._tell,
            clock=lambda: datetime.now(UTC) + ahead,
        )  # fmt: skip

    def _tell(self) -> None:
        self.told += 1

    def token(self) -> str:
        claims = TokenAudience.tenant, uuid7(), uuid7(), uuid7()
        return self.tokens.issue(self.tokens.claims(*claims))


@pytest.fixture(autouse=True)
async def as_before(house: House) -> Any:
    """The installation's keys are those of all tests: leave none behind."""
    yield
    await house.platform.control.fetch("DELETE FROM control.signing_keys")
    await house.platform.signing_keys.load()


async def test_every_process_hears_of_a_new_key(house: House) -> None:
    """R09: by a notice, over the bus; nobody restarts anything."""
    other = Process(house)
    house.platform.bus.subscribe(other.keys.heard)
    kid = (await Process(house).keys.rotate()).kid
    for _ in range(500):
        if kid in {it["kid"] for it in other.tokens.ring.published}:
            break
        await asyncio.sleep(0.01)
    assert kid in {it["kid"] for it in other.tokens.ring.published}
    assert other.told > 0


async def test_a_key_is_published_before_it_signs_and_only_then_followed(
    house: House,
) -> None:
    process = Process(house)
    view = await process.keys.rotate()
    assert view.signs_from is not None
    assert view.signs_from > datetime.now(UTC) + AHEAD - timedelta(minutes=1)
    await process.keys.load()
    assert process.tokens.ring.signer().kid != view.kid
    with pytest.raises(KeyWaiting):
        await process.keys.rotate()
    states = {it.kid: it.state.value for it in await process.keys.list()}
    assert list(states.values()) == ["signs", "waits"]


async def test_five_rotations_at_once_are_one(house: House) -> None:
    done = await asyncio.gather(
        *(Process(house).keys.rotate() for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(it, KeyWaiting) for it in done) == 4
    assert len(await house.platform.signing_keys.list()) == 2


async def test_private_keys_are_sealed_and_go_when_they_sign_no_more(
    house: House,
) -> None:
    """Promise 12: what a dump of the control database has signs nothing."""
    for days in (-2, -1, 0):
        await Process(house, timedelta(days=days)).keys.rotate()
    rows = await house.platform.control.fetch(
        "SELECT private, public FROM control.signing_keys ORDER BY signs_from"
    )
    assert [row["private"] is None for row in rows] == [True, False, False]
    for row in rows:
        assert '"d"' not in str(bytes(row["public"]))
        assert '"d"' not in str(row["private"])
    ring = Process(house)
    await ring.keys.load()
    lasting = LIFETIME + AHEAD.total_seconds()
    assert lasting < 86_400
    states = [it.state.value for it in await ring.keys.list()]
    assert states == ["retired", "retired", "signs", "waits"]


async def test_after_a_theft_no_earlier_token_is_believed(house: House) -> None:
    process, thief = Process(house), Process(house)
    stolen = thief.token()
    assert process.tokens.read(stolen).exp > 0
    await process.keys.rotate()
    await process.keys.rotate(drop_older=True)
    await process.keys.load()
    with pytest.raises(Unauthenticated):
        process.tokens.read(stolen)
    assert process.tokens.read(process.token()).exp > 0
    assert len(process.tokens.ring.published) == 1


async def test_people_stay_signed_in_over_a_rotation(house: House) -> None:
    """The front door: a token from before, and one from after the change."""
    tenant = await house.tenant(apps=())
    before = await house.user(tenant)
    await Process(house, -AHEAD).keys.rotate()
    await house.platform.signing_keys.load()
    after = await house.user(tenant)
    assert before.token is not None
    assert after.token is not None
    assert before.token.partition(".")[0] != after.token.partition(".")[0]
    for caller in (before, after):
        assert (await caller.get("auth/user")).status == 200


async def test_the_keys_are_published_for_whoever_verifies(house: House) -> None:
    """RFC 7517 at the address that RFC 8414's metadata names."""
    tenant = await house.tenant(apps=())
    visitor = house.caller(tenant.domain)
    view = await house.platform.signing_keys.rotate()
    await house.platform.signing_keys.load()
    metadata = (await visitor.get("/.well-known/oauth-authorization-server")).body
    answer = await visitor.get(metadata["jwks_uri"].partition(tenant.domain)[2])
    assert view.kid in {it["kid"] for it in answer.body["keys"]}
    for key in answer.body["keys"]:
        assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert "max-age" in answer.headers["cache-control"]
