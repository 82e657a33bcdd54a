"""One's own factors: kept as secrets are, changed by their owner alone, who is told."""

import asyncio
import base64

import pytest

from insula.kernel.database.home import Isolation
from insula.kernel.database.model import TenantRow
from insula.kernel.database.personal import Registry
from insula.kernel.foundation.ids import uuid7
from insula.kernel.foundation.sealing import SealBroken
from insula.kernel.services.factors.proving import place_of
from tests.house import House

from .people import ada, person

pytestmark = pytest.mark.anyio
SECRET = (
    "SELECT secret FROM home__.totp_factors WHERE tenant_id = $1::text::uuid"
    " AND user_id = $2"
)
CODES = "auth/backup-codes"
FACTORS = ("totp_factors", "backup_codes", "passkeys")


@pytest.mark.parametrize("mode", list(Isolation))
async def test_the_secret_is_sealed_for_its_tenant_and_its_user(
    house: House, mode: Isolation
) -> None:
    """S3-01, S3-71, S4-12, promise 12: AES-256-GCM, bound to the place it lies in."""
    tenant = await house.tenant(mode)
    it, other = await ada(house, tenant), await person(house, tenant)
    kept = (await it.rows(SECRET, it.id))[0]["secret"]
    sealer, place = house.platform.sealer, place_of(it.id)
    opened = sealer.open(tenant.id, place, kept)
    assert base64.b32encode(opened).decode() == it.secret
    assert it.secret not in kept
    assert opened not in base64.urlsafe_b64decode(kept)
    for whose, where in (
        (tenant.id, place_of(other.id)),
        (uuid7(), place),
        (tenant.id, "users.password"),
    ):
        with pytest.raises(SealBroken):
            sealer.open(whose, where, kept)


async def test_no_secret_of_a_factor_is_written_down_anywhere(house: House) -> None:
    """Promise 12: neither in tables, nor in jobs, events and the journal."""
    it = await ada(house)
    it.let(
        await it.answer(await it.challenge(), method="backup_code", code=it.codes[0])
    )
    tables = await it.rows(
        "SELECT c.relname AS name FROM pg_class c JOIN pg_namespace n"
        " ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p')"
        " AND n.nspname = current_schema() AND $1::text IS NOT NULL"
        " AND has_table_privilege(c.oid, 'SELECT')"
    )
    names = [str(row["name"]) for row in tables]
    assert {"totp_factors", "backup_codes", "jobs", "audit_log", "outbox"} < set(names)
    plain = [code.replace("-", "") for code in it.codes]
    for name in names:
        rows = await it.rows(
            f"SELECT t::text AS said FROM home__.{name} t WHERE $1::text IS NOT NULL"
        )
        said = " ".join(str(row["said"]) for row in rows)
        assert it.secret not in said, name
        assert not [code for code in (*it.codes, *plain) if code in said], name


async def test_an_app_counts_once_its_first_code_was_right(house: House) -> None:
    """S4-10: until then the password is enough, and a new secret takes its place."""
    it = await person(house, await house.tenant())
    await it.sign_in()
    await it.caller.post("auth/totp")
    refused = await it.caller.post("auth/totp/confirm", {"code": "000000"})
    assert (refused.status, refused.code) == (422, "MFA_INVALID")
    assert (await it.login()).status == 200
    assert (await it.caller.get("auth/factors")).data["totp_since"] is None
    await it.enrol()
    assert len(set(it.codes)) == 10
    assert (await it.login()).code == "MFA_REQUIRED"
    again = await it.caller.post("auth/totp")
    assert (again.status, again.code) == (409, "MFA_ALREADY_ENROLLED")
    stale = await it.caller.post("auth/totp/confirm", {"code": it.code()})
    assert stale.code == "MFA_INVALID"


async def test_each_backup_code_lets_its_owner_in_once(house: House) -> None:
    """S4-11, promise 7: of twenty-four who come with one at once, one comes in."""
    it = await ada(house)
    challenges: list[str] = []
    while len(challenges) < 24:
        challenges.append(await it.challenge())
    code = it.codes[3].upper().replace("-", " ")
    given = {"method": "backup_code", "code": code}
    # The account is slowed down meanwhile; whoever waits tries again later.
    answers = await asyncio.gather(*(it.answer(each, **given) for each in challenges))
    statuses = [each.status for each in answers]
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}
    used = await it.rows(
        "SELECT count(*) AS n FROM home__.backup_codes"
        " WHERE tenant_id = $1::text::uuid AND user_id = $2 AND used_at IS NOT NULL",
        it.id,
    )
    assert used[0]["n"] == 1
    assert "backup_code_used" in await it.told()
    it.let(next(each for each in answers if each.status == 200))
    assert (await it.caller.get("auth/factors")).data["backup_codes_left"] == 9


