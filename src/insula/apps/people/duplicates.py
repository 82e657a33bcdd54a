"""Duplicates: contacts who seem to be one person, until somebody says what is so."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import ColumnElement, or_

from insula.sdk import (
    AppCommand,
    Chunked,
    Command,
    Conflict,
    Context,
    Count,
    Holds,
    Mapped,
    Progress,
    Resource,
    StoredEvent,
    TenantModel,
    TextList,
    Unique,
    column,
    state,
)

from .blocking import named
from .contacts import Contact
from .matching import LIKELY, Evidence, Verdict, compare

BATCH, MOST_ALIKE, MOST_NEAR, MOST_TOLD = 200, 50, 5000, 10
WORTH_A_LOOK = 0.75
"""How sure it must be that two are one before somebody is asked."""
LOOKED_BACK = timedelta(days=2)
SUNDAY = 6
FIRST = UUID(int=0)


class DuplicateState(StrEnum):
    """What is known of a pair."""

    open = "open"
    merged = "merged"
    dismissed = "dismissed"


D = DuplicateState


class Duplicate(TenantModel):
    """Two contacts who seem to be one person; ``score`` is how surely, in hundredths.

    They are named by their ids alone: a pair is about two rows as they were, so that
    merging one of them does not make it a pair of others.
    """

    __tablename__ = "people_duplicates"

    first_id: Mapped[UUID] = column(read_only=True)
    second_id: Mapped[UUID] = column(read_only=True)
    score: Mapped[int] = column(read_only=True, min=0, max=100)
    reasons: Mapped[TextList] = column(default=[], read_only=True, holds=Holds.nothing)
    state: Mapped[DuplicateState] = state(
        D.open, {D.open: (D.merged, D.dismissed), D.dismissed: (D.open,)}
    )


class NotOfThePair(Conflict):
    """The contact to keep is one of the two."""

    code = "people.not_of_the_pair"


class MergePair(Command):
    """Which of the two stays; the one who has been known longer, if it is not said."""

    keep: UUID | None = None


duplicates = Resource(
    Duplicate,
    filters=(Duplicate.state, Duplicate.first_id, Duplicate.second_id),
    sort=(Duplicate.score, Duplicate.created_at),
    rules=(Unique(Duplicate.first_id, Duplicate.second_id),),
    without=("create", "update", "delete"),
    moves={"dismiss": (D.open, D.dismissed), "reopen": (D.dismissed, D.open)},
    measures=(Count(),),
    dimensions=(Duplicate.state,),
)


@duplicates.action("merge", raises=(NotOfThePair,))
async def merge(ctx: Context, pair: Duplicate, command: MergePair) -> Duplicate:
    """Merge the two; it takes the permission to merge contacts."""
    both = pair.first_id, pair.second_id
    stays = command.keep or pair.first_id
    if stays not in both:
        raise NotOfThePair
    (goes,) = (it for it in both if it != stays)
    ctx.move(pair, D.merged)
    await ctx.request("people.contacts.merge", id=stays, other=goes)
    return pair


def evidence(contact: Contact) -> Evidence:
    """What tells a contact apart from others."""
    return Evidence(
        name=contact.name,
        given_name=contact.given_name or "",
        family_name=contact.family_name or "",
        email=contact.email or "",
        phone=contact.phone or "",
        street=contact.street or "",
        suburb=contact.suburb or "",
        postcode=contact.postcode or "",
        region=contact.region or "",
        birth_date=contact.birth_date,
    )


def blocks(contact: Contact) -> Iterator[tuple[str, object]]:
    """In which fields, and by which values, a contact is alike to others."""
    yield "match_name", contact.match_name
    yield "match_name", contact.match_swapped
    for name in ("match_place", "birth_date", "email", "phone"):
        yield name, getattr(contact, name)


async def look(ctx: Context, batch: Sequence[Contact]) -> int:
    """Find who else the contacts of a batch may be; answers how many pairs are new."""
    wanted: dict[str, set[object]] = defaultdict(set)
    for contact in batch:
        for name, value in blocks(contact):
            if value is not None:
                wanted[name].add(value)
    near: dict[tuple[str, object], list[Contact]] = defaultdict(list)
    for name, values in sorted(wanted.items()):
        field = Contact.__table__.c[name]
        for row in await ctx.select(Contact, field.in_(values), limit=MOST_NEAR):
            near[name, getattr(row, name)].append(row)
    found: dict[tuple[UUID, UUID], Verdict] = {}
    for contact in batch:
        for key in blocks(contact):
            others = near.get(key, [])
            for other in others if len(others) <= MOST_ALIKE else ():
                pair = min(contact.id, other.id), max(contact.id, other.id)
                if pair[0] != pair[1] and pair not in found:
                    found[pair] = compare(evidence(contact), evidence(other))
    rows = [
        Duplicate(
            first_id=first,
            second_id=second,
            score=round(verdict.score * 100),
            reasons=list(verdict.reasons),
        )
        for (first, second), verdict in found.items()
        if verdict.score >= WORTH_A_LOOK
    ]
    return len(await ctx.add_missing(rows))


class Match(Command):
    """Which contacts to look at: those that changed in the last days, or all."""

    days: int | None = None


async def match(ctx: Context, command: Match, progress: Progress) -> bool:
    """Compare the next contacts with whoever is alike."""
    after = UUID(progress.cursor) if progress.cursor else FIRST
    wanted = [Contact.__table__.c.id > after]
    if command.days is not None:
        since = ctx.now - timedelta(days=command.days)
        wanted.append(Contact.__table__.c.updated_at > since)
    batch = await ctx.select(Contact, *wanted, limit=BATCH)
    if batch:
        await look(ctx, batch)
        progress.cursor = str(batch[-1].id)
        progress.done += len(batch)
    return len(batch) < BATCH


MATCH = Chunked(name="people.match", command=Match, run=match)


async def match_changed(ctx: Context) -> None:
    """Look at what changed lately; on Sundays, at everybody."""
    days = None if ctx.now.weekday() == SUNDAY else LOOKED_BACK.days
    ctx.enqueue(MATCH, Match(days=days), unique="people.match", system=True)


async def on_merged(ctx: Context, event: StoredEvent) -> None:
    """Close what was asked of a contact that is none any more, and look anew."""
    survivor, gone = UUID(event.data["id"]), UUID(event.data["merged_id"])
    table = Duplicate.__table__.c
    named_by = or_(table.first_id == gone, table.second_id == gone)
    for pair in await ctx.select(Duplicate, named_by, table.state == D.open):
        both = {pair.first_id, pair.second_id} == {survivor, gone}
        ctx.move(pair, D.merged if both else D.dismissed)
    await look(ctx, await ctx.select(Contact, Contact.__table__.c.id == survivor))


class FindDuplicates(Command):
    """What is known of somebody who may be a contact already."""

    name: str | None = None
    given_name: str | None = None
    family_name: str | None = None
    email: str | None = None
    phone: str | None = None


class Candidate(BaseModel):
    """A contact who may be meant, and what speaks for it."""

    id: UUID
    name: str
    score: float
    reasons: list[str]


class Candidates(BaseModel):
    """Whoever may be meant, the likeliest first."""

    candidates: list[Candidate]


async def find_duplicates(ctx: Context, asked: FindDuplicates) -> Candidates:
    """Contacts that the caller may read, and who may be the one that is described."""
    known = Evidence(**{k: v for k, v in asked.model_dump().items() if v})
    table, visible = Contact.__table__.c, await ctx.visible(Contact)
    ways: list[ColumnElement[bool]] = []
    if any(known.names):
        ways.append(table.match_name.in_(_keys(known)))
    ways += [table.email == known.email.lower()] if known.email else []
    ways += [table.phone == known.phone] if known.phone else []
    found = [
        _candidate(row, compare(known, evidence(row)))
        for row in {
            it.id: it
            for way in ways
            for it in await ctx.select(Contact, way, visible, limit=MOST_NEAR)
        }.values()
    ]
    likely = [
        it for it in found if it.score >= LIKELY or {"email", "phone"} & set(it.reasons)
    ]
    likely.sort(key=lambda it: (-len({"email", "phone"} & set(it.reasons)), -it.score))
    return Candidates(candidates=likely[:MOST_TOLD])


def _keys(known: Evidence) -> Iterable[str]:
    given, family = known.given_name, known.family_name
    words = known.name.split() or [given or family]
    first, last = given or words[0], family or words[-1]
    return {named(first, last), named(last, first)}


def _candidate(row: Contact, verdict: Verdict) -> Candidate:
    score = round(verdict.score, 3)
    return Candidate(
        id=row.id, name=row.name, score=score, reasons=list(verdict.reasons)
    )


FIND_DUPLICATES = AppCommand(
    name="find_duplicates",
    command=FindDuplicates,
    run=find_duplicates,
    permission="people.contacts.read",
)
