"""Rules fall on the days that people mean, at the hour on the wall (M11)."""

import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from insula.apps.maintenance.recurrence import (
    Recurrence,
    RecurrenceRule,
    TimeZone,
    known_rule,
    known_zone,
)

NEW_YEAR, NEW_YEARS_EVE = date(2026, 1, 1), date(2026, 12, 31)


def days(rule: str, start: date, zone: str = "Europe/Berlin") -> list[date]:
    """The days of 2026 on which a rule falls."""
    found = Recurrence(rule, zone, start).between(NEW_YEAR, NEW_YEARS_EVE)
    return [occurrence.on for occurrence in found]


@pytest.mark.parametrize("anchor", [29, 30, 31])
def test_monthly_from_a_late_day_skips_no_month(anchor: int) -> None:
    found = days("FREQ=MONTHLY", date(2026, 1, anchor))
    assert [day.month for day in found] == list(range(1, 13))
    assert [found[0].day, found[1].day, found[2].day] == [anchor, 28, anchor]


def test_every_month_end_can_be_asked_for() -> None:
    found = days("FREQ=MONTHLY;BYMONTHDAY=-1", date(2026, 1, 31))
    assert [day.day for day in found] == [
        31,
        28,
        31,
        30,
        31,
        30,
        31,
        31,
        30,
        31,
        30,
        31,
    ]


def test_a_day_that_is_written_out_is_kept_to_the_letter() -> None:
    found = days("FREQ=MONTHLY;BYMONTHDAY=31", date(2026, 1, 31))
    assert [day.month for day in found] == [1, 3, 5, 7, 8, 10, 12]


def test_yearly_from_a_leap_day_falls_on_the_last_of_february() -> None:
    rule = Recurrence("FREQ=YEARLY", "UTC", date(2024, 2, 29))
    found = rule.between(date(2024, 1, 1), date(2028, 12, 31))
    assert [it.on.day for it in found] == [29, 28, 28, 28, 29]


def test_nine_oclock_stays_nine_oclock_when_the_clocks_change() -> None:
    rule = Recurrence("FREQ=WEEKLY;BYHOUR=9", "Europe/Berlin", date(2026, 3, 22))
    found = rule.between(date(2026, 3, 22), date(2026, 3, 29))
    assert [it.due_at for it in found] == [
        datetime(2026, 3, 22, 8, tzinfo=UTC),
        datetime(2026, 3, 29, 7, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("day", "due"),
    [
        (date(2026, 3, 29), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    ],
)
def test_an_hour_that_is_missing_or_there_twice_falls_once(
    day: date, due: datetime
) -> None:
    """02:30 does not exist in spring and comes twice in autumn (RFC 5545, 3.3.5)."""
    rule = Recurrence("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "Europe/Berlin", day)
    assert rule.between(day, day) == [(day, due)]


def test_without_an_hour_it_is_due_at_the_end_of_the_local_day() -> None:
    rule = Recurrence("FREQ=DAILY", "Pacific/Auckland", NEW_YEAR)
    (found,) = rule.between(NEW_YEAR, NEW_YEAR)
    assert found.due_at == datetime(2026, 1, 1, 10, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        ("FREQ=DAILY", 365),
        ("FREQ=WEEKLY;BYDAY=MO,TH", 105),
        ("FREQ=WEEKLY;INTERVAL=2", 27),
        ("FREQ=MONTHLY;BYDAY=-1FR", 12),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", 12),
        ("FREQ=YEARLY;BYMONTH=1,7;BYMONTHDAY=1", 2),
        ("FREQ=DAILY;COUNT=10", 10),
        ("FREQ=DAILY;UNTIL=20260110", 10),
    ],
)
def test_a_year_has_as_many_as_the_calendar_says(rule: str, number: int) -> None:
    assert len(days(known_rule(rule), NEW_YEAR)) == number


def test_what_was_missed_counts_once() -> None:
    rule = Recurrence("FREQ=WEEKLY", "UTC", date(2025, 1, 6))
    found = rule.due(date(2026, 1, 14), date(2026, 1, 26))
    assert [it.on.day for it in found] == [12, 19, 26]


def test_nothing_falls_before_the_start() -> None:
    assert days("FREQ=MONTHLY;BYMONTHDAY=1", date(2026, 11, 2)) == [date(2026, 12, 1)]


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "every day",
        "INTERVAL=2",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=6,18",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;COUNT=3;UNTIL=20260101",
        "FREQ=DAILY;UNTIL=20261399",
        "FREQ=DAILY\nRRULE:FREQ=WEEKLY",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=YEARLY;BYEASTER=0",
        "RRULE:FREQ=DAILY",
        "FREQ=DAILY;INTERVAL=٣",
    ],
)
def test_a_rule_that_no_routine_can_follow_is_refused(rule: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RecurrenceRule).validate_python(rule)


def test_a_rule_is_kept_in_capitals() -> None:
    assert known_rule("freq=weekly;byday=mo") == "FREQ=WEEKLY;BYDAY=MO"


@settings(deadline=None)
@given(st.text(max_size=60) | st.from_regex(r"\AFREQ=[A-Z;=,0-9+-]{0,40}\Z"))
def test_any_text_is_a_rule_or_refused(text: str) -> None:
    try:
        rule = known_rule(text)
    except ValueError:
        return
    days(rule, date(2024, 2, 29))


WRITTEN = st.fixed_dictionaries(
    {"FREQ": st.sampled_from(["DAILY", "WEEKLY", "MONTHLY", "YEARLY"])},
    optional={
        "INTERVAL": st.integers(1, 999).map(str),
        "BYDAY": st.sampled_from(["MO", "SA,SU", "1MO", "-1FR"]),
        "BYMONTH": st.integers(1, 12).map(str),
        "BYMONTHDAY": st.integers(1, 31).map(str),
        "BYSETPOS": st.sampled_from(["1", "-1", "3"]),
    },
).map(lambda parts: ";".join(f"{name}={value}" for name, value in parts.items()))


@settings(deadline=None)
@given(WRITTEN, st.dates(date(1970, 1, 1), date(2026, 6, 1)))
def test_a_year_never_has_two_on_a_day_or_one_outside(rule: str, start: date) -> None:
    try:
        found = days(known_rule(rule), start)
    except ValueError:
        return
    assert found == sorted(set(found))
    assert all(max(NEW_YEAR, start) <= day <= NEW_YEARS_EVE for day in found)


def test_a_rule_that_never_meets_its_start_costs_little() -> None:
    """Every seventh day from a Monday is never a Tuesday."""
    rule = Recurrence("FREQ=DAILY;INTERVAL=7;BYDAY=TU", "UTC", date(1970, 1, 5))
    began = time.process_time()
    assert rule.between(NEW_YEAR, NEW_YEARS_EVE) == []
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "Pacific/Auckland"])
def test_zones_of_the_iana_database_are_known(name: str) -> None:
    assert known_zone(name) == name


@pytest.mark.parametrize("name", ["Mars/Base", "../etc/passwd", "Europe", "", "\0"])
def test_other_zones_are_refused(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(TimeZone).validate_python(name)
