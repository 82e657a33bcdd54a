"""Versions: every address of an operation, and what its end is announced by."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Deprecation, Operation, Reply
from insula.kernel.foundation.errors import NotFound
from insula.kernel.http.negotiation import VersionUnknown
from insula.kernel.http.router import Router
from insula.kernel.http.versions import (
    NoticeTooShort,
    Versions,
    deprecation_headers,
    refuse_short_notice,
)
from tests.house import House

pytestmark = pytest.mark.anyio
ACCEPT = "application/vnd.api+json;version={}"


async def _run(_: Context, __: Call) -> Reply:
    return Reply()


def offered(path: str, **more: Any) -> Operation:
    """An operation at a path."""
    return Operation(name=path, method="GET", path=path, run=_run, summary=path, **more)


OLD, NEW, SAME = "/api/v1/users", "/api/v2/users", "/api/v1/teams/{id}"
VERSIONS = Versions(Router(map(offered, (OLD, NEW, SAME))), released=(1, 2))


@pytest.mark.parametrize(
    ("path", "wanted", "found"),
    [
        ("/api/v1/users", None, OLD),
        ("/api/v2/users", None, NEW),
        ("/api/v2/teams/7", None, SAME),
        ("/api/users", None, OLD),
        ("/api/users", "2", NEW),
        ("/api/v1/users", "2", OLD),
        ("/api/teams/7", "2", SAME),
    ],
)
def test_an_address_means_its_version(
    path: str, wanted: str | None, found: str
) -> None:
    """S3-83, S3-86, S3-88, R10: a new version adds to the old, which stays."""
    assert VERSIONS.match("GET", path, wanted).operation.path == found


@pytest.mark.parametrize("path", ["/api/v3/users", "/api/v01/users", "/api/", "/users"])
def test_an_address_of_no_version_is_not_found(path: str) -> None:
    """S3-86: what was never released answers as what never was."""
    with pytest.raises(NotFound):
        VERSIONS.match("GET", path, None)


async def test_aliases_lead_to_the_canonical_addresses(house: House) -> None:
    """S3-83, R10: `/api/users` and `/auth/user` are what older clients know."""
    owner = await house.user(await house.tenant())
    canonical = await owner.get("auth/user")
    for alias in ("/api/auth/user", "/auth/user"):
        assert (await owner.get(alias)).data == canonical.data
    assert (await owner.get("/api/users")).data == (await owner.get("users")).data


async def test_a_version_is_named_by_header(house: House) -> None:
    """S3-87: and one that there is not is refused, with those that there are."""
    owner = await house.user(await house.tenant())
    known = {"accept": ACCEPT.format(1)}
    assert (await owner.get("/api/users", headers=known)).status == 200
    unknown = {"accept": f"application/json, {ACCEPT.format(7)};q=0.1"}
    assert (await owner.get("/api/users", headers=unknown)).status == 200
    for version in ("7", '"7"', "1.0", "", "x" * 99):
        answer = await owner.get(
            "/api/users", headers={"accept": f"application/json;version={version}"}
        )
        assert (answer.status, answer.code) == (406, VersionUnknown.code)


SINCE, SUNSET = date(2026, 1, 1), date(2026, 8, 1)


def test_an_end_is_told_by_headers() -> None:
    """S3-89: RFC 9745's date as seconds, RFC 8594's as of any other header."""
    headers: Mapping[bytes, bytes] = dict(
        deprecation_headers(Deprecation(SINCE, SUNSET, NEW))
    )
    assert headers == {
        b"deprecation": b"@1767225600",
        b"sunset": b"Sat, 01 Aug 2026 00:00:00 GMT",
        b"link": b'</api/v2/users>; rel="successor-version"',
    }


async def test_answers_and_problems_tell_of_the_end(house: House) -> None:
    """S3-89: whoever still asks hears it, however they are answered."""
    versions = house.app.app._tenants  # type: ignore[attr-defined]  # the application behind the front
    methods = versions._router.match("GET", "/api/v1/users").operation
    node = versions._router._plain["/api/v1/users"]
    node["GET"] = replace(methods, deprecated=Deprecation(SINCE, SUNSET))
    try:
        owner = await house.user(await house.tenant())
        for query in ("", "?nothing=1"):
            answer = await owner.get(f"users{query}")
            assert answer.headers["deprecation"] == "@1767225600"
    finally:
        node["GET"] = methods


def test_half_a_year_is_the_shortest_notice() -> None:
    """S3-89: an operation that would end sooner is not served at all."""
    refuse_short_notice([offered(OLD, deprecated=Deprecation(SINCE, SUNSET))])
    early = Deprecation(SINCE, date(2026, 6, 30))
    with pytest.raises(NoticeTooShort):
        refuse_short_notice([offered(OLD, deprecated=early)])
