"""The operators' door: nobody comes in with a password alone, and nobody guesses a code."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from insula.kernel.foundation.clock import now
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.factors.totp import code_of, step_at
from insula.kernel.identity.operator_door import LIFETIME, OperatorGate
from insula.kernel.identity.operator_factors import PLACE
from insula.server.demo import for_demo
from tests.house import OPERATORS_PASSWORD, Answer, Caller, House

pytestmark = pytest.mark.anyio
ADMIN, LOGIN, SECOND = "admin.localhost", "auth/login", "auth/second-factor"
SECRET = "SELECT two_factor_secret FROM control.system_admins WHERE id = $1"
KEPT = "SELECT * FROM control.system_admins WHERE id = $1"
FREED = "UPDATE control.system_admins SET two_factor_failed_at = $2 WHERE id = $1"
WEAK = "UPDATE control.admin_sessions SET factors = '[\"pwd\"]' WHERE admin_id = $1"


class Newcomer:
    """An operator who was made by another and never came in."""

    def __init__(self, house: House, made: dict[str, Any]) -> None:
        self.house, self.id, self.email = house, made["id"], made["email"]
        self.caller = house.caller(ADMIN)

    async def login(self, password: str = OPERATORS_PASSWORD) -> Answer:
        """The first step."""
        body = {"email": self.email, "password": password}
        return await self.caller.post(LOGIN, body)

    async def challenge(self) -> str:
        """What the first step gives for the second."""
        answer = await self.login()
        assert answer.status == 401, answer.body
        text: str = answer.body["error"]["challenge"]
        return text

    async def code(self, steps: int = 0) -> str:
        """What the authenticator app shows, so many steps from now."""
        row = (await self.house.platform.control.fetch(SECRET, self.id))[0]
        secret = self.house.platform.sealer.open(self.id, PLACE, row[0])
        return code_of(secret, step_at(now()) + steps)

    async def second(self, challenge: str, code: str, method: str = "totp") -> Answer:
        """The second step."""
        body = {"challenge": challenge, "method": method, "code": code}
        return await self.caller.post(SECOND, body)

    async def enrol(self) -> list[str]:
        """Set up an app and come in; the backup codes."""
        challenge = await self.challenge()
        asked = await self.caller.post(f"{SECOND}/enrol", {"challenge": challenge})
        assert asked.data["uri"].startswith("otpauth://totp/")
        answer = (await self.second(challenge, await self.code(-1))).data
        self.caller.token = answer["access_token"]
        codes: list[str] = answer["backup_codes"]
        return codes


@pytest.fixture
async def chief(house: House) -> Caller:
    """An operator who may do everything."""
    return await house.operator()


@pytest.fixture
async def grace(house: House, chief: Caller) -> Newcomer:
    """A new operator."""
    body = {"email": f"{uuid4().hex[:10]}@insula.test", "permissions": ["tenants.*"]}
    made = await chief.create("operators", **body, password=OPERATORS_PASSWORD)
    return Newcomer(house, made)


async def test_without_a_second_factor_an_operator_can_only_enrol_one(
    grace: Newcomer,
) -> None:
    """S1-53: and then they are in."""
    answer = await grace.login()
    assert (answer.status, answer.code) == (401, "MFA_ENROLMENT_REQUIRED")
    challenge = answer.body["error"]["challenge"]
    grace.caller.token = challenge
    assert (await grace.caller.get("tenants")).status == 401
    grace.caller.token = None
    early = await grace.second(challenge, "123456")
    assert (early.status, early.code) == (409, "MFA_NOT_ENROLLED")
    codes = await grace.enrol()
    assert len(codes) == 10
    assert (await grace.caller.get("tenants")).status == 200


async def test_with_one_the_password_is_half_the_way(grace: Newcomer) -> None:
    """S1-53, S1-96: password, challenge, code."""
    await grace.enrol()
    answer = await grace.login()
    assert (answer.status, answer.code) == (401, "MFA_REQUIRED")
    assert answer.body["error"]["methods"] == ["totp", "backup_code"]
    challenge = answer.body["error"]["challenge"]
    assert (await grace.second(challenge, "000000")).code == "MFA_INVALID"
    code = await grace.code()
    pair = (await grace.second(challenge, code)).data
    assert (pair["token_type"], pair["backup_codes"]) == ("Bearer", [])
    used = await grace.second(challenge, code)
    assert (used.status, used.code) == (401, "MFA_INVALID")
    again = await grace.caller.post(f"{SECOND}/enrol", {"challenge": challenge})
    assert (again.status, again.code) == (409, "MFA_ALREADY_ENROLLED")


async def test_a_backup_code_opens_once(grace: Newcomer) -> None:
    """S1-53: in any spelling; and new ones replace the rest."""
    first, second, *_ = await grace.enrol()
    challenge = await grace.challenge()
    spelled = first.upper().replace("-", " ")
    answer = await grace.second(challenge, spelled, "backup_code")
    assert answer.status == 200, answer.body
    assert (await grace.second(challenge, first, "backup_code")).code == "MFA_INVALID"
    grace.caller.token = answer.data["access_token"]
    renewed = (await grace.caller.post("auth/backup-codes")).data["backup_codes"]
    assert (await grace.second(challenge, second, "backup_code")).code == "MFA_INVALID"
    assert (await grace.second(challenge, renewed[0], "backup_code")).status == 200


async def test_what_is_kept_opens_nothing(house: House, grace: Newcomer) -> None:
    """S1-53: a secret that is sealed for its operator, codes that are MACs."""
    codes = await grace.enrol()
    row = (await house.platform.control.fetch(KEPT, grace.id))[0]
    kept = "".join(map(str, row.values())) + bytes(row["backup_codes"]).decode()
    assert not any(code in kept or code.replace("-", "") in kept for code in codes)
    sealed, other = row["two_factor_secret"], uuid4()
    with pytest.raises(ValueError, match="does not open"):
        house.platform.sealer.open(other, PLACE, sealed)


async def test_who_guesses_has_to_wait_ever_longer(
    house: House, grace: Newcomer
) -> None:
    """S1-53: by the account, whatever challenge it is tried with; right codes too."""
    await grace.enrol()
    for _ in range(5):
        wrong = await grace.second(await grace.challenge(), "000000")
        assert wrong.code == "MFA_INVALID"
    challenge, code = await grace.challenge(), await grace.code()
    locked = await grace.second(challenge, code)
    assert (locked.status, locked.code) == (429, "MFA_THROTTLED")
    assert 0 < int(locked.headers["retry-after"]) <= 61
    waited = now() - timedelta(seconds=61)
    await house.platform.control.fetch(FREED, grace.id, waited)
    assert (await grace.second(challenge, "000000")).code == "MFA_INVALID"
    waits = int((await grace.second(challenge, code)).headers["retry-after"])
    assert 61 < waits <= 121
    await house.platform.control.fetch(FREED, grace.id, waited - timedelta(hours=1))
    assert (await grace.second(challenge, code)).status == 200


async def test_a_challenge_ends_with_its_time_its_password_and_its_operator(
    house: House, grace: Newcomer, chief: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-53: and what is no challenge of ours is as good as a wrong code."""
    await grace.enrol()
    one, code = f"operators/{grace.id}", await grace.code()
    for text in ("x", "insm_", f"insm_{'A' * 400}", "é"):
        assert (await grace.second(text, code)).code == "MFA_INVALID"
    old = await grace.challenge()
    with monkeypatch.context() as patch:
        patch.setattr(
            "insula.kernel.identity.operator_door.time",
            lambda: now().timestamp() + LIFETIME,
        )
        assert (await grace.second(old, code)).code == "MFA_INVALID"
    word = {"password": "another-good-passphrase"}
    assert (await chief.post(f"{one}/password", word)).status == 200
    assert (await grace.second(old, code)).code == "MFA_INVALID"
    answer = await grace.login(word["password"])
    await chief.post(f"{one}/disable")
    challenge = answer.body["error"]["challenge"]
    assert (await grace.second(challenge, code)).code == "MFA_INVALID"
    assert house.platform.services.operating.required


