"""Masking: which fields somebody sees and sets, and rows without the others.

One list of fields for each caller serves answers, filters, sorts, sparse fields and
what is written: a hidden field is one that does not exist.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from insula.kernel.access.actor import Actor
from insula.kernel.access.grants import Mask
from insula.kernel.foundation.errors import Denied, FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.schemas import row_struct
from insula.kernel.resource.shape import Shape

MOST_LENSES = 64
"""Sets of hidden fields for which one resource keeps what it worked out."""
WHOLE = Mask()


class PartOfARow(Denied):
    """Some fields of this are not yours to replace: change single ones with PATCH."""

    code = "FIELDS_PROTECTED"


class Masking:
    """Knows what masks and the fields' own permissions withhold of one resource."""

    def __init__(self, resource: Resource[Any], shape: Shape) -> None:
        self._name = resource.name
        fields = {it.name: it.field for it in shape.facets.values()}
        self._readers = {name: it.read for name, it in fields.items() if it.read}
        self._writers = {name: it.write for name, it in fields.items() if it.write}
        self._guards = bool(self._readers or self._writers)

    def of(self, actor: Actor) -> Mask:
        """What this actor neither sees nor sets."""
        if not self._guards and not actor.masks:
            return WHOLE
        mask = actor.masks.get(self._name, WHOLE)
        if not self._guards:
            return mask
        unread = _lacking(actor, self._readers)
        return Mask.of(mask.hide | unread, mask.freeze | _lacking(actor, self._writers))


def _lacking(actor: Actor, permissions: Mapping[str, str]) -> frozenset[str]:
    return frozenset(name for name, it in permissions.items() if not actor.may(it))


class Lens:
    """A resource's rows as JSON, without some fields."""

    def __init__(self, kind: str, shape: Shape, hidden: frozenset[str]) -> None:
        shown = [
            (at, it) for at, it in enumerate(shape.readable) if it.name not in hidden
        ]
        self._places = [at for at, _ in shown]
        self._names = [facet.name for _, facet in shown]
        self._row = row_struct(kind, self._names)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """The row as the API answers with it."""
        return msgspec.json.encode(self._row(*(values[name] for name in self._names)))

    def encode_record(self, record: Sequence[Any]) -> bytes:
        """A record of the readable fields, in their order, as the API answers it."""
        return msgspec.json.encode(self._row(*(record[at] for at in self._places)))


class Lenses:
    """The lenses of one resource, those kept that were used last."""

    def __init__(self, kind: str, shape: Shape) -> None:
        self._kind, self._shape = kind, shape
        self._made: OrderedDict[frozenset[str], Lens] = OrderedDict()

    def without(self, hidden: frozenset[str]) -> Lens:
        """The lens that shows all but these fields."""
        found = self._made.get(hidden)
        if found is None:
            found = self._made[hidden] = Lens(self._kind, self._shape, hidden)
            if len(self._made) > MOST_LENSES:
                self._made.popitem(last=False)
        else:
            self._made.move_to_end(hidden)
        return found


def refuse_protected(mask: Mask, sent: Iterable[str]) -> None:
    """Refuse fields that the caller may not set; raises ``Invalid``.

    Of a hidden one no more is told than of one that does not exist.
    """
    if not mask.freeze:
        return
    faults = [
        FieldError(name, "unknown", Words("There is no {field} field.", field=name))
        if name in mask.hide
        else FieldError(
            name,
            "read_only",
            Words("The {field} field is not yours to set.", field=name),
        )
        for name in sent
        if name in mask.freeze
    ]
    if faults:
        raise Invalid(*faults)
