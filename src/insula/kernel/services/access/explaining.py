"""Explaining: rule by rule, why somebody may do something or may not."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from uuid import UUID

from insula.kernel.access.actor import Actor, ActorKind
from insula.kernel.access.features import has_feature
from insula.kernel.access.grants import Reach, covers, reading
from insula.kernel.access.operation import Operation
from insula.kernel.access.roles import RIGHTS, Rights, RoleBook
from insula.kernel.database.session import CONTEXT, Session, Statement
from insula.kernel.foundation.errors import NotFound
from insula.kernel.resource.api import ResourceApi
from insula.kernel.resource.statements import getting
from insula.kernel.tenancy.models import State, SubscriptionStatus
from insula.kernel.tenancy.tenant import Tenant

PERSON = Statement(
    f"""WITH {CONTEXT} SELECT r.* FROM ctx CROSS JOIN LATERAL (
    SELECT u.id, u.roles, u.disabled_at, {RIGHTS} FROM home__.users u
     WHERE u.tenant_id = ctx.tenant_id AND u.id = $2::uuid
       AND u.deleted_at IS NULL LIMIT 1) r"""  # noqa: S608  # our names
)


class Verdict(StrEnum):
    """What a rule says."""

    allows = "allows"
    limits = "limits"
    """It is allowed, but not for everything."""
    refuses = "refuses"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule, and what it says of the case."""

    rule: str
    verdict: Verdict
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Whether it is allowed, and what every rule says of it."""

    user: UUID
    permission: str
    allowed: bool
    rules: Sequence[Finding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be explained: who wants to do what, perhaps to which row."""

    tenant: Tenant
    permission: str
    person: "Person"
    operations: Sequence[Operation]
    api: ResourceApi | None = None
    row: UUID | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """A user, and every way in which rights come to them."""

    id: UUID
    disabled: bool
    rights: Rights
    actor: Actor
    sources: Mapping[str, Iterable[str]]
    """Where each grant comes from."""


async def person(
    session: Session, book: RoleBook, user: UUID, scopes: Iterable[str] | None
) -> Person:
    """A user with the rights of this moment; raises ``NotFound``."""
    rows = await session.fetch(PERSON, user)
    if not rows:
        raise NotFound
    rights = book.read(rows[0])
    actor = Actor(
        ActorKind.user,
        user,
        tenant=session.tenant_id,
        roles=rights.roles,
        grants=rights.grants,
        teams=rights.teams,
        masks=rights.masks,
        scopes=scopes,
    )
    disabled = rows[0]["disabled_at"] is not None
    return Person(user, disabled, rights, actor, book.sources(rights))


async def explain(case: Case, session: Session) -> Explanation:
    """Ask every rule, in the order in which a request meets them."""
    rules = [
        *_tenant(case),
        *_app(case),
        _account(case),
        *_grants(case),
        *_key(case),
        *_qualified(case),
        *await _row(case, session),
        *_fields(case),
        *_features(case),
        *_step_up(case),
    ]
    allowed = all(it.verdict is not Verdict.refuses for it in rules)
    return Explanation(case.person.id, case.permission, allowed, rules)


def _tenant(case: Case) -> Iterator[Finding]:
    state = case.tenant.state
    writes = any(it.writes for it in case.operations)
    readable = state in (State.read_only, State.moving) and not writes
    fine = state is State.active or readable
    verdict = Verdict.allows if fine else Verdict.refuses
    yield Finding("tenant", verdict, f"The organisation is {state.value}.")


def _app(case: Case) -> Iterator[Finding]:
    """The subscription and the app; what is the kernel's needs neither."""
    app = next((it.app for it in case.operations if it.app), None)
    if app is None:
        return
    status = case.tenant.subscription
    paid = (None, SubscriptionStatus.active, SubscriptionStatus.trialing)
    late = status is SubscriptionStatus.past_due
    reads = not any(it.writes for it in case.operations)
    fine = status in paid or (late and reads)
    words = "There is no subscription." if status is None else f"It is {status.value}."
    verdict = Verdict.allows if fine else Verdict.refuses
    yield Finding("subscription", verdict, words)
    there = case.tenant.apps.get(app) == "active"
    words = f"The app {app} is {'' if there else 'not '}installed."
    yield Finding("app", Verdict.allows if there else Verdict.refuses, words)