async def test_a_session_without_a_second_factor_is_worth_nothing(
    house: House, grace: Newcomer
) -> None:
    """S1-53: not even one that began while it could."""
    await grace.enrol()
    await house.platform.control.fetch(WEAK, grace.id)
    house.platform.authenticator.heard(f"actor:{grace.id}")
    assert (await grace.caller.get("tenants")).status == 401


async def test_after_a_reset_another_factor_is_enrolled(
    house: House, grace: Newcomer, chief: Caller
) -> None:
    """S1-96: the old app and the old sessions are good for nothing."""
    codes = await grace.enrol()
    answer = await chief.post(f"operators/{grace.id}/reset-second-factor")
    assert answer.data["second_factor"] is False
    house.platform.authenticator.heard(f"actor:{grace.id}")
    assert (await grace.caller.get("tenants")).status == 401
    grace.caller.token = None
    challenge = await grace.challenge()
    refused = await grace.second(challenge, codes[0], "backup_code")
    assert refused.code == "MFA_NOT_ENROLLED"
    assert len(await grace.enrol()) == 10


async def test_an_operator_proves_again_who_they_are(
    house: House, grace: Newcomer
) -> None:
    """S1-53: before what matters; a password alone does not do it."""
    await grace.enrol()
    old = "UPDATE control.admin_sessions SET proved_at = $2 WHERE admin_id = $1"
    await house.platform.control.fetch(old, grace.id, now() - timedelta(hours=1))
    house.platform.authenticator.heard(f"actor:{grace.id}")
    asked = await grace.caller.post("auth/backup-codes")
    assert (asked.status, asked.code) == (403, "STEP_UP_REQUIRED")
    weak = {"method": "password", "password": OPERATORS_PASSWORD}
    refused = await grace.caller.post("auth/step-up", weak)
    assert (refused.status, refused.code) == (422, "MFA_INVALID")
    proof = {"method": "totp", "code": await grace.code(1)}
    assert (await grace.caller.post("auth/step-up", proof)).data["proved_at"]
    assert (await grace.caller.post("auth/backup-codes")).status == 200


