"""Signing in with a SAML provider, which only an honest answer to one's own request does."""

from typing import Any

import pytest

from insula.kernel.services.federation.saml import toolkit
from tests.kernel.services.federation.rig import Rig
from tests.kernel.services.federation.saml_idp import (
    etree,
    pair,
)
from tests.kernel.services.federation.saml_rig import SamlRig

OTHER = "https://elsewhere.example/acs"


@pytest.fixture
def saml(rig: Rig) -> SamlRig:
    return SamlRig(rig)


async def test_a_person_signs_in_with_saml_and_is_known_the_next_time(
    saml: SamlRig,
) -> None:
    """S3-65: made with a proved address at first, found by the subject later."""
    provider = await saml.provider()
    verifier = await saml.begin(provider, return_to="/deals")
    first = await saml.finish(saml.idp.answer(), verifier)
    user = first.data["user"]
    assert (user["name"], user["email"]) == ("Ada Lovelace", f"ada@{saml.rig.domain}")
    assert first.body["meta"]["return_to"] == "/deals"
    saml.idp.attributes = {"mail": "ada@elsewhere.example"}
    verifier = await saml.begin(provider)
    again = await saml.finish(saml.idp.answer(), verifier)
    assert again.data["user"]["id"] == user["id"]


async def test_a_browser_is_bound_by_its_cookie(saml: SamlRig) -> None:
    """Pitfall 36: whoever has the answer, but not the cookie, gets nothing."""
    provider = await saml.provider()
    visitor = saml.rig.visitor
    begun = await visitor.post(f"auth/saml/{provider['id']}/start", {})
    cookie = begun.headers["set-cookie"].partition(";")[0]
    saml.idp.hear(begun.data["authorize_url"])
    states = [await saml.bring(saml.idp.answer())]
    begun = await visitor.post(f"auth/saml/{provider['id']}/start", {})
    saml.idp.hear(begun.data["authorize_url"])
    states.append(await saml.bring(saml.idp.answer()))
    own = {"cookie": cookie}
    done = [
        await visitor.post("auth/saml/callback", {"state": it}, headers=own)
        for it in states
    ]
    assert done[0].data["user"]["name"] == "Ada Lovelace"
    assert done[1].code == "TOKEN_INVALID"


async def test_an_assertion_serves_once(saml: SamlRig) -> None:
    """A replay meets a request that is over; with another request it is another's."""
    provider = await saml.provider()
    verifier = await saml.begin(provider)
    answer = saml.idp.answer()
    assert (await saml.finish(answer, verifier)).status == 200
    assert (await saml.finish(answer, verifier)).code == "TOKEN_INVALID"
    verifier = await saml.begin(provider)
    answer.set("InResponseTo", saml.idp.request.get("ID"))
    done = await saml.finish(answer, verifier)
    assert done.code == "SSO_REFUSED"


async def test_what_the_provider_says_instead_is_told(saml: SamlRig) -> None:
    saml.idp.status = "AuthnFailed"
    verifier = await saml.begin(await saml.provider())
    done = await saml.finish(saml.idp.response(), verifier)
    assert (done.status, done.code) == (403, "SSO_DECLINED")
    assert "AuthnFailed" in done.body["error"]["message"]


async def test_a_provider_is_set_up_with_what_its_kind_needs(saml: SamlRig) -> None:
    owner = saml.rig.owner
    honest = {
        "name": "Acme", "kind": "saml", "issuer": "urn:acme", "sso_url": OTHER,
        "certificates": [saml.idp.keys.certificate],
    }  # fmt: skip
    wrong: list[dict[str, Any]] = [
        {"certificates": []},
        {"certificates": ["AAAA"]},
        {"certificates": [pair("weak", 1024).certificate]},
        {"sso_url": None},
        {"sso_url": "javascript:alert(1)"},
        {"client_secret": "x"},
        {"preset": "google"},
        {"issuer": "with space"},
        {"kind": "oidc"},
    ]
    for it in wrong:
        answer = await owner.post("identity-providers", {**honest, **it})
        assert answer.status == 422, it
    made = (await owner.post("identity-providers", honest)).data
    path, version = f"identity-providers/{made['id']}", {"if-match": '"1"'}
    answer = await owner.patch(path, {"certificates": []}, headers=version)
    assert answer.status == 422


