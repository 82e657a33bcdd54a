"""All kinds of notifications of an installation, and what somebody wishes of each."""

from collections.abc import Iterable, Iterator, Mapping

from insula.kernel.resource.notification import KindError, NotificationKind, Wish


class Kinds:
    """The kinds that services and apps declare, by name."""

    def __init__(self, kinds: Iterable[NotificationKind]) -> None:
        self._kinds: dict[str, NotificationKind] = {}
        for kind in kinds:
            if self._kinds.setdefault(kind.name, kind) is not kind:
                raise KindError(f"two kinds are called {kind.name}")

    def __iter__(self) -> Iterator[NotificationKind]:
        return iter(sorted(self._kinds.values(), key=lambda it: it.name))

    def know(self, pattern: str) -> bool:
        """Whether the pattern means a kind, all that begin so, or simply all."""
        if pattern == "*" or pattern in self._kinds:
            return True
        return pattern.endswith(".*") and any(
            name.startswith(pattern[:-1]) for name in self._kinds
        )


def wish_for(kind: NotificationKind, wishes: Mapping[str, Wish]) -> Wish:
    """The nearest of somebody's wishes: for the kind, then ever wider, then the usual."""
    pattern = kind.name
    while pattern:
        if pattern in wishes:
            return wishes[pattern]
        pattern = pattern.removesuffix(".*").rpartition(".")[0]
        pattern = f"{pattern}.*" if pattern else ""
    return wishes.get("*", kind.usual)
