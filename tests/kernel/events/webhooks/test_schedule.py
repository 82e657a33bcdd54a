"""The schedule: every wait of every plan, as a pure function."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insula.kernel.events.webhooks.schedule import Plan, next_wait, retry_after

STANDARD = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
EXTENDED = (60, 300, 900, 3600, 14400, 43200, 86400, 86400)
SHORT = (60, 300, 900)


def middle() -> float:
    """No jitter."""
    return 0.5


@pytest.mark.parametrize(
    ("plan", "waits"),
    [(Plan.standard, STANDARD), (Plan.extended, EXTENDED), (Plan.short, SHORT)],
)
def test_every_wait_of_a_plan(plan: Plan, waits: tuple[float, ...]) -> None:
    """S0-62: `short` is the source's 60/300/900; the others go on for days (R23)."""
    found: list[float] = []
    while (wait := next_wait(plan, len(found) + 1, random=middle)) is not None:
        found.append(wait.total_seconds())
    assert tuple(found) == waits


@given(st.sampled_from(Plan), st.integers(1, 9), st.floats(0, 1))
def test_the_jitter_is_a_fifth_at_most(plan: Plan, attempt: int, random: float) -> None:
    wait = next_wait(plan, attempt, random=lambda: random)
    plain = next_wait(plan, attempt, random=middle)
    assert (wait is None) == (plain is None)
    if wait is not None and plain is not None:
        assert 0.799 <= wait / plain <= 1.201


@pytest.mark.parametrize(
    ("asked", "seconds"), [(1, 5), (60, 60), (10**8, 86400), (None, 5)]
)
def test_a_receiver_may_ask_for_a_longer_wait(
    asked: float | None, seconds: float
) -> None:
    wait = next_wait(Plan.standard, 1, random=middle, asked=asked)
    assert wait is not None
    assert wait.total_seconds() == seconds


def test_what_is_over_is_over_whatever_the_receiver_asks() -> None:
    assert next_wait(Plan.short, 4, random=middle, asked=10) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("9" * 400, 999_999_999.0),
        ("Wed, 01 Jan 2025 00:01:40 GMT", 100.0),
        ("Wed, 01 Jan 2020 00:00:00 GMT", None),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_a_number_or_a_date(
    value: str | None, seconds: float | None
) -> None:
    assert retry_after(value, "Wed, 01 Jan 2025 00:00:00 GMT") == seconds


@given(st.text(max_size=60))
def test_no_retry_after_raises(value: str) -> None:
    found = retry_after(value)
    assert found is None or found >= 0