def _account(case: Case) -> Finding:
    if case.person.disabled:
        return Finding("account", Verdict.refuses, "The user is disabled.")
    return Finding("account", Verdict.allows, "The user is enabled.")


def _grants(case: Case) -> Iterator[Finding]:
    """Each way by which the permission comes to the user."""
    if not case.operations:
        words = f"Nothing here asks for the permission {case.permission}."
        yield Finding("permission", Verdict.limits, words)
    found = False
    for source, grants in case.person.sources.items():
        for grant in sorted(grants):
            reach, plain = reading(grant)
            if covers(plain, case.permission):
                found = True
                words = f"{source} grants {grant}, which covers {case.permission}."
                whole = reach is Reach.all
                yield Finding(
                    "grant", Verdict.allows if whole else Verdict.limits, words
                )
    if not found:
        roles = ", ".join(case.person.rights.roles) or "no role"
        words = f"No grant of {roles} covers {case.permission}."
        yield Finding("grant", Verdict.refuses, words)


def _key(case: Case) -> Iterator[Finding]:
    scopes = case.person.actor.scopes
    if scopes is None:
        return
    for scope in sorted(scopes):
        if covers(reading(scope)[1], case.permission):
            yield Finding("scope", Verdict.allows, f"The scope {scope} covers it.")
            return
    words = f"None of the scopes {', '.join(sorted(scopes)) or '(none)'} covers it."
    yield Finding("scope", Verdict.refuses, words)


def _qualified(case: Case) -> Iterator[Finding]:
    """Whether a permission for some rows will do."""
    reach = case.person.actor.reach(case.permission)
    if reach in (None, Reach.all):
        return
    if any(it.scoped for it in case.operations):
        words = f"It is for rows of their {'team' if reach is Reach.team else 'own'}."
        yield Finding("rows", Verdict.limits, words)
    else:
        words = (
            "The permission is for some rows, but there are none that are anybody's."
        )
        yield Finding("rows", Verdict.refuses, words)


async def _row(case: Case, session: Session) -> list[Finding]:
    if case.api is None or case.row is None:
        return []
    action = case.permission.rpartition(".")[2]
    scope = case.api.writer.scoping.of(case.person.actor, "read", action)
    if scope is None:
        return [Finding("row", Verdict.allows, "The permission is for every row.")]
    statement = getting(
        case.api.resource.table.name,
        (case.api.shape.facets["id"],),
        trashable=case.api.shape.trashable,
        within=partial(case.api.writer.scoping.sql, reach=scope.reach),
    )
    if await session.fetch(statement, case.row, *scope.args):
        return [Finding("row", Verdict.allows, "The row is one of those.")]
    return [Finding("row", Verdict.refuses, "The row is none of those.")]


def _fields(case: Case) -> Iterator[Finding]:
    if case.api is None:
        return
    mask = case.api.writer.masking.of(case.person.actor)
    if mask.hide:
        words = f"Not shown: {', '.join(sorted(mask.hide))}."
        yield Finding("fields", Verdict.limits, words)
    if frozen := mask.freeze - mask.hide:
        words = f"Not to be written: {', '.join(sorted(frozen))}."
        yield Finding("fields", Verdict.limits, words)


def _features(case: Case) -> Iterator[Finding]:
    tenant = case.tenant
    for name in sorted({it.feature for it in case.operations if it.feature}):
        there = has_feature(name, tenant.features, tenant.limits)
        words = f"The plan has {'' if there else 'not '}the feature {name}."
        yield Finding("feature", Verdict.allows if there else Verdict.refuses, words)


def _step_up(case: Case) -> Iterator[Finding]:
    asking = [it.name for it in case.operations if it.step_up]
    if asking:
        words = f"Who they are must be proved lately, in person: {', '.join(asking)}."
        yield Finding("step_up", Verdict.limits, words)
