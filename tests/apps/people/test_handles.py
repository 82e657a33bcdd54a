"""Handles follow what is written of contacts, and no two contacts share one."""

import asyncio
import secrets
from typing import Any

import pytest

from tests.house import Caller

pytestmark = pytest.mark.anyio


def fresh(name: str = "ada") -> str:
    return f"{name}.{secrets.token_hex(4)}@mail.test"


async def handles_of(caller: Caller, contact: Any) -> dict[str, Any]:
    rows = (await caller.get(f"people/handles?contact_id={contact['id']}")).data
    return {row["value_norm"]: row for row in rows}


def faults(body: Any) -> list[tuple[str, str]]:
    return [(it["field"], it["code"]) for it in body["error"]["details"]]


async def test_a_contact_has_what_the_requirement_names(owner: Caller) -> None:
    """S3-39: name, email, phone, company, source and score; tags and own fields too."""
    company = await owner.create("people/companies", name="Acme", domain="ACME.example")
    email = fresh()
    said = {"phone": "+49 170 1234567", "company_id": company["id"], "source": "fair"}
    made = await owner.create(
        "people/contacts", name="Ada", email=email.title(), **said
    )
    assert company["domain"] == "acme.example"
    assert {it: made[it] for it in (*said, "email", "score")} == {
        **said,
        "email": email,
        "score": 0,
    }
    rated = await owner.post(f"people/contacts/{made['id']}/rate", {"score": 70})
    assert rated.data["score"] == 70
    handles = await handles_of(owner, made)
    assert {it: row["kind"] for it, row in handles.items()} == {
        email: "email",
        "+491701234567": "phone",
    }
    assert all(row["is_primary"] for row in handles.values())


async def test_handles_follow_their_contact_through_changes_trash_and_back(
    owner: Caller,
) -> None:
    first, second = fresh(), fresh()
    made = await owner.create("people/contacts", name="Ada", email=first)
    at = f"people/contacts/{made['id']}"
    changed = await owner.patch(at, {"email": second}, headers={"if-match": "*"})
    assert list(await handles_of(owner, changed.data)) == [second]
    await owner.send("DELETE", at, headers={"if-match": "*"})
    other = await owner.create("people/contacts", name="Eve", email=second)
    back = await owner.post(f"{at}/restore", headers={"if-match": "*"})
    assert back.status == 422
    await owner.patch(
        f"people/contacts/{other['id']}", {"email": None}, headers={"if-match": "*"}
    )
    assert (await owner.post(f"{at}/restore", headers={"if-match": "*"})).status == 200
    assert list(await handles_of(owner, made)) == [second]


async def test_what_is_anothers_is_refused_in_any_spelling(owner: Caller) -> None:
    email = fresh()
    await owner.create("people/contacts", name="A", email=email, phone="+49 30 11223")
    again = {"name": "B", "email": f" {email.upper()} "}
    refused = await owner.post("people/contacts", again)
    assert faults(refused.body) == [("email", "taken")]
    again = {"name": "B", "phone": "+49 (30) 1122-3"}
    assert faults((await owner.post("people/contacts", again)).body) == [
        ("phone", "taken")
    ]
    for bad in ({"email": "ada@"}, {"phone": "+49"}, {"phone": "call me"}):
        refused = await owner.post("people/contacts", {"name": "C", **bad})
        assert refused.status == 422, bad
    twin = {"name": "D", "email": fresh()}
    many = {"create": [twin, {"name": "E", "email": fresh()}, twin]}
    run = (await owner.post("people/contacts/bulk?wait=true", many)).data
    assert (run["done"], run["failed"]) == (2, 1)
    mail = fresh()
    both = await asyncio.gather(
        *(owner.post("people/contacts", {"name": "F", "email": mail}) for _ in range(8))
    )
    assert sorted(it.status for it in both) == [201] + [422] * 7


async def test_the_same_handles_lead_to_one_contact_whoever_asks_at_once(
    owner: Caller,
) -> None:
    """Apps 3.1 (1): resolving is safe against races, and again it is the same."""
    email, nick = fresh(), f"@{secrets.token_hex(5)}@social.test"
    mail = {"kind": "email", "value": email}
    toot = {"kind": "mastodon", "value": nick}
    asks = [{"handles": it, "name": "Ada"} for it in ([mail], [mail, toot], [toot])]
    answers = await asyncio.gather(
        *(owner.post("people/contacts/resolve", asks[at % 2]) for at in range(24))
    )
    (found,) = {it.data["id"] for it in answers}
    again = await owner.post("people/contacts/resolve", asks[2])
    assert again.data["id"] == found
    handles = await handles_of(owner, again.data)
    assert {it: row["is_primary"] for it, row in handles.items()} == {
        email: True,
        nick: False,
    }


async def test_another_handle_becomes_the_first_and_a_dropped_one_is_free(
    owner: Caller,
) -> None:
    first, second = fresh(), fresh()
    made = await owner.create("people/contacts", name="Ada", email=first)
    at = f"people/contacts/{made['id']}"
    body = {"kind": "email", "value": second}
    added = (await owner.post(f"{at}/add-handle", body)).data
    moved = await owner.post(f"{at}/make-first", {"handle_id": added["id"]})
    assert moved.data["email"] == second
    handles = await handles_of(owner, made)
    assert [handles[it]["is_primary"] for it in (first, second)] == [False, True]
    drop = f"people/handles/{handles[second]['id']}/drop"
    assert (await owner.post(drop)).code == "people.handle_first"
    assert (await owner.post(f"people/handles/{handles[first]['id']}/drop")).data
    other = await owner.create("people/contacts", name="Eve", email=first)
    taken = await owner.post(f"people/contacts/{other['id']}/add-handle", body)
    assert taken.code == "people.handle_taken"
