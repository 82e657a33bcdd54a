"""The operations of login analytics: each tenant reads what became of its own doors."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Operation, Parameter, Reply
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import BadRequest
from insula.kernel.jobs.request import NewJob, insert_jobs
from insula.kernel.services.analytics.days import (
    DAY,
    Day,
    Span,
    read_days,
    today,
    zone_name,
)
from insula.kernel.services.analytics.rebuilding import REBUILD
from insula.kernel.services.analytics.statements import USERS
from insula.kernel.services.audit.noting import note

PATH = "/api/v1/analytics/logins"
READ, REBUILDS = "login_analytics.read", "login_analytics.rebuild"
REF = "#/components/schemas/{model}"
USUAL, LONGEST = timedelta(days=30), timedelta(days=366)
MOST_USERS = 100
HOURS, WEEK = 24, 7

PARAMETERS = tuple(
    Parameter(name, told, {"type": "string", "format": "date"})
    for name, told in (
        ("from", "The first day; 30 days back, if not said."),
        ("to", "The last day, at most 366 days on; today, if not said."),
    )
)


class BadSpan(BadRequest):
    """`from` and `to` are days such as 2026-03-01, in their order, a year apart at most."""

    code = "INVALID_QUERY"


class Told(BaseModel):
    """The days of which an answer tells, in the tenant's time zone."""

    first: date
    last: date
    time_zone: str


class DayOfLogins(BaseModel):
    """The sign-ins of a day; ``users`` are the different people among them."""

    day: date
    logins: int
    users: int
    failures: int


class DailyLogins(Told):
    """The sign-ins of each day."""

    days: list[DayOfLogins]


class UserOfLogins(BaseModel):
    """How often somebody signed in."""

    id: UUID
    name: str | None
    logins: int
    last_login_at: datetime


class LoginUsers(Told):
    """How many different people signed in, and who did so most often."""

    unique_users: int
    users: list[UserOfLogins]


class LoginFailures(Told):
    """How often signing in failed, and why; nobody who failed was told the reason."""

    failures: int
    reasons: dict[str, int]


class LoginMethods(Told):
    """How people signed in: the first of their factors (RFC 8176), and how often."""

    logins: int
    methods: dict[str, int]


class LoginHours(Told):
    """Sign-ins by hour: seven rows from Monday on, of 24 numbers each."""

    logins: int
    hours: Annotated[list[list[int]], Field(min_length=WEEK, max_length=WEEK)]


class Rebuilding(BaseModel):
    """The job that counts all days again."""

    job: UUID


def _span(ctx: Context, query: Mapping[str, str]) -> Span:
    zone = zone_name(ctx.tenant)
    try:
        last = _day(query.get("to")) or today(zone, now())
        first = _day(query.get("from")) or last - USUAL + DAY
        if not timedelta() <= last - first < LONGEST or first.year < 2000:
            raise BadSpan
        return Span(first, last + DAY, zone)
    except (ValueError, OverflowError):
        raise BadSpan from None


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _told(span: Span) -> dict[str, Any]:
    return {"first": span.first, "last": span.end - DAY, "time_zone": span.zone}


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for some in counts:
        total.update(some)
    return dict(total.most_common())


def daily(span: Span, days: Sequence[Day]) -> BaseModel:
    """The sign-ins of each day."""
    shown = [
        DayOfLogins(day=it.day, logins=it.logins, users=it.users, failures=it.failures)
        for it in days
    ]
    return DailyLogins(**_told(span), days=shown)


def failures(span: Span, days: Sequence[Day]) -> BaseModel:
    """Why signing in failed."""
    reasons = _sum([it.reasons for it in days])
    return LoginFailures(
        **_told(span), failures=sum(it.failures for it in days), reasons=reasons
    )


def methods(span: Span, days: Sequence[Day]) -> BaseModel:
    """How people signed in."""
    counts = _sum([it.methods for it in days])
    logins = sum(it.logins for it in days)
    return LoginMethods(**_told(span), logins=logins, methods=counts)


def hours(span: Span, days: Sequence[Day]) -> BaseModel:
    """When people signed in, by the hours of a week."""
    grid = [[0] * HOURS for _ in range(WEEK)]
    for it in days:
        for hour, number in it.hours.items():
            grid[it.day.weekday()][int(hour)] += number
    logins = sum(it.logins for it in days)
    return LoginHours(**_told(span), logins=logins, hours=grid)


Make = Callable[[Span, Sequence[Day]], BaseModel]


def _of_days(make: Make) -> Callable[[Context, Call], Awaitable[Reply]]:
    async def run(ctx: Context, call: Call) -> Reply:
        span = _span(ctx, call.query)
        async with ctx.session.transaction() as transaction:
            days = await read_days(transaction, span)
        return Reply(make(span, days).model_dump_json().encode())

    return run


async def users(ctx: Context, call: Call) -> Reply:
    """Who signed in: how many, and the most frequent of them."""
    span = _span(ctx, call.query)
    async with ctx.session.transaction() as transaction:
        asked = span.zone, span.first, span.end, MOST_USERS
        rows = await transaction.fetch(USERS, *asked)
    found = LoginUsers(
        **_told(span),
        unique_users=rows[0]["users"] if rows else 0,
        users=[UserOfLogins(**dict(row)) for row in rows],
    )
    return Reply(found.model_dump_json().encode())


async def ask_rebuild(ctx: Context, _: Call) -> Reply:
    """Have all days counted again, as after a change of the time zone."""
    job = NewJob(REBUILD.name, {}, unique_key=REBUILD.name)
    async with ctx.session.transaction() as transaction:
        await insert_jobs(transaction, [job])
        await note(transaction, ctx, "login_analytics.rebuild", ("login_daily", None))
    return Reply(Rebuilding(job=job.id).model_dump_json().encode(), status=202)


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)


def analytics_operations() -> tuple[Operation, ...]:
    """Reading what became of sign-ins."""
    told = (
        ("daily", "Sign-ins by day", _of_days(daily), DailyLogins),
        ("users", "Who signed in", users, LoginUsers),
        ("failures", "Sign-ins that failed", _of_days(failures), LoginFailures),
        ("methods", "How people signed in", _of_days(methods), LoginMethods),
        ("hours", "Sign-ins by hour of the week", _of_days(hours), LoginHours),
    )
    reading = [
        Operation(
            name=f"login_analytics.{name}", method="GET", path=f"{PATH}/{name}",
            run=run, summary=summary, permission=READ, writes=False,
            answer=_schema(model), parameters=PARAMETERS, errors=(BadSpan,),
        )
        for name, summary, run, model in told
    ]  # fmt: skip
    rebuild = Operation(
        name="login_analytics.rebuild", method="POST", path=f"{PATH}/rebuild",
        run=ask_rebuild, summary="Count all days of sign-ins again",
        permission=REBUILDS, status=202, limit="bulk", answer=_schema(Rebuilding),
    )  # fmt: skip
    return *reading, rebuild
