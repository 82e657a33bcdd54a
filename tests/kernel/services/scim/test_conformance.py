"""SCIM on real server processes, as the testers of others see it."""

import time
from collections.abc import Iterator

import httpx2
import pytest
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

from tests.e2e.installation import PASSWORD, Installation
from tests.kernel.services.scim.rig import PATCH, USER

SLUG = "acme"
GOOD = (Status.SUCCESS, Status.COMPLIANT, Status.ACCEPTABLE)


@pytest.fixture(scope="module")
def acme() -> Iterator[Installation]:
    """An installation with two server processes and a tenant."""
    installation = Installation()
    try:
        installation.up("--workers", "2")
        installation.create(SLUG, "shared")
        yield installation
    finally:
        installation.remove()


@pytest.fixture
def directory(acme: Installation) -> Iterator[httpx2.Client]:
    """A directory of the tenant."""
    with acme.sign_in(SLUG) as owner:
        made = owner.post("scim-tokens", json={"name": "Tester"})
    assert made.status_code == 201, made.text
    headers = {
        "host": f"{SLUG}.localhost",
        "authorization": f"Bearer {made.json()['data']['token']}",
    }
    base_url = f"http://127.0.0.1:{acme.port}/scim/v2"
    with httpx2.Client(base_url=base_url, headers=headers, timeout=30) as client:
        yield client


def test_the_conformance_tester_of_others_finds_no_fault(
    directory: httpx2.Client,
) -> None:
    """RFC 7643 and 7644: discovery, making, reading, changing, searching, errors."""
    client = SyncSCIMClient(directory)
    client.discover()
    results = check_server(client)
    faults = [
        f"{it.title} {it.resource_type}: {it.reason}"
        for it in results
        if it.status not in GOOD
    ]
    assert not faults, "\n".join(faults)
    assert len(results) > 40


def _password(acme: Installation, email: str) -> None:
    """Give somebody the owner's password, and believe that the address is theirs."""
    acme.query(
        "UPDATE shared.users u SET email_verified_at = now(), password = o.password"  # a test's
        f" FROM shared.users o WHERE u.email = '{email}' AND o.roles ? 'owner'"
        " RETURNING 1",
        "insula_pool",
    )


def test_whoever_is_inactive_is_out_of_every_process_at_once(
    acme: Installation, directory: httpx2.Client
) -> None:
    """RFC 7643, 4.1.1: what a directory takes away is gone everywhere, at once."""
    email = "eve@acme.test"
    person = {"schemas": [USER], "userName": email}
    made = directory.post("/Users", json=person)
    assert made.status_code == 201, made.text
    _password(acme, email)
    with acme.visit(SLUG) as eve:
        eve.headers["connection"] = "close"  # so that both processes are asked
        asked = {"email": email, "password": PASSWORD}
        token = eve.post("auth/login", json=asked).json()["data"]["access_token"]
        eve.headers["authorization"] = f"Bearer {token}"
        assert {eve.get("auth/user").status_code for _ in range(10)} == {200}
        change = {"op": "replace", "path": "active", "value": False}
        body = {"schemas": [PATCH], "Operations": [change]}
        off = directory.patch(f"/Users/{made.json()['id']}", json=body)
        assert off.json()["active"] is False
        began = time.monotonic()
        while {eve.get("auth/user").status_code for _ in range(10)} != {401}:
            assert time.monotonic() - began < 10  # one second on an idle machine
        again = eve.post("auth/login", json=asked)
        assert again.status_code == 401
