"""Live connections to a real server: they end first when it stops, and say so."""

import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.installation import Installation, Up
from tests.e2e.websocket import Closed, connected

SOON = 3.0
"""Seconds: far less than a request may take to end."""


class Running(Installation):
    """An installation that is up."""

    latest: Up

    def begin(self) -> None:
        """Start it."""
        self.latest = self.up()


@pytest.fixture(scope="module")
def installation() -> Iterator[Running]:
    """A running installation with one tenant."""
    made = Running(INSULA_SHUTDOWN_NOTICE="0.2")
    try:
        made.begin()
        made.create("acme", "shared")
        yield made
    finally:
        made.remove()


def token_of(client: httpx2.Client) -> str:
    return client.headers["authorization"].removeprefix("Bearer ")


def test_a_socket_is_refused_in_words(installation: Running) -> None:
    path = "/api/v1/events/socket"
    with connected(installation.port, "acme.localhost", path, "nonsense") as line:
        assert line.status == 401


def test_a_listener_that_leaves_is_noticed(
    installation: Running,
) -> None:
    """One user may have twenty connections, so twenty-five in turn prove it."""
    with installation.sign_in("acme") as client:
        for _ in range(25):
            with client.stream("GET", "events/stream") as answer:
                assert answer.status_code == 200
                assert next(answer.iter_lines()).startswith("retry:")
            time.sleep(0.02)


def test_live_connections_end_first_when_the_server_stops(
    installation: Running,
) -> None:
    """S2-62, S2-90, promise 16: websockets are closed with 1012, streams say come again."""
    with installation.sign_in("acme") as client:
        path, token = "/api/v1/events/socket", token_of(client)
        with (
            connected(installation.port, "acme.localhost", path, token) as line,
            client.stream("GET", "events/stream") as answer,
        ):
            assert line.status == 101
            assert line.next()["type"] == "hello"
            lines = answer.iter_lines()
            assert next(lines).startswith("retry:")
            began = time.monotonic()
            running = installation.latest
            running.process.terminate()
            with pytest.raises(Closed) as closed:
                line.next()
            assert closed.value.code == 1012
            assert ": come again" in list(lines)
            assert time.monotonic() - began < SOON
        assert running.wait() == 0
        assert time.monotonic() - began < SOON + 2
