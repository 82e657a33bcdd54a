"""Limits: what is too large, too deep or too odd is refused in words, never a fault."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest

from tests.house import Answer, Caller, House

pytestmark = pytest.mark.anyio
ASSETS = "maintenance/assets"
MIB = 1_048_576
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
async def the_owner(the_house: House) -> Caller:
    """Who may do everything in a tenant."""
    return await the_house.user(await the_house.tenant())


@pytest.fixture
def owner(house: House, the_owner: Caller) -> Caller:
    """Who may do everything in a tenant; a fault of the program fails the test."""
    assert house.http is the_owner.http
    return the_owner


async def sent(owner: Caller, body: Any, **headers: str) -> Answer:
    """Post a body as it is."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await owner.send("POST", ASSETS, content=body, headers=JSON | named)


def padded(size: int) -> bytes:
    """A body of that many bytes."""
    head, tail = b'{"name":"Pump","tag":"', b'"}'
    return head + b"x" * (size - len(head) - len(tail)) + tail


async def test_a_body_has_at_most_a_mebibyte(owner: Caller) -> None:
    """Promise 15: chunked too."""

    async def chunks(size: int) -> AsyncIterator[bytes]:
        body = padded(size)
        for start in range(0, size, 65_536):
            yield body[start : start + 65_536]

    for body in (padded(MIB), chunks(MIB)):
        assert (await sent(owner, body)).status == 422
    for body in (padded(MIB + 1), chunks(MIB + 1), padded(8 * MIB)):
        answer = await sent(owner, body)
        assert (answer.status, answer.code) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(("depth", "status"), [(63, 201), (65, 400), (50_000, 400)])
async def test_json_nests_at_most_64_deep(
    owner: Caller, depth: int, status: int
) -> None:
    """Promise 15: the outermost object and `custom` count."""
    inner = '{"a":' * (depth - 1) + "1" + "}" * (depth - 1)
    body = f'{{"name":"Pump","tag":"D{depth}","custom":{inner}}}'
    answer = await sent(owner, body.encode())
    assert answer.status == status, answer.body


@pytest.mark.parametrize("name", ["x-padding", "cookie", "authorization", "if-match"])
async def test_headers_have_at_most_16_kilobytes(owner: Caller, name: str) -> None:
    """Promise 15."""
    answer = await owner.get(ASSETS, headers={name: "a" * 17_000})
    assert (answer.status, answer.code) == (431, "HEADERS_TOO_LARGE")


async def test_a_query_has_at_most_fifty_parameters(owner: Caller) -> None:
    """Promise 15."""
    for count in (51, 500):
        query = "&".join(f"a{at}=1" for at in range(count))
        answer = await owner.get(f"{ASSETS}?{query}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY")
    assert (await owner.get(f"{ASSETS}?x={'a' * 9_000}")).status == 414
    assert (await owner.get(f"{ASSETS}/{'a' * 9_000}")).status == 414


@pytest.mark.parametrize("query", ["state=down&state=down", "per_page=1&per_page=2"])
async def test_a_parameter_twice_is_refused(owner: Caller, query: str) -> None:
    """Two readers would take two different ones."""
    answer = await owner.get(f"{ASSETS}?{query}")
    assert (answer.status, answer.code) == (400, "INVALID_QUERY")


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "text/csv", "é"]
)
@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
async def test_a_body_is_json(owner: Caller, method: str, kind: str) -> None:
    path = ASSETS if method == "POST" else f"{ASSETS}/x"
    headers: Any = {"content-type": kind.encode()}
    answer = await owner.send(method, path, content=b"{}", headers=headers)
    assert (answer.status, answer.code) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_json_may_say_its_encoding(owner: Caller) -> None:
    headers = {"content-type": "Application/JSON; charset=utf-8"}
    answer = await owner.send("POST", ASSETS, content=b"{}", headers=headers)
    assert answer.status == 422