async def test_an_operator_changes_their_password(
    house: House, grace: Newcomer
) -> None:
    """S1-96: with the one they have, and is signed out everywhere."""
    await grace.enrol()
    new = "another-good-passphrase"
    wrong = {"current_password": "wrong", "password": new}
    answer = await grace.caller.post("auth/password", wrong)
    assert (answer.status, answer.code) == (401, "INVALID_CREDENTIALS")
    right = {"current_password": OPERATORS_PASSWORD, "password": new}
    assert (await grace.caller.post("auth/password", right)).status == 200
    house.platform.authenticator.heard(f"actor:{grace.id}")
    assert (await grace.caller.get("tenants")).status == 401
    assert (await grace.login()).code == "INVALID_CREDENTIALS"
    assert (await grace.login(new)).code == "MFA_REQUIRED"


async def test_a_developer_may_leave_the_door_open_but_not_for_whoever_has_a_factor(
    house: House, grace: Newcomer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S1-53: the gate without its rule, and every gate with it."""
    operating = house.platform.services.operating
    monkeypatch.setitem(
        operating.__dict__, "gate", OperatorGate(operating.challenges, required=False)
    )
    monkeypatch.setattr(house.platform.authenticator.operators, "strict", False)
    grace.caller.token = (await grace.login()).data["access_token"]
    assert (await grace.caller.get("tenants")).status == 200
    monkeypatch.undo()
    house.platform.authenticator.heard(f"actor:{grace.id}")
    assert (await grace.caller.get("tenants")).status == 401
    grace.caller.token = None
    await grace.enrol()
    monkeypatch.setitem(
        operating.__dict__, "gate", OperatorGate(operating.challenges, required=False)
    )
    assert (await grace.login()).code == "MFA_REQUIRED"


def test_only_development_may_leave_it_open() -> None:
    """S1-53: there is no way around it in production, and the demonstration is told."""
    key = "x" * 40
    for env in ("production", "staging"):
        with pytest.raises(ValidationError, match="development alone"):
            Settings(env=env, app_key=key, operator_second_factor=False)  # type: ignore[arg-type]  # as the environment gives them
        strict = Settings(env=env, app_key=key)  # type: ignore[arg-type]  # the same
        assert for_demo(strict).operator_second_factor is None
    assert for_demo(Settings()).operator_second_factor is False
    said = Settings(operator_second_factor=True)
    assert for_demo(said).operator_second_factor is True
