"""Comments: what people say of rows, to each other."""

import pytest

from insula.kernel.database.session import Statement
from insula.kernel.tenancy.tenant import Tenant
from tests.house import Caller, House

pytestmark = pytest.mark.anyio
CONTACTS = "people/contacts"
COUNT = (
    "SELECT count(*) FROM home__.{} WHERE tenant_id = $1::text::uuid"
    " AND row_id = $2::text::uuid"
)


@pytest.fixture(scope="module")
async def tenant(the_house: House) -> Tenant:
    """A tenant for the tests of this module."""
    return await the_house.tenant()


@pytest.fixture
async def owner(house: House, tenant: Tenant) -> Caller:
    """Who may do everything there."""
    return await house.user(tenant)


async def contact(owner: Caller, **more: str) -> str:
    """The path of a new contact's comments."""
    made = await owner.create(CONTACTS, name="Ada", **more)
    return f"{CONTACTS}/{made['id']}/comments"


def calling(user: Caller) -> str:
    """A mention of somebody."""
    return f"@[Somebody](user:{user.actor_id})"


async def test_people_talk_under_a_row(house: House, tenant: Tenant) -> None:
    """The newest first, page by page, with answers of one level."""
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    path = await contact(owner)
    first = await owner.create(path, text="**Call** her")
    answer = await member.create(path, text="Done", parent_id=first["id"])
    deeper = await owner.post(path, {"text": "?", "parent_id": answer["id"]})
    elsewhere = {"text": "?", "parent_id": first["id"]}
    for refused in (deeper, await owner.post(await contact(owner), elsewhere)):
        assert "parent_id" in refused.body["error"]["fields"]
    page = await member.get(f"{path}?per_page=1")
    assert [it["text"] for it in page.data] == ["Done"]
    cursor = page.body["meta"]["pagination"]["next_cursor"]
    [oldest] = (await member.get(f"{path}?cursor={cursor}")).data
    assert (oldest["id"], oldest["text"]) == (first["id"], "**Call** her")
    assert (oldest["created_by"], oldest["edited_at"]) == (str(owner.actor_id), None)
    for odd in ("per_page=0", "cursor=x"):
        assert (await owner.get(f"{path}?{odd}")).status == 400


async def test_one_changes_and_deletes_ones_own_words(
    house: House, tenant: Tenant
) -> None:
    """What is deleted has no text any more, and stays only for the answers to it."""
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    path = await contact(owner)
    said = await member.create(path, text="Fals")
    await owner.create(path, text="Wrong!", parent_id=said["id"])
    mine = f"comments/{said['id']}"
    assert (await owner.patch(mine, {"text": "Mine now"})).status == 403
    changed = (await member.patch(mine, {"text": "False"})).data
    assert (changed["text"], changed["edited_at"] is None) == ("False", False)
    assert (await member.send("DELETE", mine)).status == 200
    assert (await member.patch(mine, {"text": "Back"})).status == 404
    answer, gone = (await owner.get(path)).data
    assert (answer["text"], gone["text"]) == ("Wrong!", None)
    theirs = f"comments/{answer['id']}"
    assert (await member.send("DELETE", theirs)).status == 403
    assert (await owner.send("DELETE", theirs)).status == 200
    assert (await owner.get(path)).data == []


async def test_who_is_mentioned_is_told_once(house: House, tenant: Tenant) -> None:
    """With the comment's commit, and by its path; a name that breaks out is a text."""
    owner, member = await house.user(tenant), await house.user(tenant, "member")
    path = await contact(owner)
    said = await owner.create(path, text=f"See {calling(member)} {calling(owner)}")
    text = f"See {calling(member)}, please"
    assert (await owner.patch(f"comments/{said['id']}", {"text": text})).status == 200
    [told] = (await member.get("notifications")).data
    assert told["kind"] == "comments.mentioned"
    assert told["body"] == "See @Somebody @Somebody"
    assert told["link"] == f"/{path.removesuffix('/comments')}"
    assert told["title"].endswith("Ada")
    answer = {"text": "I will", "parent_id": said["id"]}
    await member.create(path, **answer)
    assert [it["kind"] for it in (await owner.get("notifications")).data] == [
        "comments.answered"
    ]


async def test_nobody_is_called_to_what_they_may_not_read(
    house: House, tenant: Tenant
) -> None:
    """Not who reads own rows alone, nobody of another tenant, and nobody at all."""
    owner, stranger = await house.user(tenant), await house.user(await house.tenant())
    grants = ["own:people.contacts.manage"]
    await owner.create("roles", name="seller", title="Seller", grants=grants)
    seller = await house.user(tenant, "seller")
    nobody = await house.user(tenant, "customer")
    path = await contact(owner)
    answers = [
        await owner.post(path, {"text": calling(it)})
        for it in (seller, nobody, stranger)
    ]
    assert {it.status for it in answers} == {422}
    assert (
        (await seller.get(path)).status
        == (await seller.post(path, {"text": "x"})).status
        == 404
    )
    assert (await owner.get(path)).data == []
    crowd = " ".join(
        f"@[x](user:{'0' * 8}-0000-7000-8000-{it:012x})" for it in range(21)
    )
    assert (await owner.post(path, {"text": crowd})).status == 422
    theirs = await contact(owner, owner_id=str(seller.actor_id))
    assert (await owner.post(theirs, {"text": calling(seller)})).status == 201
    [told] = (await seller.get("notifications")).data
    assert told["kind"] == "comments.mentioned"


async def test_what_hangs_on_a_row_goes_with_it(house: House, tenant: Tenant) -> None:
    """Comments and tags of a purged row are nowhere any more, nor on its timeline."""
    owner = await house.user(tenant)
    path = await contact(owner)
    row = path.removesuffix("/comments")
    said = await owner.create(path, text="Secret")
    await owner.create(f"{row}/tags", tags=["gone"])
    await house.work(tenant)
    before = await left(house, tenant, row.rpartition("/")[2])
    assert before == {"taggings": 1, "comments": 1, "timeline_entries": 3}
    await owner.send("DELETE", row, headers={"if-match": "*"})
    body = {"purge": [row.rpartition("/")[2]]}
    done = await owner.post(f"{CONTACTS}/bulk?wait=true", body)
    assert done.data["failed"] == 0
    assert (await owner.patch(f"comments/{said['id']}", {"text": "x"})).status == 404
    rows = await left(house, tenant, row.rpartition("/")[2])
    assert rows == {"taggings": 0, "comments": 0, "timeline_entries": 0}


async def left(house: House, tenant: Tenant, row_id: str) -> dict[str, int]:
    """How much hangs on a row."""
    session = house.platform.open_session(tenant.home, tenant.id)
    async with session.transaction() as transaction:
        return {
            name: (await transaction.fetch(Statement(COUNT.format(name)), row_id))[0][0]
            for name in ("taggings", "comments", "timeline_entries")
        }
