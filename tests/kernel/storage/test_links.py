"""A link opens one file of one tenant, until its time is over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.storage.links import Link, Links

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
SIGNER = Links(b"k" * 32)
LINK = Link(
    tenant_id=UUID("0190a000-0000-7000-8000-000000000001"),
    file_id=UUID("0190a000-0000-7000-8000-000000000002"),
    edition=3,
    variant="thumb",
    inline=True,
    expires_at=NOW + timedelta(hours=1),
)
TOKEN = SIGNER.token(LINK)


def test_a_link_says_what_it_was_made_for() -> None:
    assert SIGNER.read(LINK.tenant_id, LINK.file_id, TOKEN, NOW) == LINK


def test_it_opens_no_other_file_and_nothing_of_another_tenant() -> None:
    """Promise 1: signed for the two together."""
    for tenant, file in (
        (uuid4(), LINK.file_id),
        (LINK.tenant_id, uuid4()),
        (LINK.file_id, LINK.tenant_id),
    ):
        assert SIGNER.read(tenant, file, TOKEN, NOW) is None


def test_it_ends_at_its_time() -> None:
    for moment in (LINK.expires_at, LINK.expires_at + timedelta(days=1)):
        assert SIGNER.read(LINK.tenant_id, LINK.file_id, TOKEN, moment) is None


@given(at=st.integers(0, len(TOKEN) - 1), put=st.characters(max_codepoint=127))
def test_no_character_of_it_can_be_changed(at: int, put: str) -> None:
    changed = TOKEN[:at] + put + TOKEN[at + 1 :]
    read = SIGNER.read(LINK.tenant_id, LINK.file_id, changed, NOW)
    assert changed == TOKEN or read is None


@pytest.mark.parametrize(
    "token", ["", ".", "a.b.c.d.e", TOKEN + "A", TOKEN + "\n", "9" * 999]
)
def test_nonsense_is_no_link(token: str) -> None:
    assert SIGNER.read(LINK.tenant_id, LINK.file_id, token, NOW) is None


def test_another_installation_does_not_know_it() -> None:
    assert Links(b"x" * 32).read(LINK.tenant_id, LINK.file_id, TOKEN, NOW) is None
