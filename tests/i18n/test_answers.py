"""Problems are told in the language of whoever asks, through the front door (S4-51)."""

import json
from collections.abc import Mapping

import pytest

from insula.kernel.database.session import Statement
from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio

NOTHING = "/api/v1/maintenance/assets/01890000-0000-7000-8000-000000000000"
SAID = {
    "en": "There is no such thing here.",
    "de": "Das gibt es hier nicht.",
    "ar": "هذا غير موجود هنا.",
}
CHOOSE = Statement(
    "UPDATE home__.users SET locale = $3 WHERE tenant_id = $1::text::uuid AND id = $2"
)
POLICY = """
UPDATE control.tenants SET security = COALESCE(security, '{}') || $2::text::jsonb
 WHERE id = $1"""


def message(answer: Answer) -> str:
    return str(answer.body["error"]["message"])


async def ask(who: Caller, header: str | None, path: str = NOTHING) -> Answer:
    sent: Mapping[str, str] = {} if header is None else {"accept-language": header}
    return await who.get(path, headers=sent)


@pytest.mark.parametrize("language", ["en", "de", "ar"])
async def test_a_problem_is_told_as_the_header_wishes(
    house: House, language: str
) -> None:
    owner = await house.user(await house.tenant())
    answer = await ask(owner, f"fr, {language};q=0.5")
    assert (answer.status, answer.code) == (404, "NOT_FOUND")
    assert message(answer) == SAID[language]
    assert answer.headers["content-language"] == language
    assert "accept-language" in answer.headers["vary"].lower()


async def test_without_a_header_the_user_decides_and_then_the_tenant(
    house: House,
) -> None:
    tenant = await house.tenant()
    wanted = json.dumps({"locale": "ar"})
    await house.platform.control.fetch(POLICY, tenant.id, wanted)
    tenant = await house.fresh(tenant.id)
    bob, ada = await house.user(tenant), await house.user(tenant)
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        await transaction.fetch(CHOOSE, ada.actor_id, "de-AT")
    assert message(await ask(bob, None)) == SAID["ar"]
    assert message(await ask(ada, None)) == SAID["de"]
    assert message(await ask(ada, "en")) == SAID["en"]
    visitor = house.caller(tenant.domain)
    assert (await ask(visitor, None)).headers["content-language"] == "ar"


async def test_fields_are_told_too_with_their_names_as_they_are(house: House) -> None:
    owner = await house.user(await house.tenant())
    body = {"name": "x" * 300, "tag": 5, "none": 1}
    headers = {"accept-language": "de"}
    answer = await owner.post("maintenance/assets", body, headers=headers)
    assert answer.body["error"]["fields"] == {
        "name": ["Das Feld name darf höchstens 255 Zeichen haben."],
        "tag": ["Das Feld tag muss Text sein."],
        "none": ["Es gibt kein Feld none."],
    }
    codes = [it["code"] for it in answer.body["error"]["details"]]
    assert set(codes) == {"string_too_long", "string_type", "unknown"}


async def test_a_refusal_of_the_database_is_told_too(house: House) -> None:
    owner = await house.user(await house.tenant())
    asset = {"name": "Pump", "tag": "P-1"}
    await owner.create("maintenance/assets", **asset)
    headers = {"accept-language": "ar"}
    answer = await owner.post("maintenance/assets", asset, headers=headers)
    assert answer.body["error"]["fields"]["tag"] == ["قيمة الحقل tag مستخدمة بالفعل."]


async def test_a_reason_within_a_problem_is_told_too(house: House) -> None:
    owner = await house.user(await house.tenant())
    answer = await ask(owner, "de", "maintenance/assets?sort=nothing")
    assert message(answer).startswith("Die Abfrage ist nicht verständlich: nach „noth")


async def test_a_problem_of_an_app_comes_from_its_own_catalog(house: House) -> None:
    owner = await house.user(await house.tenant())
    place = await owner.create("maintenance/locations", name="Hall")
    path = f"maintenance/locations/{place['id']}/move"
    body, headers = {"parent_id": place["id"]}, {"accept-language": "de"}
    answer = await owner.post(path, body, headers=headers)
    assert message(answer) == "Ein Ort kann nicht in sich selbst liegen."


async def test_what_the_front_refuses_is_told_too(house: House) -> None:
    """It knows nobody yet, so the header alone decides."""
    visitor = house.caller("nobody.example")
    answer = await ask(visitor, "de", "/a%00b")
    assert message(answer) == "Die Adresse der Anfrage ist fehlerhaft."
    assert answer.headers["content-language"] == "de"


@pytest.mark.parametrize("header", ["\x00", "de;q=", "*" * 4000, "de," * 3000, "ü"])
async def test_no_header_is_a_fault(house: House, header: str) -> None:
    tenant = await house.tenant()
    answer = await house.http.get(
        NOTHING,
        headers=[
            (b"host", tenant.domain.encode()),
            (b"accept-language", header.encode("latin-1")),
        ],
    )
    assert answer.status_code in (400, 401)


async def test_numbers_have_the_forms_of_the_language(house: House) -> None:
    """CLDR: Arabic has six."""
    catalog = house.platform.languages.catalog("ar")
    assert catalog is not None
    text = "The body nests deeper than {limit} levels."
    forms = [catalog.say(text, "", {"limit": it}) for it in (0, 1, 2, 3, 11, 100)]
    assert len({it.replace(str(n), "") for n, it in enumerate(forms)}) >= 4
    assert forms[1] == "تداخل المحتوى أعمق من مستوى واحد."
    assert forms[2] == "تداخل المحتوى أعمق من مستويين."


async def test_the_faults_of_an_imports_rows_are_told_too(house: House) -> None:
    owner = await house.user(await house.tenant())
    answer = await owner.send(
        "POST",
        "maintenance/assets/import",
        content=b"name,tag\nPump,P-1\nFan,\n",
        headers={"content-type": "text/csv", "accept-language": "de"},
    )
    assert (answer.data["created"], answer.data["failed"]) == (1, 1)
    (fault,) = answer.data["errors"]
    assert fault["message"] == "Das Feld tag ist erforderlich."


async def test_what_a_success_says_is_told_too(house: House) -> None:
    tenant = await house.tenant()
    answer = await house.caller(tenant.domain).post(
        "auth/forgot-password",
        {"email": f"nobody@{tenant.slug}.test"},
        headers={"accept-language": "de"},
    )
    assert answer.status == 202, answer.body
    assert answer.body["message"].startswith("Falls die Adresse verwendbar ist")
    assert answer.headers["content-language"] == "de"
