"""Lists, views, imports and sign-ins tell nothing of another tenant, in any mode.

Whoever asks here is watched: every answer is searched for all ids and texts of the
other tenant, and for its counts where there are some.
"""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from insula.kernel.foundation.ids import uuid7
from insula.kernel.resource.api import ResourceApi
from tests.house import Answer
from tests.isolation.neighbours import (
    EXPORTS,
    FEEDS,
    IMPORTS,
    LISTS,
    OPERATIONS,
    OWN,
    REPORTS,
    SIGNING_IN,
    VIEWS,
    Neighbours,
    Side,
    alike,
    question,
    random_id,
)
from tests.samples import NOTIFICATIONS, SUPPORT, Row, creatable, path_of, secrets_of

pytestmark = pytest.mark.anyio
MARK = re.compile(r"(canary|sparrow)\d{5}")


def a_value(text: object) -> Any:
    """A value that nobody has, where a field may hold any."""
    if len(str(text)) == 36:
        return random_id()
    return MARK.sub("nowhere", str(text))


@pytest.mark.parametrize("name", LISTS)
async def test_a_list_holds_rows_of_its_tenant_alone(
    two: Neighbours, name: str
) -> None:
    """S0-56, pitfall 24: however it is filtered, sorted and cut."""
    operation = two.operations[name]
    resource = two.api(operation).resource
    queries: list[Row] = [
        {"deleted": "only"},
        *({"scope": it} for it in resource.scopes),
    ]
    for attribute in ("id", *(it.key for it in resource.sort)):
        queries += [{"sort": attribute}, {"sort": f"-{attribute}", "per_page": 100}]
    queries += [{"fields": it.name} for it in two.api(operation).shape.readable]
    for query in queries:
        rows = (await two.mine.owner.get(f"{operation.path}?{urlencode(query)}")).data
        assert rows or "deleted" in query


@pytest.mark.parametrize("name", LISTS)
async def test_a_filter_by_a_foreign_value_finds_nothing(
    two: Neighbours, name: str
) -> None:
    """Pitfalls 24, 25: no total, facet or ETag tells that somebody has the value."""
    operation = two.operations[name]
    row = two.foreign_row(operation)
    for attribute in two.api(operation).resource.filters:
        value = row[attribute.key]
        if value is None or str(value) not in two.theirs.samples.secrets:
            continue
        for form in ("{0}={1}", "filter={0}=={1}", "filter={0}=in=({1},{1})"):
            answers = [
                await two.mine.owner.get(
                    f"{operation.path}?{form.format(attribute.key, quote(str(it)))}"
                )
                for it in (value, a_value(value))
            ]
            assert answers[0].data == []
            texts = [str(alike(it)).replace("nowhere", "<text>") for it in answers]
            assert texts[0] == texts[1]


@pytest.mark.parametrize("name", LISTS)
async def test_a_cursor_is_good_in_its_tenant_alone(two: Neighbours, name: str) -> None:
    """Pitfall 26: neither neighbour can go on where the other stopped."""
    operation = two.operations[name]
    for giver, taker in ((two.mine, two.theirs), (two.theirs, two.mine)):
        await giver.samples.new(two.api(operation))
        await giver.samples.new(two.api(operation))
        page = (await giver.owner.get(f"{operation.path}?per_page=1")).body
        following = page["links"]["next"]
        assert len((await giver.owner.get(following)).data) == 1
        refused = await taker.owner.get(following)
        assert (refused.status, refused.code) == (400, "INVALID_QUERY")


@pytest.mark.parametrize("name", EXPORTS)
async def test_an_export_holds_rows_of_its_tenant_alone(
    two: Neighbours, name: str
) -> None:
    """Promise 1: a list that leaves as a file leaves alone."""
    answer = await two.mine.owner.get(f"{two.operations[name].path}?format=jsonl")
    rows = [json.loads(it) for it in answer.body.splitlines()]
    listed = two.operations[name.replace(".export", ".list")].path
    first = (await two.mine.owner.get(f"{listed}?per_page=1")).data
    assert answer.status == 200
    assert {it["id"] for it in first} <= {it["id"] for it in rows}


@pytest.mark.parametrize("name", FEEDS)
async def test_a_feed_holds_what_its_tenant_alone_was_told(
    two: Neighbours, name: str
) -> None:
    """S0-56, pitfalls 25, 26: neither what happens next door, nor how much of it."""
    path = two.operations[name].path
    for side in (two.mine, two.theirs):
        for table in (NOTIFICATIONS, SUPPORT) * 2:
            await side.samples.another(table)
        await two.house.work(side.tenant)
    page = (await two.mine.owner.get(f"{path}?per_page=1")).body
    seen = [it["id"] for it in page["data"]]
    assert len(seen) == 1
    following = page["links"]["next"]
    assert (await two.mine.owner.get(following)).data[0]["id"] not in seen
    elsewhere = await two.theirs.owner.get(following)  # who is watched, too
    assert elsewhere.status in (200, 400)