async def test_a_certificate_is_taken_as_metadata_has_it(saml: SamlRig) -> None:
    """Without its first and last line, and however it is broken into lines."""
    lines = saml.idp.keys.certificate.strip().splitlines()[1:-1]
    made = await saml.provider(certificates=["".join(lines)])
    assert made["certificates"] == [saml.idp.keys.certificate]


async def test_without_the_extra_the_way_to_it_is_told(
    saml: SamlRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Setting up and beginning name what is to be installed; nothing breaks."""
    provider = await saml.provider()

    def missing() -> None:
        raise ImportError

    monkeypatch.setattr(toolkit, "_load", missing)
    fields = {"name": "B", "kind": "saml", "issuer": "urn:b", "sso_url": OTHER}
    certificates = [saml.idp.keys.certificate]
    made = await saml.rig.owner.post(
        "identity-providers", {**fields, "certificates": certificates}
    )
    begun = await saml.rig.visitor.post(f"auth/saml/{provider['id']}/start", {})
    for answer in (made, begun):
        assert (answer.status, answer.code) == (424, "SSO_SAML_MISSING")
        assert "insula[saml]" in answer.body["error"]["message"]


async def test_the_answer_may_be_signed_beside_its_assertion(saml: SamlRig) -> None:
    """As most providers do; but that signature is checked, too."""
    provider = await saml.provider()
    verifier = await saml.begin(provider)
    answer = saml.idp.answer()
    saml.idp.sign(answer)
    assert (await saml.finish(answer, verifier)).status == 200
    verifier = await saml.begin(provider)
    answer = saml.idp.answer()
    saml.idp.keys = pair("mallory")
    saml.idp.sign(answer)
    assert (await saml.finish(answer, verifier)).code == "SSO_REFUSED"


async def test_an_account_is_linked_with_saml_by_who_is_signed_in(
    saml: SamlRig,
) -> None:
    """S3-65: the address at the provider does not matter then, the subject does."""
    saml.idp.attributes = {}
    provider, owner = await saml.provider(), saml.rig.owner
    begun = await owner.post(f"auth/saml/{provider['id']}/link", {})
    saml.idp.hear(begun.data["authorize_url"])
    cookie = begun.headers["set-cookie"].partition(";")[0]
    back = {"state": await saml.bring(saml.idp.answer())}
    own = {"cookie": cookie}
    linked = await saml.rig.visitor.post("auth/saml/callback", back, headers=own)
    assert linked.data is None
    verifier = await saml.begin(provider)
    done = await saml.finish(saml.idp.answer(), verifier)
    assert done.data["user"]["id"] == str(owner.actor_id)


async def test_a_provider_may_change_its_key(saml: SamlRig) -> None:
    """Both certificates count while both are there."""
    later = pair("later")
    both = [saml.idp.keys.certificate, later.certificate]
    provider = await saml.provider(certificates=both)
    for keys in (saml.idp.keys, later):
        saml.idp.keys = keys
        verifier = await saml.begin(provider)
        assert (await saml.finish(saml.idp.answer(), verifier)).status == 200


async def test_our_metadata_says_where_answers_go(saml: SamlRig) -> None:
    await saml.begin(await saml.provider())
    got = await saml.rig.visitor.get("auth/saml/metadata")
    assert got.headers["content-type"] == "application/samlmetadata+xml"
    root = etree.fromstring(got.body.encode())
    (consumer,) = root.iter(
        "{urn:oasis:names:tc:SAML:2.0:metadata}AssertionConsumerService"
    )
    assert root.get("entityID") == saml.idp.audience
    assert consumer.get("Location") == saml.idp.consumer


async def test_a_domain_leads_to_its_saml_provider(saml: SamlRig) -> None:
    """S3-65: an address is enough to know where its people sign in."""
    provider = await saml.provider()
    body = {"email": f"ada@{saml.rig.domain}"}
    found = (await saml.rig.visitor.post("auth/discover", body)).data
    assert [(it["id"], it["kind"]) for it in found["providers"]] == [
        (provider["id"], "saml")
    ]
    assert "saml" in found["methods"]
    assert "oidc" not in found["methods"]
    started = await saml.rig.visitor.post(f"auth/oidc/{provider['id']}/start", {})
    assert started.status == 404
