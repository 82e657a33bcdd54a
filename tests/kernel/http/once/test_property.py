"""Whatever is sent in whatever order, keys answer as their rules say (promise 9)."""

import asyncio
import random
import secrets

import pytest

from tests.house import Answer, Caller, House

from .test_cut_off import Cutter

pytestmark = pytest.mark.anyio
PLACES = "maintenance/locations"
ROUNDS, AT_ONCE = 25, 4


class Model:
    """What each key must answer, from what was heard."""

    def __init__(self) -> None:
        self.answered: dict[tuple[int, str], tuple[str, str]] = {}
        self.made: set[str] = set()

    def hear(self, who: int, using: str, name: str, answer: Answer) -> None:
        """Compare an answer with what was answered before."""
        if answer.status in (409, 503):
            assert answer.code in ("IDEMPOTENCY_IN_FLIGHT", "DATABASE_UNAVAILABLE")
            return
        known = self.answered.get((who, using))
        if answer.status == 422:
            assert answer.code == "IDEMPOTENCY_KEY_REUSED"
            return
        assert answer.status == 201, answer.body
        if known is not None:
            assert known == (name, answer.data["id"])
        self.answered[who, using] = name, answer.data["id"]
        assert answer.data["name"] == name
        self.made.add(answer.data["id"])


@pytest.mark.parametrize("seed", range(4))
async def test_keys_keep_to_their_rules(
    house: House, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Two users, three keys, two bodies; four at once, some cut off on the way."""
    chance, model = random.Random(seed), Model()  # noqa: S311  # it decides nothing
    tenant = await house.tenant()
    users = [await house.user(tenant) for _ in range(2)]
    keys = [secrets.token_hex(8) for _ in range(3)]

    async def send(who: int, using: str, name: str) -> None:
        caller: Caller = users[who]
        headers = {"idempotency-key": using}
        answer = await caller.post(PLACES, {"name": name}, headers=headers)
        model.hear(who, using, name, answer)

    for _ in range(ROUNDS):
        cutter = Cutter(
            chance.choice([0, chance.randint(1, 24)]), before=bool(seed % 2)
        )
        batch = [
            send(chance.randrange(2), chance.choice(keys), chance.choice("ab"))
            for _ in range(AT_ONCE)
        ]
        with cutter.cutting(monkeypatch):
            await asyncio.gather(*batch)
    for (who, using), (name, _) in dict(model.answered).items():
        await send(who, using, name)
    listed = (await users[0].get(f"{PLACES}?per_page=100")).data
    assert len(listed) <= 6, "more than one a user and key"
    assert {it["id"] for it in listed} >= model.made
    assert len(model.made) == len(model.answered)
