"""Verifying: goes through a log beside its chain and names whatever was touched."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from uuid import UUID

from insula.kernel.events.audit.chain import (
    BEGINNING,
    NOWHERE,
    Entry,
    Link,
    commitment,
    digest,
    link_hash,
)
from insula.kernel.events.audit.models import LinkKind


class Reason(StrEnum):
    """What is wrong with an entry or a link."""

    changed = "it says another thing than when it was sealed"
    deleted = "it was sealed, and is gone"
    inserted = "it is older than the last link, and in no link"
    forgotten = "its content was taken out, and no erasure tells of it"
    altered = "it is not the link that was made here"
    missing = "the links before it are gone"
    rewritten = "it is not the link whose hash was kept outside"
    truncated = "a later link was kept outside, and is gone"
    undated = "entries are gone as expired, and no link tells of that expiry"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that somebody has touched: an entry, or a link by its number."""

    reason: Reason
    entry: UUID | None = None
    link: int | None = None

    def __str__(self) -> str:
        """The fault in words."""
        subject = f"link {self.link}" if self.entry is None else f"entry {self.entry}"
        return f"{subject}: {self.reason}"


@dataclass(slots=True)
class Counts:
    """What a verification has seen."""

    links: int = 0
    sealed: int = 0
    erased: int = 0
    expired: int = 0
    waiting: int = 0


@dataclass(slots=True)
class Verification:
    """Takes entries by their ids, each link after the entries up to its last, then ends.

    ``heads`` are hashes of links, by number, that were kept outside the home.
    ``expired_before`` is where the chain itself says that the log begins; it is
    believed only if such a link comes. What is held in memory is no more than what is
    out of order.
    """

    heads: Mapping[int, bytes] = field(default_factory=dict)
    expired_before: UUID = NOWHERE
    counts: Counts = field(default_factory=Counts)
    number: int = 0
    hash: bytes = BEGINNING
    _floor: UUID = NOWHERE
    _open: dict[UUID, Entry] = field(default_factory=dict)
    _saltless: set[UUID] = field(default_factory=set)
    _expiry: UUID = NOWHERE

    def take(self, item: Entry | Link) -> Iterator[Fault]:
        """The next entry or link, and what is wrong with it."""
        if isinstance(item, Entry):
            self._open[item.id] = item
            return
        yield from self._chained(item)
        if item.kind is LinkKind.entries:
            yield from self._sealed(item)
        elif item.kind is LinkKind.erasure:
            self._saltless.difference_update(item.entries)
        else:
            self._expiry = max(self._expiry, item.last_id)
        yield from self._strangers(item.floor)

    def finish(self) -> Iterator[Fault]:
        """What only the end shows; entries that are not sealed yet are waiting."""
        for entry in sorted(self._saltless):
            yield Fault(Reason.forgotten, entry)
        if self.counts.expired and self._expiry != self.expired_before:
            yield Fault(Reason.undated, link=self.number)
        if any(number > self.number for number in self.heads):
            yield Fault(Reason.truncated, link=self.number)
        self.counts.waiting = len(self._open)

    def _chained(self, link: Link) -> Iterator[Fault]:
        if link.number != self.number + 1:
            yield Fault(Reason.missing, link=link.number)
        if link_hash(link, self.hash) != link.hash:
            yield Fault(Reason.altered, link=link.number)
        if self.heads.get(link.number, link.hash) != link.hash:
            yield Fault(Reason.rewritten, link=link.number)
        self.number, self.hash = link.number, link.hash
        self.counts.links += 1

    def _sealed(self, link: Link) -> Iterator[Fault]:
        sides = (link.entries, link.salts, link.commitments, link.digests)
        if len({len(side) for side in sides}) > 1:
            yield Fault(Reason.altered, link=link.number)
        for entry_id, salt, committed, digested in zip(*sides, strict=False):
            self.counts.sealed += 1
            entry = self._open.pop(entry_id, None)
            if not salt:
                self.counts.erased += 1
                self._saltless.add(entry_id)
            if entry is None and entry_id < self.expired_before:
                self.counts.expired += 1
            elif entry is None:
                yield Fault(Reason.deleted, entry_id)
            elif _changed(entry, salt, committed, digested):
                yield Fault(Reason.changed, entry_id)

    def _strangers(self, floor: UUID) -> Iterator[Fault]:
        """Entries that ought to have been in a link by now."""
        if floor == self._floor:
            return
        self._floor = floor
        for entry_id in [it for it in self._open if it < floor]:
            del self._open[entry_id]
            yield Fault(Reason.inserted, entry_id)


def _changed(entry: Entry, salt: bytes, committed: bytes, digested: bytes) -> bool:
    if salt and commitment(salt, entry) != committed:
        return True
    return digest(entry, committed) != digested


def verify(
    items: Iterable[Entry | Link],
    *,
    heads: Mapping[int, bytes] | None = None,
    expired_before: UUID = NOWHERE,
) -> Iterator[Fault]:
    """Everything that is wrong with a log and its chain, one after the other."""
    verification = Verification(heads or {}, expired_before)
    for item in items:
        yield from verification.take(item)
    yield from verification.finish()