async def test_another_users_backup_code_opens_nothing(house: House) -> None:
    """S4-11."""
    it = await ada(house)
    other = await ada(house, it.tenant)
    given = {"method": "backup_code", "code": other.codes[0]}
    assert (await it.answer(await it.challenge(), **given)).code == "MFA_INVALID"
    assert (await other.answer(await other.challenge(), **given)).status == 200


async def test_new_backup_codes_void_the_old_ones(house: House) -> None:
    """S4-11."""
    it = await ada(house)
    old = it.codes[0]
    new = (await it.caller.post(CODES)).data["backup_codes"]
    assert len(set(new) - set(it.codes)) == 10
    challenge = await it.challenge()
    assert (await it.answer(challenge, method="backup_code", code=old)).status == 401
    assert (await it.answer(challenge, method="backup_code", code=new[0])).status == 200


async def test_without_a_factor_there_are_no_backup_codes(house: House) -> None:
    it = await person(house, await house.tenant())
    await it.sign_in()
    refused = await it.caller.post(CODES)
    assert (refused.status, refused.code) == (409, "MFA_NOT_ENROLLED")


async def test_removing_the_last_factor_removes_the_backup_codes(house: House) -> None:
    it = await ada(house)
    assert (await it.caller.send("DELETE", "auth/totp")).status == 200
    mine = (await it.caller.get("auth/factors")).data
    assert (mine["methods"], mine["backup_codes_left"]) == ([], 0)
    assert (await it.login()).status == 200
    assert (await it.caller.send("DELETE", "auth/totp")).status == 404
    assert (await it.told())[-1] == "second_factor_removed"
    assert "factors.second_factor_removed" in await it.actions()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "auth/totp"),
        ("DELETE", "auth/totp"),
        ("POST", CODES),
        ("POST", "auth/passkeys/begin"),
        ("DELETE", "auth/passkeys/01a1fd76-ba1d-7762-ac49-6b886f37a526"),
        ("DELETE", "users/01a1fd76-ba1d-7762-ac49-6b895605cff6/factors"),
    ],
)
async def test_factors_change_only_after_a_fresh_proof(
    house: House, method: str, path: str
) -> None:
    it = await person(house, await house.tenant(), "owner")
    await it.sign_in()
    assert (await it.caller.send(method, path)).status != 403
    await it.let_proof_lapse()
    refused = await it.caller.send(method, path)
    assert (refused.status, refused.code) == (403, "STEP_UP_REQUIRED")


async def test_an_administrator_frees_who_lost_everything(house: House) -> None:
    it = await ada(house)
    owner, member = await person(house, it.tenant, "owner"), await ada(house, it.tenant)
    await owner.sign_in()
    path = f"users/{it.id}/factors"
    assert (await member.caller.send("DELETE", path)).status == 403
    assert (await owner.caller.send("DELETE", path)).status == 200
    assert (await it.login()).status == 200
    assert (await it.told())[-1] == "second_factor_removed"
    elsewhere = await ada(house)
    unknown = await owner.caller.send("DELETE", f"users/{uuid7()}/factors")
    foreign = await owner.caller.send("DELETE", f"users/{elsewhere.id}/factors")
    odd = await owner.caller.send("DELETE", "users/x/factors")
    assert {it.status for it in (unknown, foreign, odd)} == {404}
    assert (await elsewhere.login()).code == "MFA_REQUIRED"


async def test_nobody_frees_whoever_may_do_more(house: House) -> None:
    """Who keeps the users takes no factor away from an owner."""
    tenant = await house.tenant()
    boss = await person(house, tenant, "owner")
    await boss.sign_in()
    await boss.enrol()
    role = {"name": "helpdesk", "title": "Help", "grants": ["users.manage"]}
    assert (await boss.caller.post("roles", role)).status == 201
    helper, member = await person(house, tenant, "helpdesk"), await ada(house, tenant)
    await member.rows(
        "UPDATE home__.users SET roles = '[]' WHERE tenant_id = $1::text::uuid"
        " AND id = $2",
        member.id,
    )
    await helper.sign_in()
    refused = await helper.caller.send("DELETE", f"users/{boss.id}/factors")
    assert (refused.status, refused.code) == (403, "OUTRANKED")
    assert (await boss.login()).code == "MFA_REQUIRED"
    freed = await helper.caller.send("DELETE", f"users/{member.id}/factors")
    assert freed.status == 200


async def test_the_secrets_of_an_erased_person_go() -> None:
    """They are in the registry of what is held of people."""
    tables = TenantRow.metadata.tables
    registry = Registry.of(tables[name] for name in FACTORS)
    for entry in registry.entries.values():
        assert entry.goes
        assert entry.owner == "user_id"
        assert not {"secret", "digest", "public_key"} & set(entry.exported)
