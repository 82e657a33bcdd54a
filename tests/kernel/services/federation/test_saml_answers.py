"""Answers of a SAML provider that are not to be believed, or not for what they seem."""

from copy import deepcopy
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.kernel.services.federation.rig import Rig
from tests.kernel.services.federation.saml_idp import (
    DS,
    A,
    Bend,
    P,
    assertion,
    etree,
    moment,
    pair,
    xmlsec,
)
from tests.kernel.services.federation.saml_rig import CONSUMER, FORM, SamlRig

OTHER = "https://elsewhere.example/acs"


@pytest.fixture
def saml(rig: Rig) -> SamlRig:
    return SamlRig(rig)


def put(tag: str, **attributes: str | timedelta | None) -> Bend:
    """Set, or take away, attributes of an element; a timedelta is so long from then."""

    def bend(root: Any) -> None:
        element = next(root.iter(tag if tag.startswith("{") else f"{{{A}}}{tag}"))
        for name, value in attributes.items():
            if value is None:
                del element.attrib[name]
            else:
                said = moment(value) if isinstance(value, timedelta) else value
                element.set(name, said)

    return bend


def write(tag: str, text: str) -> Bend:
    def bend(root: Any) -> None:
        next(assertion(root).iter(f"{{{A}}}{tag}")).text = text

    return bend


def drop(tag: str) -> Bend:
    def bend(root: Any) -> None:
        element = next(root.iter(f"{{{A}}}{tag}"))
        element.getparent().remove(element)

    return bend


@pytest.mark.parametrize(
    ("bend", "reason"),
    [
        (put(f"{{{P}}}Response", Destination=OTHER), ""),
        (put("SubjectConfirmationData", Recipient=OTHER), ""),
        (put("SubjectConfirmationData", Recipient=None), "another sign-in"),
        (put("SubjectConfirmationData", InResponseTo="_other"), ""),
        (put("SubjectConfirmationData", InResponseTo=None), "another sign-in"),
        (put("SubjectConfirmationData", NotOnOrAfter=None), "another sign-in"),
        (put("SubjectConfirmationData", NotOnOrAfter=timedelta(hours=-1)), ""),
        (put("SubjectConfirmation", Method="urn:x:holder-of-key"), ""),
        (put("Conditions", NotOnOrAfter=timedelta(minutes=-3)), "too old"),
        (put("Conditions", NotBefore=timedelta(minutes=4)), "of the future"),
        (put("Conditions", NotBefore="yesterday"), ""),
        (drop("Conditions"), ""),
        (drop("AudienceRestriction"), "for whom"),
        (drop("AuthnStatement"), ""),
        (drop("Subject"), ""),
        (drop("AttributeStatement"), "vouch"),
        (write("Audience", OTHER), ""),
        (write("Issuer", OTHER), ""),
        (write("NameID", ""), ""),
        (write("NameID", "x" * 256), "cannot be kept"),
        (write("AttributeValue", "ada@elsewhere.example"), "no proved domain"),
    ],
)
async def test_an_assertion_that_is_not_to_be_believed_lets_nobody_in(
    saml: SamlRig, bend: Bend, reason: str
) -> None:
    """Pitfall 36: for others, by others, too old, or of no proved address."""
    assert reason in await saml.refused(lambda: saml.idp.answer(bend))


@pytest.mark.parametrize(
    "bend",
    [
        put("Conditions", NotBefore=timedelta(seconds=110)),
        put("Conditions", NotOnOrAfter=timedelta(seconds=-60)),
    ],
)
async def test_clocks_may_differ_by_two_minutes(saml: SamlRig, bend: Bend) -> None:
    assert (await saml.sign_in(bend)).status == 200


async def test_a_subject_of_one_session_alone_is_nobody(saml: SamlRig) -> None:
    saml.idp.format = "urn:oasis:names:tc:SAML:2.0:nameid-format:transient"
    assert "each time" in await saml.refused(saml.idp.answer)


def unsigned(saml: SamlRig) -> Any:
    return saml.idp.response()


def signed_around(saml: SamlRig) -> Any:
    """The answer is signed, the assertion in it is not."""
    root = saml.idp.response()
    saml.idp.sign(root)
    return root


def by_somebody_else(saml: SamlRig) -> Any:
    saml.idp.keys = pair("mallory")
    return saml.idp.answer()


def with_sha1(saml: SamlRig) -> Any:
    root = saml.idp.response()
    saml.idp.sign(assertion(root), xmlsec.Transform.RSA_SHA1)
    return root


