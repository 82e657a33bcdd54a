"""``insula up`` in real processes: the first minute, the commands, every kind of end."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator

import httpx2
import pytest

from tests.e2e.installation import PASSWORD, PATIENCE, Installation, Up, free_port

DEMO = ("aurora", "borealis", "cascade")
MODES = ("shared", "schema", "database")


class Demo(Installation):
    """The demonstration, running."""

    running: Up
    first_start: float
    password: str

    def begin(self) -> None:
        """Start from nothing, and read what it says."""
        began = time.monotonic()
        self.running = self.up("--demo")
        self.first_start = time.monotonic() - began
        while not (found := re.search(r"password here: (\S+)\n", self.running.said)):
            assert time.monotonic() - began < 60, self.running.said
        self.password = found[1]

    def again(self) -> None:
        """Start once more what has ended."""
        self.running = self.up()


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    demo = Demo()
    try:
        demo.begin()
        yield demo
    finally:
        demo.remove()


def test_the_first_start_says_where_to_go_within_seconds(demo: Demo) -> None:
    said = demo.running.said
    assert f"Insula is ready at http://localhost:{demo.port}" in said
    for slug in (*DEMO, "admin"):
        assert f"http://{slug}.localhost:{demo.port}" in said
    assert demo.first_start < 45  # a few seconds on an idle machine


@pytest.mark.parametrize("page", ["", "/live", "/ready", "/startup", "/db", "/cache"])
def test_a_probe_answers_on_any_host(demo: Demo, page: str) -> None:
    """S0-69 to S0-72, S2-68 to S2-71: well, in JSON, without a word of where it runs."""
    for slug in ("aurora", "admin", "nobody-here"):
        with demo.visit(slug) as visitor:
            answer = visitor.get(f"http://127.0.0.1:{demo.port}/health{page}")
        assert answer.status_code == 200, answer.text
        assert answer.json()["success"] is True
        assert str(demo.data_dir) not in answer.text


def test_prometheus_reads_what_the_requests_left(demo: Demo) -> None:
    """S1-72, S1-73, S1-75."""
    with demo.sign_in("aurora", demo.password) as owner:
        tenant = owner.get("auth/user").json()["data"]["tenant"]["id"]
        text = owner.get(f"http://127.0.0.1:{demo.port}/metrics").text
    assert f'tenant_requests_total{{status="200",tenant_id="{tenant}"}}' in text
    bucket = f'tenant_request_duration_seconds_bucket{{le="0.1",tenant_id="{tenant}"}}'
    assert bucket in text


@pytest.mark.parametrize("slug", DEMO)
def test_a_demo_tenant_has_an_app_at_work(demo: Demo, slug: str) -> None:
    with demo.sign_in(slug, demo.password) as owner:
        assets = owner.get("maintenance/assets").json()["data"]
        assert assets
        dashboard = owner.get("maintenance/dashboard").json()["data"]
        assert dashboard["assets"] >= len(assets)


def test_a_demo_token_opens_no_other_tenants_door(demo: Demo) -> None:
    with demo.sign_in("aurora", demo.password) as owner:
        elsewhere = {"host": "cascade.localhost"}
        answer = owner.get("maintenance/assets", headers=elsewhere)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "TENANT_MISMATCH"


@pytest.mark.parametrize("isolation", MODES)
def test_a_tenant_from_the_command_line_is_served_at_once(
    demo: Demo, isolation: str
) -> None:
    slug = f"acme-{isolation}"
    with demo.visit(slug) as early:
        assert early.get("auth/user").status_code == 404
    made = demo.create(slug, isolation)
    assert (made["status"], made["isolation"]) == ("active", isolation)
    with demo.visit(slug) as visitor:
        person = {"email": f"owner@{slug}.test", "password": PASSWORD}
        tokens = visitor.post("auth/login", json=person).json()["data"]
        assert tokens["refresh_token"]
        visitor.headers["authorization"] = f"Bearer {tokens['access_token']}"
        user = visitor.get("auth/user").json()["data"]["user"]
        assert user["email"] == person["email"]
        wish = {"name": "Pump", "tag": "P-1"}
        asset = visitor.post("maintenance/assets", json=wish)
        assert asset.status_code == 201, asset.text
        listed = visitor.get("maintenance/assets").json()["data"]
        assert [it["id"] for it in listed] == [asset.json()["data"]["id"]]


def test_a_suspension_by_command_is_felt_within_a_second(demo: Demo) -> None:
    with demo.sign_in("borealis", demo.password) as owner:
        assert owner.get("maintenance/assets").status_code == 200
        demo.ask("tenants", "suspend", "borealis", "--reason", "unpaid")
        try:
            time.sleep(1)
            assert owner.get("maintenance/assets").status_code == 403
        finally:
            demo.ask("tenants", "resume", "borealis")
        assert owner.get("maintenance/assets").status_code == 200


def test_the_log_has_no_error(demo: Demo) -> None:
    """The scheduler has looked for work by now, too."""
    complained = demo.running.complained
    assert '"level":"error"' not in complained, complained


def test_a_second_start_on_the_same_folder_says_who_runs_it(demo: Demo) -> None:
    second = demo.start(port=free_port())
    assert second.wait() == 1
    assert f"is run by process {demo.running.pid}" in second.complained
    assert "Traceback" not in second.complained


def test_a_port_in_use_is_a_clear_error() -> None:
    other = Installation()
    try:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", other.port))
            taken.listen()
            began = time.monotonic()
            up = other.start()
            assert up.wait() == 1
        assert f"Cannot listen on 127.0.0.1:{other.port}" in up.complained
        assert "Traceback" not in up.complained
        assert time.monotonic() - began < PATIENCE
        assert not other.data_dir.exists()
    finally:
        other.remove()


def end_by_sigterm(up: Up) -> None:
    up.process.send_signal(signal.SIGTERM)


def end_by_ctrl_c(up: Up) -> None:
    os.killpg(up.pid, signal.SIGINT)


def end_the_group(up: Up) -> None:
    """As ``timeout`` and container runtimes do."""
    os.killpg(up.pid, signal.SIGTERM)


ENDS = {"sigterm": end_by_sigterm, "ctrl-c": end_by_ctrl_c, "group": end_the_group}


@pytest.mark.parametrize("how", ENDS)
def test_an_end_is_orderly_and_the_next_start_finds_every_row(
    demo: Demo, how: str
) -> None:
    with demo.sign_in("aurora", demo.password) as owner:
        wish = {"name": how, "tag": how}
        asset = owner.post("maintenance/assets", json=wish).json()["data"]
        ending = demo.running
        ENDS[how](ending)
        assert ending.wait() == 0, ending.complained
        assert "Traceback" not in ending.complained
        began = time.monotonic()
        demo.again()
        assert time.monotonic() - began < PATIENCE  # one second on an idle machine
        assert owner.get(f"maintenance/assets/{asset['id']}").json()["data"] == asset


def test_ctrl_c_ends_a_start_that_is_not_finished(demo: Demo) -> None:
    """A worker that is told to end before it serves does not hold everything up."""
    assert demo.running.stop() == 0
    starting = demo.start()
    deadline = time.monotonic() + 30
    while "Initializing" not in starting.complained:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.killpg(starting.pid, signal.SIGINT)
    began = time.monotonic()
    assert starting.wait() == 0
    assert time.monotonic() - began < PATIENCE
    assert "Traceback" not in starting.complained
    demo.again()


def test_a_request_under_way_is_answered_after_sigterm(demo: Demo) -> None:
    """S2-77: half of its body comes when the door is closed to others."""
    body = b'{"name": "At the last moment", "tag": "LAST"}'
    with demo.sign_in("aurora", demo.password) as owner:
        token = owner.headers["authorization"]
        head = (
            "POST /api/v1/maintenance/assets HTTP/1.1\r\nHost: aurora.localhost\r\n"
            f"Authorization: {token}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", demo.port), timeout=20) as line:
            line.sendall(head.encode() + body[:20])
            time.sleep(0.2)
            demo.running.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)
            with pytest.raises(httpx2.ConnectError):
                demo.visit("aurora").get("auth/user")
            line.sendall(body[20:])
            assert line.recv(100).startswith(b"HTTP/1.1 201")
        assert demo.running.wait() == 0
        demo.again()
        assert "LAST" in owner.get("maintenance/assets?per_page=100").text