async def grown(side: Side, two: Neighbours) -> None:
    """One row more of every resource."""
    for api in two.house.platform.engine.apis:
        await side.samples.new(api)


async def test_what_one_reads_of_oneself_is_nobody_elses(two: Neighbours) -> None:
    """Promise 1: the same question next door has another tenant's answer."""
    ours, theirs = two.mine.owner, two.theirs.owner
    paths = {name: question(name) for name in OWN}
    first = {name: (await ours.get(path)).data for name, path in paths.items()}
    await grown(two.theirs, two)
    for name, path in paths.items():
        assert (await ours.get(path)).data == first[name], name
        assert (await theirs.get(path)).status == 200, name


async def test_a_view_is_worked_out_and_kept_by_tenant(two: Neighbours) -> None:
    """S1-62, pitfalls 25, 30: what others have does not count, fresh or kept."""
    sides = {"mine": two.mine.owner, "theirs": two.theirs.owner}
    paths = {name: two.operations[name].path for name in VIEWS}
    first = {
        (side, name): (await owner.get(path)).data
        for side, owner in sides.items()
        for name, path in paths.items()
    }
    await grown(two.theirs, two)
    two.house.platform.cache.clear()
    for name, path in paths.items():
        ours = (await sides["mine"].get(path)).data
        theirs = (await sides["theirs"].get(path)).data
        assert ours == first["mine", name], name
        assert theirs not in (first["theirs", name], ours), name
        for side, other, known in (
            ("mine", "theirs", ours),
            ("theirs", "mine", theirs),
        ):
            kept = await sides[side].get(path)
            assert kept.data == known, name
            asked = {"if-none-match": kept.headers["etag"]}
            assert (await sides[other].get(path, headers=asked)).status == 200, name


async def test_no_report_counts_what_others_have(two: Neighbours) -> None:
    """K16, pitfalls 25, 30: neither in its rows nor in its totals, fresh or kept."""
    cache, paths = two.house.platform.cache, [two.operations[it].path for it in REPORTS]
    first = [(await two.mine.owner.get(path)).data for path in paths]
    theirs = [(await two.theirs.owner.get(path)).data for path in paths]
    for api in two.house.platform.engine.apis:
        await two.theirs.samples.new(api)
    cache.clear()
    assert [(await two.mine.owner.get(path)).data for path in paths] == first
    assert [(await two.theirs.owner.get(path)).data for path in paths] != theirs


def sheet(row: Row) -> str:
    """A file of one row."""
    lines = io.StringIO()
    writer = csv.writer(lines)
    writer.writerow(row)
    writer.writerow(
        json.dumps(it) if isinstance(it, dict) else it for it in row.values()
    )
    return lines.getvalue()


async def imported(two: Neighbours, name: str, row: Row, **query: str) -> Answer:
    """Import one row."""
    operation = two.operations[name]
    path = f"{operation.path}?{urlencode(query)}" if query else operation.path
    headers = {"content-type": "text/csv"}
    return await two.mine.owner.send("POST", path, headers=headers, content=sheet(row))


def references(api: ResourceApi) -> list[tuple[str, str]]:
    """The fields of a resource that refer to another, and to which table."""
    found = api.shape.creatable
    return [(it.name, it.field.target) for it in found if it.field.target]


@pytest.mark.parametrize("name", IMPORTS)
async def test_an_import_refers_to_rows_of_its_tenant_alone(
    two: Neighbours, name: str
) -> None:
    """Promise 1: by id or by a unique text, a foreign row is as unknown as any."""
    api, before = two.api(two.operations[name]), await two.theirs.fingerprint()
    for field, table in references(api):
        row, keys = await two.mine.samples.made(api, having=field)
        answers = []
        for value in (row[field], two.theirs.samples.rows[table]["id"], random_id()):
            body = await two.mine.samples.body(api.create_body, api, keys)
            answers.append(await imported(two, name, {**body, field: value}))
        assert [it.data["created"] for it in answers] == [1, 0, 0], field
        assert alike(answers[1]) == alike(answers[2])
        assert answers[1].data["errors"][0]["field"] == field
    assert await two.theirs.fingerprint() == before


