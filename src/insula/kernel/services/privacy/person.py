"""A person's own rows: what is known of them there, and how it is taken away."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from insula.kernel.database.attached import ATTACHED
from insula.kernel.database.columns import Holds
from insula.kernel.database.personal import Entry, Registry, Subject
from insula.kernel.database.session import HOME, Statement, Transaction
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Invalid, NotFound
from insula.kernel.resource.merging.declaring import MERGED_INTO
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.privacy.identifiers import Identifier, identifiers
from insula.kernel.services.privacy.tables import People, blank

USERS = "users"
MOST = 10_000
"""Different values of one column that are looked for; a person has a few."""

FORMER = Statement(
    f"""SELECT DISTINCT c.key, c.value FROM {HOME}.audit_log a
 CROSS JOIN LATERAL jsonb_each(CASE WHEN jsonb_typeof(a.changes) = 'object'
                                    THEN a.changes END) c
 WHERE a.tenant_id = $1::text::uuid AND a.resource_id = $2
   AND c.key = ANY($3::text[]) LIMIT {MOST}"""  # noqa: S608  # our names
)


class NoSubject(Invalid):
    """There are no people in {subject}."""

    code = "privacy.no_subject"


@dataclass(frozen=True, slots=True)
class Own:
    """The statements over the rows that are a person's, for one kind of people."""

    subject: Entry
    values: tuple[tuple[Holds, Statement], ...]
    blanks: Mapping[str, Statement] = field(default_factory=dict)
    deletes: Mapping[str, Statement] = field(default_factory=dict)


def own_rows(registry: Registry, subject: str) -> Own:
    """What belongs to people of a table; raises ``NoSubject``."""
    entry = registry.entries.get(subject)
    if entry is None or not isinstance(entry.person, Subject):
        raise NoSubject(subject=subject)
    others = [it for it in registry.entries.values() if it.person and not _is(it)]
    whose = _whose(entry)
    values = [it for one in (entry, *others) for it in _values(one, whose)]
    kept = [People(it) for it in others if not it.goes and it.personal]
    return Own(
        subject=entry,
        values=tuple(values),
        # In what nobody but its owner may change, the sweep finds what is personal.
        blanks={it.name: _blanking(it, whose) for it in kept if not it.append_only}
        | {subject: _blanking(People(entry), whose)},
        deletes=dict(_deletes(registry, entry, whose)),
    )


def _whose(subject: Entry) -> str:
    """That an id is the person's; rows that were merged into theirs are theirs too."""
    if MERGED_INTO not in subject.table.columns:
        return "= $2"
    return (
        f"= ANY(ARRAY(SELECT m.id FROM {HOME}.{subject.name} m"  # noqa: S608  # our names
        f" WHERE m.tenant_id = $1::text::uuid AND (m.id = $2 OR m.{MERGED_INTO} = $2)))"
    )


def _is(entry: Entry) -> bool:
    return isinstance(entry.person, Subject)


def _values(entry: Entry, whose: str) -> Iterator[tuple[Holds, Statement]]:
    for name in entry.personal:
        yield (
            entry.holds[name],
            Statement(
                f"SELECT DISTINCT {name}::text FROM {HOME}.{entry.name}"  # noqa: S608  # our names
                f" WHERE tenant_id = $1::text::uuid AND {entry.owner} {whose}"
                f" AND {name} IS NOT NULL LIMIT {MOST}"
            ),
        )


def _blanking(people: People, whose: str) -> Statement:
    entry = people.entry
    columns = entry.table.columns
    mine = entry.personal + (entry.texts if _is(entry) else ())
    sets = [
        f"{name} = {blank(columns[name], entry.holds[name], str(entry.owner))}"
        for name in mine
    ]
    if _is(entry):
        moments = [it for it in ("deleted_at", "disabled_at") if it in columns]
        sets += [f"{it} = COALESCE({it}, $3::timestamptz)" for it in moments]
    return people.updating(sets, f"{entry.owner} {whose}")


def _deletes(
    registry: Registry, subject: Entry, whose: str
) -> Iterator[tuple[str, Statement]]:
    for entry in registry.entries.values():
        owned = [it for it, table in entry.parents.items() if table == subject.name]
        if entry.goes and entry.owner:
            owned.append(entry.owner)
        known = [f"{name} {whose}" for name in owned]
        if entry.table.info.get(ATTACHED):  # what hangs on the person's row tells of it
            resources = f"'{subject.name}', '{subject.name.replace('_', '.', 1)}'"
            known.append(f"(resource IN ({resources}) AND row_id {whose})")
        if known:
            which = " OR ".join(known)
            yield (
                entry.name,
                Statement(
                    f"DELETE FROM {HOME}.{entry.name}"  # noqa: S608  # our names
                    f" WHERE tenant_id = $1::text::uuid AND ({which}) RETURNING id"
                ),
            )


async def check_subject(
    ctx: WorkContext, registry: Registry, subject: str, subject_id: UUID
) -> None:
    """Raise ``NoSubject`` or ``NotFound`` unless there is such a person."""
    own_rows(registry, subject)
    known = Statement(
        f"SELECT 1 FROM {HOME}.{subject}"  # noqa: S608  # the registry knows it
        " WHERE tenant_id = $1::text::uuid AND id = $2"
    )
    if not await ctx.transaction.fetch(known, subject_id):
        raise NotFound


async def known_by(
    transaction: Transaction, own: Own, subject_id: UUID
) -> frozenset[Identifier]:
    """The words by which a person is known, from all rows that are theirs.

    Former names and addresses are known from the journal of the person's own row.
    """
    found: list[tuple[Holds, str]] = []
    for holds, statement in own.values:
        rows = await transaction.fetch(statement, subject_id)
        found += [(holds, row[0]) for row in rows]
    personal = own.subject.personal
    for name, value in await transaction.fetch(FORMER, subject_id, personal):
        former = msgspec.json.decode(value)
        texts = former if isinstance(former, list) else [former]
        found += [(own.subject.holds[name], it) for it in texts if isinstance(it, str)]
    return identifiers(found)


async def take_away(
    transaction: Transaction, own: Own, subject_id: UUID
) -> dict[str, int]:
    """Delete and blank what is the person's; how many rows of each table."""
    counts: dict[str, int] = {}
    for name, statement in own.deletes.items():
        counts[name] = len(await transaction.fetch(statement, subject_id))
    for name, statement in own.blanks.items():
        counts[name] = len(await transaction.fetch(statement, subject_id, now()))
    return {name: count for name, count in counts.items() if count}
