"""References: which field points at whose rows, in every registered app."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from insula.kernel.database.columns import spec
from insula.kernel.resource.declaration import Resource


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of one resource that holds ids of another's rows."""

    resource: Resource[Any]
    field: str
    target: Resource[Any]
    part_of: bool

    @property
    def name(self) -> str:
        """What the row that it points at is called beside it: ``asset`` of ``asset_id``."""
        return self.field.removesuffix("_id")


class References:
    """All references between the rows of registered resources."""

    def __init__(self, resources: Iterable[Resource[Any]]) -> None:
        by_table = {str(it.table.name): it for it in resources}
        self._of: dict[str, list[Reference]] = defaultdict(list)
        self._to: dict[str, list[Reference]] = defaultdict(list)
        for resource in by_table.values():
            for column in resource.table.columns:
                declared = spec(column.info)
                target = by_table.get(declared.target or "")
                if target is None:
                    continue
                found = Reference(resource, column.name, target, declared.part_of)
                self._of[resource.name].append(found)
                self._to[target.name].append(found)

    def of(self, resource: Resource[Any]) -> tuple[Reference, ...]:
        """What the rows of a resource point at."""
        return tuple(self._of.get(resource.name, ()))

    def to(self, resource: Resource[Any]) -> tuple[Reference, ...]:
        """What points at the rows of a resource."""
        return tuple(self._to.get(resource.name, ()))

    def relations(self) -> Mapping[str, Mapping[str, str]]:
        """By a row's type: each field that points at another row, and that row's type."""
        found: dict[str, dict[str, str]] = {}
        for references in self._of.values():
            for it in references:
                found.setdefault(it.resource.type, {})[it.field] = it.target.type
        return found

    def children(self) -> Mapping[str, frozenset[str]]:
        """By a row's type: the names of the collections that are parts of it."""
        found: dict[str, set[str]] = defaultdict(set)
        for references in self._to.values():
            for it in references:
                if it.part_of:
                    found[it.target.type].add(it.resource.plural)
        return {kind: frozenset(names) for kind, names in found.items()}