async def test_nothing_but_the_method_says_what_is_done(owner: Caller) -> None:
    row = await owner.create(ASSETS, name="Pump", tag="override")
    path = f"{ASSETS}/{row['id']}"
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        answer = await owner.get(path, headers={name: "DELETE"})
        assert (answer.status, answer.data) == (200, row)
        answer = await owner.post(path, {}, headers={name: "DELETE"})
        assert answer.code == "METHOD_NOT_ALLOWED"
    assert (await owner.get(f"{path}?_method=DELETE")).data == row


async def test_head_is_get_without_its_body(owner: Caller) -> None:
    row = await owner.create(ASSETS, name="Pump", tag="head")
    for path in (ASSETS, f"{ASSETS}/{row['id']}", f"{ASSETS}/x", "/nowhere"):
        get, head = await owner.get(path), await owner.send("HEAD", path)
        assert (head.status, head.body) == (get.status, "")
        assert head.headers.get("etag") == get.headers.get("etag")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert int(head.headers["content-length"]) > 0
    tag = (await owner.get(ASSETS)).headers["etag"]
    again = await owner.send("HEAD", ASSETS, headers={"if-none-match": tag})
    assert (again.status, again.body) == (304, "")


@pytest.mark.parametrize("method", ["OPTIONS", "DELETE", "PUT", "PATCH"])
async def test_a_wrong_method_is_told_the_right_ones(
    owner: Caller, method: str
) -> None:
    answer = await owner.send(method, ASSETS)
    assert (answer.status, answer.code) == (405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET, POST"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "FOO"])
async def test_an_unknown_method_is_refused(owner: Caller, method: str) -> None:
    assert (await owner.send(method, ASSETS)).status == 405


@pytest.mark.parametrize(
    "path",
    [
        f"{ASSETS}/",
        f"{ASSETS}//",
        f"{ASSETS}/%00",
        f"{ASSETS}/..%2f..%2f",
        f"{ASSETS}/\\",
        f"{ASSETS}/%ff",
        f"{ASSETS}/{quote('ü')}",
        f"{ASSETS}/x/y/z",
        "/api/v1",
        "/api/v2/maintenance/assets",
        "/API/V1/maintenance/assets",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
async def test_an_odd_address_is_no_fault(owner: Caller, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await owner.send(method, path)
        assert answer.status in (400, 404, 405, 415), (method, answer.body)


@pytest.mark.parametrize(
    "query",
    [
        "include=location",
        "include=location.parent.parent",
        "filter=" + ";" * 60,
        "filter=" + quote("(" * 2_000),
        "filter=category=in=()",
        "filter=category=in=(" + "," * 3_000 + ")",
        "sort=" + "-" * 500 + "id",
        "fields=" + "id," * 1_000 + "name",
        "per_page=" + "9" * 400,
        "%ff=%fe",
        "category=%ff",
        "category=%ed%a0%80",
        "state==down",
        "=",
        "&&&",
        "a;b",
        "filter=location_id==" + "0" * 400,
        "cursor=" + "A" * 5_000,
        "deleted",
    ],
)
async def test_an_odd_question_is_no_fault(owner: Caller, query: str) -> None:
    answer = await owner.get(f"{ASSETS}?{query}")
    assert answer.status in (200, 400), answer.body


@pytest.mark.parametrize(
    "token", ["", "x", "x.y.z", "a" * 8_000, "é", "null", "Bearer Bearer"]
)
@pytest.mark.parametrize("kind", ["Bearer", "bearer", "Basic", ""])
async def test_an_odd_token_is_nobodys(owner: Caller, kind: str, token: str) -> None:
    visitor = Caller(owner.http, owner.host)
    headers: Any = {"authorization": f"{kind} {token}".encode()}
    answer = await visitor.get(ASSETS, headers=headers)
    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "name", ["if-match", "if-none-match", "x-tenant-id", "accept", "x-request-id"]
)
@pytest.mark.parametrize("value", ["", '"', "*", ",,,", "é", "\t", "a" * 4_000])
async def test_an_odd_header_is_no_fault(owner: Caller, name: str, value: str) -> None:
    headers: Any = {name: value.encode()}
    assert (await owner.get(ASSETS, headers=headers)).status < 500
    answer = await owner.send("DELETE", f"{ASSETS}/x", headers=headers)
    assert 400 <= answer.status < 500
