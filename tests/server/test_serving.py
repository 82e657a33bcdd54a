"""A server ends in good order whoever tells it to, and says clearly why it cannot start."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup may run the tests
from insula.server.serving import Service, serve
service = Service(host="127.0.0.1", port=int(sys.argv[1]), workers=int(sys.argv[2]),
    shutdown_grace=float(sys.argv[3]), notice=0.4, target="tests.server.tiny:app")
code = serve(service, lambda: os.write(1, b"ready\\n"))
os.write(1, b"main ends\\n")
sys.exit(code)
"""


class Running:
    """A server in a process group of its own."""

    def __init__(
        self, port: int, *, workers: int = 1, grace: float = 30.0, fails: str = ""
    ) -> None:
        self.port = port
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(port), str(workers), str(grace)],
            cwd=PROJECT,
            env={**os.environ, "TINY_FAILS": fails},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def await_line(self, wanted: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.strip() == wanted:
                return
        raise AssertionError(f"the server never said {wanted}")

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def end(self) -> tuple[int, str, str]:
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


class Asking(threading.Thread):
    """A request under way."""

    def __init__(self, server: Running, path: str) -> None:
        super().__init__()
        self._server, self._path = server, path
        self.status: int | None = None
        self.start()

    def run(self) -> None:
        try:
            self.status = self._server.get(self._path)
        except (OSError, HTTPException):
            self.status = 0

    def answer(self) -> int | None:
        self.join()
        return self.status


@pytest.fixture
def port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
        return number


@pytest.fixture
def server(port: int) -> Iterator[Running]:
    running = Running(port)
    running.await_line("ready")
    yield running
    if running.process.poll() is None:
        running.process.kill()
        running.end()


def test_on_sigterm_readiness_turns_red_and_the_request_under_way_is_answered(
    server: Running,
) -> None:
    """S2-76 to S2-78."""
    slow = Asking(server, "/slow/1")
    server.await_line("slow begins")
    server.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    assert server.get("/health/ready") == 503
    assert slow.answer() == 200
    code, out, _ = server.end()
    assert code == 0
    assert out.split("\n") == ["slow ends", "closed in order", "main ends", ""]


def test_ctrl_c_reaches_the_workers_too_and_is_as_orderly(server: Running) -> None:
    slow = Asking(server, "/slow/0.5")
    server.await_line("slow begins")
    os.killpg(server.process.pid, signal.SIGINT)
    assert slow.answer() == 200
    code, out, _ = server.end()
    assert (code, "closed in order" in out) == (0, True)


def test_an_idle_server_is_gone_at_once_after_ctrl_c(server: Running) -> None:
    began = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    assert server.end()[0] == 0
    assert time.monotonic() - began < 2


def test_a_closed_terminal_ends_the_server(server: Running) -> None:
    os.killpg(server.process.pid, signal.SIGHUP)
    code, out, _ = server.end()
    assert (code, "closed in order" in out) == (0, True)


def test_a_request_that_never_ends_is_cut_and_the_rest_closes_in_order(
    port: int,
) -> None:
    """S2-77: at most the grace, and then the phases still stop."""
    server = Running(port, grace=1)
    server.await_line("ready")
    slow = Asking(server, "/slow/60")
    server.await_line("slow begins")
    server.process.send_signal(signal.SIGTERM)
    code, out, _ = server.end()
    assert (code, out) == (0, "closed in order\nmain ends\n")
    assert slow.answer() in (0, 500)


def test_several_workers_end_as_one(port: int) -> None:
    server = Running(port, workers=2)
    server.await_line("ready")
    server.process.send_signal(signal.SIGTERM)
    code, out, _ = server.end()
    assert (code, out.count("closed in order")) == (0, 2)


def test_a_signal_before_the_application_is_loaded_ends_it_too(port: int) -> None:
    server = Running(port)
    time.sleep(0.35)  # about when the workers are started
    server.process.send_signal(signal.SIGINT)
    began = time.monotonic()
    server.end()
    assert time.monotonic() - began < 5


def test_a_port_in_use_is_a_clear_error(server: Running) -> None:
    second = Running(server.port)
    code, out, err = second.end()
    assert (code, out) == (1, "main ends\n")
    assert err.startswith(f"Cannot listen on 127.0.0.1:{server.port}: Address already")
    assert "INSULA_PORT" in err


def test_an_application_that_cannot_start_ends_the_server_with_its_reason(
    port: int,
) -> None:
    server = Running(port, fails="yes")
    code, _, err = server.end()
    assert code == 1
    assert "The start failed: RuntimeError: the database is away" in err


def test_a_worker_that_dies_is_replaced(server: Running) -> None:
    assert Asking(server, "/die").answer() == 0
    deadline = time.monotonic() + 10
    while Asking(server, "/").answer() != 200:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_the_workers_do_not_outlive_a_supervisor_that_is_killed(
    server: Running,
) -> None:
    server.process.kill()
    _, out, _ = server.end()  # the pipe closes with the last of its writers
    assert out == "closed in order\n"


class Crowd(threading.Thread):
    """One of many who ask without a pause, until the door is closed."""

    def __init__(self, server: Running) -> None:
        super().__init__()
        self._server, self.answered, self.odd = server, 0, 0
        self.start()

    def run(self) -> None:
        with suppress(OSError, HTTPException):
            while True:
                status = self._server.get("/busy")
                self.answered += 1
                self.odd += status != 200


@pytest.mark.parametrize("round_", range(3))
def test_a_server_that_is_told_to_stop_under_traffic_stops(
    server: Running, round_: int
) -> None:
    """S2-76 to S2-78: at once, in order, and no answered request was a fault."""
    crowd = [Crowd(server) for _ in range(8)]
    time.sleep(0.3 + round_ * 0.05)
    began = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    code, out, _ = server.end()
    for one in crowd:
        one.join()
    assert code == 0
    assert "closed in order" in out
    assert time.monotonic() - began < 8
    assert sum(one.answered for one in crowd) > 10
    assert sum(one.odd for one in crowd) == 0