def digested_with_sha1(saml: SamlRig) -> Any:
    root = saml.idp.response()
    saml.idp.sign(assertion(root), digest=xmlsec.Transform.SHA1)
    return root


def with_the_certificate_as_secret(saml: SamlRig) -> Any:
    """Who checks knows the certificate; so does everybody."""
    root, secret = saml.idp.response(), saml.idp.keys.certificate.encode()
    key = xmlsec.Key.from_binary_data(xmlsec.KeyData.HMAC, secret)
    saml.idp.sign(assertion(root), xmlsec.Transform.HMAC_SHA256, key=key)
    return root


def changed_afterwards(saml: SamlRig) -> Any:
    root = saml.idp.answer()
    write("NameID", "subject-2")(root)
    return root


def doubled(saml: SamlRig) -> Any:
    """A forged assertion before the signed one."""
    root = saml.idp.answer()
    forged = assertion(saml.idp.response(write("NameID", "mallory")))
    root.insert(list(root).index(assertion(root)), forged)
    return root


def wrapped(saml: SamlRig) -> Any:
    """A forged one in its place, the signed one in its signature (XSW 4)."""
    root = saml.idp.answer()
    signed = assertion(root)
    forged = assertion(saml.idp.response(write("NameID", "mallory")))
    forged.set("ID", "_forged")
    signature = deepcopy(signed.find(f"{{{DS}}}Signature"))
    forged.insert(1, signature)
    root.replace(signed, forged)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(signed)
    return root


def wrapped_under_its_id(saml: SamlRig) -> Any:
    """The same under one id, the signed one among the answer's extensions (XSW 1)."""
    root = saml.idp.answer()
    signed = assertion(root)
    forged = deepcopy(signed)
    next(forged.iter(f"{{{A}}}NameID")).text = "mallory"
    root.replace(signed, forged)
    extensions = etree.Element(f"{{{P}}}Extensions")
    extensions.append(signed)
    root.insert(1, extensions)
    return root


def commented(saml: SamlRig) -> Any:
    """A comment that would cut the subject short is no part of what is signed."""
    saml.idp.subject = "subject-1.mallory"
    raw = etree.tostring(saml.idp.answer())
    assert b"subject-1.mallory" in raw
    return raw.replace(b"subject-1.mallory", b"subject-1<!---->.mallory")


def with_entities(saml: SamlRig) -> Any:
    raw = etree.tostring(saml.idp.answer())
    return b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + raw


def with_a_document_type(saml: SamlRig) -> Any:
    return b"<!DOCTYPE x>" + etree.tostring(saml.idp.answer())


@pytest.mark.parametrize(
    "make",
    [
        *(unsigned, signed_around, by_somebody_else, with_sha1, digested_with_sha1),
        *(with_the_certificate_as_secret, changed_afterwards, doubled, wrapped),
        wrapped_under_its_id,
    ],
)
async def test_a_signature_that_does_not_cover_all_lets_nobody_in(
    saml: SamlRig, make: Any
) -> None:
    """Unsigned, by others, with SHA-1, with a shared secret, or wrapped into something."""
    assert await saml.refused(lambda: make(saml))


@pytest.mark.parametrize("make", [with_entities, with_a_document_type])
async def test_an_answer_with_a_document_type_is_not_even_read(
    saml: SamlRig, make: Any
) -> None:
    """It answers nothing, so there is nothing to go on with."""
    verifier = await saml.begin(await saml.provider())
    done = await saml.finish(make(saml), verifier)
    assert done.code == "TOKEN_INVALID"


async def test_a_comment_does_not_cut_a_subject_short(saml: SamlRig) -> None:
    verifier = await saml.begin(await saml.provider())
    assert (await saml.finish(commented(saml), verifier)).status == 200
    (row,) = await saml.rig.rows("user_identities")
    assert row["subject"] == "subject-1.mallory"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"no xml",
        b"<x/>",
        b"<x" * 1000,
        b"\xff\xfe",
        b"<a>" * 60_000,
        b"x" * 300_000,
    ],
)
async def test_what_is_no_answer_is_told_from_nothing(
    saml: SamlRig, raw: bytes
) -> None:
    """Whatever comes is answered, and never with a fault of ours."""
    assert await saml.bring(raw) == "none"
    got = await saml.rig.visitor.send(
        "POST", CONSUMER, headers=FORM, content=urlencode({"SAMLResponse": "%%%"})
    )
    assert got.headers["location"].endswith("state=none")