@pytest.mark.parametrize("name", IMPORTS)
async def test_an_import_finds_no_foreign_row_by_its_text(
    two: Neighbours, name: str
) -> None:
    """Pitfall 25: a look-up does not tell what is taken elsewhere."""
    api, samples = two.api(two.operations[name]), two.mine.samples
    for field, table in references(api):
        facets = samples.apis[table].shape.facets.values()
        for unique in (it.name for it in facets if it.field.unique):
            row, keys = await samples.made(api, having=field)
            own = (await samples.row(table) or {})[unique]
            answers = []
            for value in (own, two.theirs.samples.rows[table][unique], "sparrow99999"):
                body = await samples.body(api.create_body, api, keys)
                said = json.dumps({"map": {field: f"@{unique}:{field}"}})
                sent = {**body, field: value}
                answers.append(await imported(two, name, sent, mapping=said))
            assert row[field]
            assert [it.data["created"] for it in answers] == [1, 0, 0], field
            assert alike(answers[1]) == alike(answers[2])


async def test_what_is_unique_is_so_within_a_tenant(two: Neighbours) -> None:
    """Pitfall 14: nobody learns by a clash what another tenant has."""
    for api in two.house.platform.engine.apis:
        unique = [it.name for it in api.shape.creatable if it.field.unique]
        if not unique or not creatable(api):
            continue
        row, keys = await two.mine.samples.made(api)
        theirs = two.theirs.samples.rows[api.resource.table.name]
        body = await two.mine.samples.body(api.create_body, api, keys)
        same = {**body, **{name: theirs[name] for name in unique}}
        two.theirs.samples.secrets -= secrets_of(same)  # our audit log has it now
        answer = await two.mine.owner.post(path_of(api), same)
        assert answer.status == 201
        deleted = f"{path_of(api)}/{answer.data['id']}"
        assert (await two.mine.owner.send("DELETE", deleted)).status == 200
        assert row["id"]


def test_what_is_asked_apart_is_asked_in_the_tests_of_its_service() -> None:
    """Sign-in, programs, contacts and SCIM bring credentials of their own."""
    files = Path(__file__).parents[1].rglob("*.py")
    said = "".join(it.read_text() for it in files)
    ends = {name: OPERATIONS[name].path.split("/{id}")[0] for name in SIGNING_IN}
    unsaid = {
        name
        for name, path in ends.items()
        if re.search(rf"[/\"}}]{path.rpartition('/')[2]}\b", said) is None
    }
    assert unsaid == set()


async def test_nobody_signs_in_next_door(two: Neighbours) -> None:
    """Pitfalls 25, 34: a foreign address or token is as unknown as any."""
    visitor = two.house.caller(two.mine.tenant.domain)
    accounts = two.house.platform.identity.users(two.theirs.context()).accounts
    assert two.theirs.owner.actor_id is not None
    theirs = await accounts.get(two.theirs.owner.actor_id)
    assert theirs is not None
    before = await two.theirs.fingerprint()
    answers = [
        await visitor.post("auth/login", {"email": email, "password": "Sesame!1"})
        for email in (theirs.email, "nobody@nowhere.test")
    ]
    assert answers[0].code == "INVALID_CREDENTIALS"
    assert alike(answers[0]) == alike(answers[1])
    assert await two.theirs.fingerprint() == before


async def test_a_foreign_refresh_token_is_as_unknown_as_any(two: Neighbours) -> None:
    visitor = two.house.caller(two.mine.tenant.domain)
    token = await two.theirs.refresh_token(two.house)
    ours = two.house.platform.identity.users(two.mine.context())
    unknown = ours.refresh.make(uuid7(), 0)
    before = await two.theirs.fingerprint()
    answers = [
        await visitor.post("auth/refresh", {"refresh_token": it})
        for it in (token, unknown)
    ]
    assert answers[0].status == 401
    assert alike(answers[0]) == alike(answers[1])
    assert await two.theirs.fingerprint() == before
    at_home = two.house.caller(two.theirs.tenant.domain)
    renewed = await at_home.post("auth/refresh", {"refresh_token": token})
    assert renewed.status == 200


async def test_whoever_signs_out_does_so_at_home_alone(two: Neighbours) -> None:
    before = await two.theirs.fingerprint()
    leaving = await two.house.user(two.mine.tenant)
    assert (await leaving.get("auth/user")).data["tenant"]["id"] == str(
        two.mine.tenant.id
    )
    assert (await leaving.post("auth/logout")).status == 200
    assert (await leaving.get("auth/user")).status == 401
    assert await two.theirs.fingerprint() == before
    assert (await two.theirs.owner.get("auth/user")).status == 200
