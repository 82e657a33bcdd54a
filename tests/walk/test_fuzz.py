"""What the document allows is answered as it says, and what it forbids is refused.

A sample that is the same every time; ``./run fuzz`` tries twenty thousand cases.
"""

from contextlib import suppress
from typing import Any

import httpx2
import pytest
import schemathesis
from anyio import from_thread, to_thread
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import load_all_checks
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import ignored_auth

from tests.house import Caller, House
from tools.fuzz import CONFIG

pytestmark = pytest.mark.anyio
TRIED = "^/api/v1/(maintenance/locations|meta)"
MODES = (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)


async def carry(caller: Caller, case: Any) -> httpx2.Response:
    """The application's answer to a case, as the caller would get it."""
    said = case.as_transport_kwargs(base_url=f"http://{caller.host}")
    ours = {"host": caller.host, "authorization": f"Bearer {caller.token}"}
    body = {"json": said["json"]} if "json" in said else {"content": said.get("data")}
    return await caller.http.request(
        said["method"],
        said["url"],
        headers={**said["headers"], **ours},
        params=said.get("params"),
        **body,
    )


def open_to_all(document: Any) -> Any:
    """The document without what it says of credentials: every case carries the caller's."""
    for methods in document["paths"].values():
        for said in methods.values():
            said["security"] = []
    return document


def attempt(caller: Caller, operation: Any, mode: Any) -> int:
    """Try one operation with a few cases of one kind; answers how many there were."""
    tried = 0

    @settings(
        max_examples=3,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case: Any) -> None:
        nonlocal tried
        tried += 1
        answer = from_thread.run(carry, caller, case)
        case.validate_response(answer, excluded_checks=[ignored_auth])

    with suppress(Unsatisfiable):  # nothing can be wrong where nothing can be said
        check()
    return tried


async def test_a_sample_of_what_can_be_asked_is_answered_as_documented(
    house: House,
) -> None:
    owner = await house.user(await house.tenant())
    load_all_checks()
    document = open_to_all((await owner.get("/openapi.json")).body)
    schema = schemathesis.openapi.from_dict(
        document, config=SchemathesisConfig.from_path(CONFIG)
    )
    found = list(schema.include(path_regex=TRIED).get_all_operations())
    every = [it.ok() for it in found if isinstance(it, Ok)]
    assert len(every) == len(found) > 10
    tried = [
        await to_thread.run_sync(attempt, owner, operation, mode)
        for operation in every
        for mode in MODES
    ]
    assert sum(tried) > 50


async def test_a_number_is_no_moment(house: House) -> None:
    """Pydantic would take one for seconds since 1970, or for milliseconds."""
    owner = await house.user(await house.tenant())
    for said in ("due_at=0", "due_at=0.5", "filter=due_at=lt=1767225600"):
        answer = await owner.get(f"maintenance/work-orders?{said}")
        assert (answer.status, answer.code) == (400, "INVALID_QUERY"), said
    right = await owner.get("maintenance/work-orders?due_at=2026-01-01T00:00:00Z")
    assert right.data == []
    hold = {"reason": "lawsuit", "until": 0}
    assert (await owner.post("legal-holds", hold)).status == 422
    moment = {**hold, "until": "2030-01-01T00:00:00Z"}
    assert (await owner.post("legal-holds", moment)).status == 201


async def test_a_malformed_key_is_refused_in_a_dry_run_as_well(house: House) -> None:
    owner = await house.user(await house.tenant())
    answer = await owner.post(
        "maintenance/locations?dry_run=true",
        {"name": "x"},
        headers={"idempotency-key": "k" * 256},
    )
    assert (answer.status, answer.code) == (400, "IDEMPOTENCY_KEY_INVALID")
