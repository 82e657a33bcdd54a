"""A name leads to the place of its tenant, or nowhere at all."""

from pathlib import PurePosixPath
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from insula.kernel.storage.places import (
    BUCKET,
    DIRECTORY,
    BadPlace,
    Folder,
    Places,
    check_name,
    new_name,
    variant_name,
)

MINE = UUID("0190a000-0000-7000-8000-000000000001")
THEIRS = UUID("0190a000-0000-7000-8000-000000000002")
HEX = "0123456789abcdef" * 2
JUMPS = (
    "..",
    ".",
    "",
    "/",
    "\\",
    "%2e%2e",
    "%2f",
    "..%2f",
    "\x00",
    "\uff0e\uff0e",
    "\n",
)
WORDS = ("attachments", HEX, str(THEIRS), "tenants", "app", " ", "~", "C:", "file://")
STEPS = st.sampled_from((*JUMPS, *WORDS))
NAMES = st.one_of(
    st.text(max_size=80),
    st.lists(STEPS, max_size=8).map("/".join),
    st.lists(STEPS, max_size=8).map("".join),
    st.builds("{}/{}.{}".format, st.sampled_from(Folder), st.just(HEX), STEPS),
)


@pytest.mark.parametrize("places", [DIRECTORY, BUCKET])
@given(name=NAMES)
@example(name=f"attachments/{HEX}\n")
@example(name=f"../{THEIRS}/attachments/{HEX}")
@example(name=f"%2e%2e/{THEIRS}/attachments/{HEX}")
@example(name=f"/app/tenants/{THEIRS}/attachments/{HEX}")
@example(name=f"attachments\\{HEX}")
@example(name=f"attachments/{HEX}\x00.png")
@example(name=f"attachments/{HEX}.{'a' * 300}")
def test_no_name_leads_out_of_the_tenant(places: Places, name: str) -> None:
    """S1-48: whatever the name is, its place is the tenant's or there is none."""
    try:
        path = places.path(MINE, name)
    except BadPlace:
        return
    inside = PurePosixPath(places.tenant(MINE))
    for meant in (path, unquote(path), unquote(unquote(path)), path.casefold()):
        parts = PurePosixPath(meant).parts
        assert parts[: len(inside.parts)] == inside.parts
        assert len(parts) == len(inside.parts) + 2
        assert ".." not in parts
        assert str(THEIRS) not in meant
        assert not set(meant) & set("\\%\x00\n")


def test_the_layout_is_the_one_that_was_asked_for() -> None:
    """S1-44, S1-47: the folders of a tenant in a directory and in a bucket."""
    for folder in ("attachments", "exports", "imports", "temp"):
        name = f"{folder}/{HEX}"
        assert DIRECTORY.path(MINE, name) == f"app/tenants/{MINE}/{name}"
        assert BUCKET.path(MINE, name) == f"tenants/{MINE}/{name}"


def test_names_are_random_and_hold_no_word_of_the_caller() -> None:
    """Pitfall 38: keys are random ids, never file names."""
    names = {new_name(Folder.attachments) for _ in range(1000)}
    assert len(names) == 1000
    assert all(check_name(name) for name in names)


@pytest.mark.parametrize("variant", ["../x", "", "a b", "Ä", "x" * 17, "thumb.exe"])
def test_a_variant_cannot_lead_elsewhere(variant: str) -> None:
    """S1-48: what is appended to a name is checked with it."""
    with pytest.raises(BadPlace):
        variant_name(f"attachments/{HEX}", variant)
