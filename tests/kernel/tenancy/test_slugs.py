"""A slug is a host's first label, and never one that means something else (R05)."""

import pytest

from insula.kernel.tenancy.slugs import SlugInvalid, SlugReserved, check_slug


@pytest.mark.parametrize("slug", ["ab", "acme", "a1", "org1", "big-corp-2", "a" * 63])
def test_a_plain_name_is_a_slug(slug: str) -> None:
    check_slug(slug)


@pytest.mark.parametrize(
    "slug",
    [
        *("", "a", "Acme", "1acme", "-acme", "acme-", "ac_me", "ac.me", "ac me"),
        *("äcme", "acme\n", "a" * 64, "a" * 101, "acme/x", "ac\x00me"),
    ],
)
def test_what_no_host_can_begin_with_is_no_slug(slug: str) -> None:
    with pytest.raises(SlugInvalid) as caught:
        check_slug(slug)
    assert caught.value.status == 422
    assert caught.value.fields[0].field == "slug"


@pytest.mark.parametrize(
    "slug",
    [
        *("admin", "api", "www", "auth", "static", "status", "mail", "app", "console"),
        *("docs", "health", "metrics", "login", "support", "billing", "localhost"),
        *("tenant-acme", "xn--bcher-kva", "a1b2c3d4-0000-7000-8000-000000000000"),
    ],
)
def test_names_of_the_platform_itself_are_refused(slug: str) -> None:
    with pytest.raises(SlugReserved) as caught:
        check_slug(slug)
    assert caught.value.fields[0].field == "slug"
