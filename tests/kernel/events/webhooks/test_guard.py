"""The guard (S4-34): no connection to an address that is not public, whatever leads there."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.events.webhooks.addresses import is_public, networks
from insula.kernel.events.webhooks.guard import Policy, Resolve, guarded_client
from insula.kernel.events.webhooks.guard import resolve as by_machine
from insula.kernel.events.webhooks.sending import Parcel, send
from tests.kernel.events.webhooks.addresses import CLOSED, OPEN
from tests.kernel.events.webhooks.certificates import certificates
from tests.kernel.events.webhooks.sink import Sink, answer

TLS = httpx2.create_ssl_context(trust_env=False)
ANYTHING = Policy(ports=None, plain=True)
HERE = Policy(ports=None, plain=True, allow=networks(["127.0.0.0/8"]))


def resolver(*answers: Sequence[str]) -> Resolve:
    """A name service with an answer for each time that it is asked."""
    left = list(answers)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return resolve


async def reason(url: str, policy: Policy, resolve: Resolve | None = None) -> str:
    """Why nothing could be sent there."""
    async with guarded_client(policy, resolve or by_machine, TLS) as client:
        outcome = await send(client, Parcel(url, {}, b"{}"), deadline=5)
    assert outcome.status is None
    return outcome.error or ""


@pytest.mark.parametrize("text", CLOSED)
async def test_a_closed_address_is_refused_as_literal_and_by_name(text: str) -> None:
    assert not is_public(ip_address(text))
    bare = text.partition("%")[0]
    literal = f"[{bare}]" if ":" in bare else bare
    refused = "refused: the host has an address that is not public"
    known = resolver([text])
    assert await reason(f"http://{literal}/", ANYTHING, resolver([bare])) == refused
    assert await reason("http://hook.example/", ANYTHING, known) == refused
    mixed = resolver(["1.1.1.1", text])
    assert await reason("http://hook.example/", ANYTHING, mixed) == refused


@pytest.mark.parametrize("text", OPEN)
def test_an_open_address_is_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.ip_addresses(v=6))
def test_outside_the_public_range_nothing_is_public(address: object) -> None:
    found = ip_address(str(address))
    if is_public(found):
        assert (
            found in networks(["2000::/3"])[0] or found in networks(["64:ff9b::/96"])[0]
        )


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "017700000001", "localhost"]
)
async def test_spellings_of_this_machine_are_seen_through(
    sink: Sink, host: str
) -> None:
    assert await reason(f"http://{host}:{sink.port}/", ANYTHING)
    assert not sink.got


async def test_a_name_that_changes_its_mind_is_asked_once(sink: Sink) -> None:
    """A rebinding name: what was checked is what is connected to."""
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["203.0.113.9"] if len(asked) == 1 else ["127.0.0.1"]

    policy = Policy(ports=None, plain=True, allow=networks(["203.0.113.0/24"]))
    async with guarded_client(policy, rebinding) as client:
        parcel = Parcel(f"http://rebind.example:{sink.port}/", {}, b"{}")
        first = await send(client, parcel, deadline=0.2)
        second = await send(client, parcel, deadline=5)
    assert first.status is None
    assert second.error == "refused: the host has an address that is not public"
    assert asked == ["rebind.example"] * 2
    assert not sink.got


async def test_the_host_header_stays_the_name(sink: Sink) -> None:
    async with guarded_client(HERE, resolver(["127.0.0.1"])) as client:
        parcel = Parcel(f"http://hook.example:{sink.port}/x?y=1", {}, b"{}")
        assert (await send(client, parcel)).accepted
    assert sink.got[0].headers["host"] == f"hook.example:{sink.port}"
    assert sink.got[0].target == "/x?y=1"


async def test_tls_and_its_certificate_are_of_the_name() -> None:
    """Pinned to the checked address, verified against the name."""
    theirs, ours = certificates("hook.example")
    sink = await Sink().start(theirs)
    for name, error in (
        ("hook.example", None),
        ("x.example", "the certificate is not valid"),
    ):
        async with guarded_client(HERE, resolver(["127.0.0.1"]), ours) as client:
            parcel = Parcel(f"https://{name}:{sink.port}/", {}, b"{}")
            assert (await send(client, parcel)).error == error
    await sink.stop()
    assert sink.names == ["hook.example", "x.example"]
    assert len(sink.got) == 1


async def test_a_redirect_is_an_answer_and_nothing_more(sink: Sink) -> None:
    sink.reply = lambda _: answer(302, f"location: {sink.url('/inner')}")
    async with guarded_client(HERE) as client:
        outcome = await send(client, Parcel(sink.url(), {}, b"{}"))
    assert (outcome.status, outcome.accepted) == (302, False)
    assert len(sink.got) == 1


async def test_no_proxy_of_the_environment_is_used(
    sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, sink.url("/"))
    refused = "refused: the host has an address that is not public"
    assert await reason("http://10.0.0.1/", ANYTHING) == refused
    assert not sink.got


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://hook.example/", "refused: only https is allowed"),
        ("ftp://hook.example/", "refused: only https is allowed"),
        ("https://hook.example:22/", "refused: port 22 is not allowed"),
        ("https://u:p@hook.example/", "refused: the URL must name a host, and no user"),
    ],
)
async def test_by_default_only_https_on_its_ports(url: str, why: str) -> None:
    assert await reason(url, Policy(), resolver(["1.1.1.1"])) == why


@pytest.mark.parametrize("url", ["https://", "https:///x", "nonsense", "https://[::1"])
async def test_what_is_no_url_is_a_failure_and_not_a_fault(url: str) -> None:
    assert await reason(url, ANYTHING)


async def test_an_unknown_host_is_a_failure() -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror

    assert await reason("https://hook.example/", Policy(), unknown) == "no connection"


async def test_a_slow_receiver_is_cut_off(sink: Sink) -> None:
    sink.delay = 30
    async with guarded_client(HERE) as client:
        async with asyncio.timeout(3):
            outcome = await send(client, Parcel(sink.url(), {}, b"{}"), deadline=0.1)
    assert outcome.error == "no answer within 0.1 seconds"
    assert outcome.overburdened


async def test_of_a_long_answer_little_is_read_and_less_is_kept(sink: Sink) -> None:
    sink.reply = lambda _: answer(500, body="é" * 40 + "x" * 10_000_000)
    async with guarded_client(HERE) as client:
        outcome = await send(client, Parcel(sink.url(), {}, b"{}"))
    assert outcome.status == 500
    assert len(outcome.excerpt or "") == 500


async def test_the_client_itself_follows_nothing(sink: Sink) -> None:
    sink.reply = lambda _: answer(307, f"location: {sink.url('/inner')}")
    async with guarded_client(HERE) as client:
        assert (await client.get(sink.url())).status_code == 307
        with pytest.raises(httpx2.ConnectError):
            await client.get("https://[::ffff:127.0.0.1]/")
