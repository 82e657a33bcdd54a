"""Only a configured proxy may say who the client is (S0-01)."""

import pytest

from insula.kernel.foundation.errors import BadRequest
from insula.kernel.http.front import DuplicateHeader, FrontSettings, check_headers
from insula.kernel.http.origin import (
    HostInvalid,
    Origin,
    Proxies,
    SchemeInvalid,
    choose_request_id,
    parse_host,
)

from .exchange import HOST, http_scope

PROXIES = Proxies(("10.0.0.0/8", "2001:db8:ffff::/48"))


def origin(*headers: tuple[bytes, bytes], peer: str | None = "10.0.0.1") -> Origin:
    client = None if peer is None else (peer, 4711)
    scope = http_scope(HOST, *headers, client=client)
    return PROXIES.origin(scope, dict(scope["headers"]), "req_1")


def forwarded_for(*values: bytes) -> list[tuple[bytes, bytes]]:
    return [(b"x-forwarded-for", value) for value in values]


FORWARDED = (
    (b"x-forwarded-for", b"203.0.113.7"),
    (b"x-forwarded-proto", b"https"),
    (b"x-forwarded-host", b"shop.example.org:8443"),
)


def test_a_trusted_proxy_speaks_for_its_client() -> None:
    expected = Origin("req_1", "203.0.113.7", "https", "shop.example.org", 8443)
    assert origin(*FORWARDED) == expected
    assert origin(*FORWARDED, peer="::ffff:10.0.0.1") == expected
    assert origin(*FORWARDED, peer="2001:db8:ffff::1") == expected


@pytest.mark.parametrize(
    "peer", ["198.51.100.9", "::1", "2001:db8::1", "", "unix:", None]
)
def test_a_stranger_speaks_for_nobody(peer: str | None) -> None:
    seen = origin(*FORWARDED, peer=peer)
    assert seen.client != "203.0.113.7"
    assert (seen.scheme, seen.host, seen.port) == ("http", "acme.example.com", None)


def test_without_proxies_nobody_is_believed() -> None:
    scope = http_scope(HOST, *FORWARDED, client=("10.0.0.1", 1))
    seen = Proxies(()).origin(scope, dict(scope["headers"]), "req_1")
    assert (seen.client, seen.host) == ("10.0.0.1", "acme.example.com")


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ([b"1.1.1.1, 203.0.113.7"], "203.0.113.7"),
        ([b"1.1.1.1, 203.0.113.7, 10.2.3.4"], "203.0.113.7"),
        ([b"1.1.1.1", b"203.0.113.7,10.2.3.4"], "203.0.113.7"),
        ([b"10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        ([b"203.0.113.7:4711"], "203.0.113.7"),
        ([b"[2001:db8::7]:4711"], "2001:db8::7"),
        ([b"2001:DB8:0::7"], "2001:db8::7"),
        ([b"::ffff:203.0.113.7"], "203.0.113.7"),
        ([b"1.1.1.1, junk, 10.2.3.4"], "10.2.3.4"),
        ([b"\xff"], "10.0.0.1"),
        ([b""], "10.0.0.1"),
        ([], "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_address_that_no_proxy_of_ours_has(
    values: list[bytes], client: str
) -> None:
    assert origin(*forwarded_for(*values)).client == client


def test_a_forwarded_scheme_or_host_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(SchemeInvalid):
        origin((b"x-forwarded-proto", b"gopher"))
    with pytest.raises(HostInvalid):
        origin((b"x-forwarded-host", b"a.example, b.example"))
    headers = [HOST, *FORWARDED[2:], *FORWARDED[2:]]
    with pytest.raises(DuplicateHeader):
        check_headers(headers, dict(headers), FrontSettings())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Acme.Example.COM", ("acme.example.com", None)),
        (b"acme.example.com.:443", ("acme.example.com", 443)),
        (b"127.0.0.1:8000", ("127.0.0.1", 8000)),
        (b"[::1]:8000", ("[::1]", 8000)),
        (b"my_app", ("my_app", None)),
    ],
)
def test_a_host_is_read_in_one_spelling(
    value: bytes, expected: tuple[str, int | None]
) -> None:
    assert parse_host(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"a b",
        b"a/b",
        b"a@b",
        b"a..b",
        b".a",
        b"a:",
        b"a:0",
        b"a:65536",
        b"a:99999999999",
        b"a:-1",
        b"a:x",
        b"a,b",
        b"a\x00",
        b"a\n",
        b"caf\xc3\xa9.example",
        b"[::1",
        b"[::g]",
        b"[1:2]",
        b"::1",
        b"a." * 200 + b"a",
        b"a" * 64,
    ],
)
def test_an_impossible_host_is_refused(value: bytes) -> None:
    with pytest.raises(HostInvalid):
        parse_host(value)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (b"trace-0001", True),
        (b"a" * 64, True),
        (b"short", False),
        (b"a" * 65, False),
        (b"eight\nlines", False),
        (b"trace 0001", False),
        (b"trace-0001\n", False),
    ],
)
def test_a_callers_request_id_is_kept_only_if_harmless(
    given: bytes, kept: bool
) -> None:
    chosen = choose_request_id({b"x-request-id": given})
    assert (chosen.encode() == given) is kept
    assert choose_request_id({}) != choose_request_id({})


def test_every_refusal_here_is_a_bad_request() -> None:
    assert issubclass(HostInvalid, BadRequest)
    assert issubclass(SchemeInvalid, BadRequest)
