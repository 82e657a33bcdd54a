"""Arriving: a sign-in from somewhere new is told to whom it concerns."""

import pytest

from insula.kernel.services.accounts.arriving import network
from insula.kernel.services.accounts.security_mail import notify_security_change
from tests.kernel.services.accounts.people import Place
from tests.kernel.services.notifications.telling import work_of

pytestmark = pytest.mark.anyio
ADA = "ada@people.test"
NEW = "New sign-in to Acme & Co"


async def test_a_new_program_is_told_of_once(place: Place) -> None:
    """ASVS 6.3.5: the first sign-in of all is nothing to tell of."""
    await place.person(ADA)
    await place.login(ADA, user_agent="Desk/1")
    await place.login(ADA, user_agent="Desk/1")
    assert await place.subjects(ADA) == []
    await place.login(ADA, user_agent="Telephone/1 <b>evil</b>")
    (mail,) = await place.mails(ADA)
    assert mail.subject == NEW
    assert "Telephone/1" in mail.text
    assert "<b>evil" not in (mail.html or "")
    await place.login(ADA, user_agent="Telephone/1 <b>evil</b>")
    await place.login(ADA, "not the password", user_agent="Third/1")
    assert len(await place.mails(ADA)) == 1


async def test_a_new_network_is_told_of(place: Place) -> None:
    """ASVS 6.3.5: the same program elsewhere."""
    await place.person(ADA)
    await place.login(ADA, user_agent="Desk/1")
    await place.rows(
        "UPDATE home__.sessions SET client = '203.0.113.9'"
        " WHERE tenant_id = $1::text::uuid"
    )
    await place.login(ADA, user_agent="Desk/1")
    assert await place.subjects(ADA) == [NEW]


async def test_an_address_that_nobody_can_write_to_keeps_nobody_out(
    place: Place,
) -> None:
    await place.person("ada@no such domain")
    for agent in ("Desk/1", "Telephone/1"):
        assert (await place.login("ada@no such domain", user_agent=agent)).status == 200


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("203.0.113.9", "203.0.113.200", True),
        ("203.0.113.9", "203.0.114.9", False),
        ("2001:db8:1:2::1", "2001:db8:1:ffff::9", True),
        ("2001:db8:1::1", "2001:db8:2::1", False),
        ("::cb00:7109", "203.0.113.9", False),
        ("", "nonsense", True),
    ],
)
def test_a_network_is_known_by_its_first_bits(
    one: str, other: str, *, alike: bool
) -> None:
    assert (network(one) == network(other)) is alike


@pytest.mark.parametrize("locale", ["en", "de", "ar"])
async def test_a_change_of_the_way_in_is_told_in_ones_language(
    place: Place, locale: str
) -> None:
    """ASVS 6.3.7: a factor, a passkey, whatever there will be."""
    user_id = await place.person(ADA)
    await place.rows(
        "UPDATE home__.users SET locale = $3"
        " WHERE tenant_id = $1::text::uuid AND id = $2",
        user_id,
        locale,
    )
    async with work_of(place.house, place.tenant) as work:
        for what in ("passkey_added", "second_factor_removed", "something new"):
            await notify_security_change(work, user_id, what)
    mails = await place.mails(ADA)
    texts = [it.text for it in mails]
    words = {
        "en": "A passkey was added.",
        "de": "Ein Passkey",
        "ar": "أُضيف مفتاح مرور.",
    }
    assert words[locale] in texts[0]
    assert len({*texts}) == 3
