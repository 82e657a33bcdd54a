"""Signing in with a provider that others wrote, over real connections."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest

from insula.kernel.events.webhooks.addresses import networks
from insula.kernel.events.webhooks.guard import Policy, guarded_client
from tests.e2e.installation import PATIENCE, free_port
from tests.kernel.services.federation.rig import Rig

HERE = Policy(ports=None, plain=True, allow=networks(["127.0.0.0/8", "::1/128"]))


@pytest.fixture
def issuer() -> Iterator[str]:
    """A provider on this machine, in a process of its own."""
    port = free_port()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            _await(url)
            yield url
        finally:
            process.terminate()


def _await(url: str) -> None:
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        with suppress(httpx2.TransportError):
            httpx2.get(url, trust_env=False)
            return
        time.sleep(0.1)
    raise TimeoutError


async def test_a_provider_that_others_wrote_signs_people_in(
    rig: Rig, issuer: str
) -> None:
    """S3-65: discovery, code, keys and token of a server that is not ours."""
    rig.federation.policy = HERE
    rig.federation.__dict__["client"] = guarded_client(HERE)
    provider = await rig.provider(issuer=issuer, create_users=True)
    async with httpx2.AsyncClient(trust_env=False) as browser:
        claims = {"email": f"bob@{rig.domain}", "email_verified": True, "name": "Bob"}
        await browser.put(f"{issuer}/users/bob", json=claims)
        begun, verifier = await rig.begin(provider)
        landed = await browser.post(begun["authorize_url"], data={"sub": "bob"})
    back = dict(parse_qsl(urlsplit(landed.headers["location"]).query))
    body = {"state": back["state"], "code": back["code"], "verifier": verifier}
    signed_in = await rig.visitor.post("auth/oidc/callback", body)
    assert signed_in.status == 200, await rig.reasons()
    assert signed_in.data["user"]["name"] == "Bob"
    assert signed_in.data["user"]["email"] == f"bob@{rig.domain}"
