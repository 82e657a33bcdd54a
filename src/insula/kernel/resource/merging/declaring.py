"""Declaring: what a resource says of two of its rows that turn out to be one."""

from collections.abc import Sequence
from dataclasses import dataclass

from insula.kernel.resource.rules import Attribute

MERGED_INTO = "merged_into_id"
"""A field of this name points from a row that was merged to the one that stayed."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Rows of the resource may be merged, at ``POST …/{id}/merge``.

    What the row that stays leaves empty is filled from the other one, but for the
    fields in ``keep``.
    """

    keep: Sequence[Attribute] = ()
