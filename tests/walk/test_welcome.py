"""The welcome page: a person who opens a host sees whose it is, a program gets JSON."""

import pytest

from tests.house import House

HTML = {"accept": "text/html,*/*"}


@pytest.mark.parametrize("host", ["localhost", "admin.localhost"])
async def test_the_platforms_own_hosts_have_a_page(house: House, host: str) -> None:
    page = await house.caller(host).get("/", headers=HTML)
    assert page.status == 200
    assert "<h1>Insula</h1>" in page.body
    assert "script" not in page.headers["content-security-policy"]


async def test_a_tenants_page_names_it_and_quotes_what_it_prints(house: House) -> None:
    """S2-103: a name is text, whatever it looks like."""
    name = "<b>Acme</b> & Sons"
    tenant = await house.tenant(name=name)
    visitor = house.caller(tenant.domain)
    page = await visitor.get("/", headers=HTML)
    assert "<h1>&lt;b&gt;Acme&lt;/b&gt; &amp; Sons</h1>" in page.body
    assert (await visitor.get("/")).body["data"]["name"] == name


async def test_a_host_without_a_tenant_says_so_to_both(house: House) -> None:
    """S1-25: a page for people, the envelope for programs."""
    visitor = house.caller("nobody-here.localhost")
    page = await visitor.get("/", headers=HTML)
    assert (page.status, "Tenant not found" in page.body) == (404, True)
    assert (await visitor.get("/")).code == "TENANT_NOT_FOUND"
    assert (await visitor.post("/", {})).status == 404
