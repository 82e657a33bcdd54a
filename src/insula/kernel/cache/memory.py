"""The cache: answers kept for a while, under keys that always begin with a tenant."""

import time
from collections import OrderedDict
from uuid import UUID


class Cache:
    """Bounded, in this process; what it holds of a tenant goes when the tenant changes.

    There is no way to read or write it without naming a tenant (D12).
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[UUID, str], tuple[float, bytes]] = OrderedDict()
        self._tags: dict[UUID, set[str]] = {}
        self._epochs: dict[UUID, int] = {}
        self._cleared = 0
        self.hits = self.misses = 0

    def epoch(self, tenant_id: UUID) -> tuple[int, int]:
        """A mark to take before working out a value that shall be kept."""
        return self._cleared, self._epochs.get(tenant_id, 0)

    def get(self, tenant_id: UUID, key: str) -> bytes | None:
        """What is kept under a key of a tenant, if it is still good."""
        entry = self._kept.get((tenant_id, key))
        if entry is None or entry[0] < time.monotonic():
            self.misses += 1
            return None
        self.hits += 1
        return entry[1]

    def put(
        self,
        tenant_id: UUID,
        key: str,
        value: bytes,
        *,
        ttl: float,
        epoch: tuple[int, int],
    ) -> None:
        """Keep a value for ``ttl`` seconds, unless the tenant changed since ``epoch``."""
        if epoch != self.epoch(tenant_id):
            return
        self._kept[tenant_id, key] = time.monotonic() + ttl, value
        self._tags.setdefault(tenant_id, set()).add(key)
        if len(self._kept) > self._most:
            (oldest, name), _ = self._kept.popitem(last=False)
            self._untag(oldest, name)

    def _untag(self, tenant_id: UUID, key: str) -> None:
        keys = self._tags.get(tenant_id, set())
        keys.discard(key)
        if not keys:
            self._tags.pop(tenant_id, None)

    def flush(self, tenant_id: UUID) -> None:
        """Drop all that is kept for one tenant, and nothing of any other."""
        self._epochs[tenant_id] = self._epochs.get(tenant_id, 0) + 1
        for key in self._tags.pop(tenant_id, ()):
            self._kept.pop((tenant_id, key), None)

    def clear(self) -> None:
        """Drop everything: notices may have been lost."""
        self._cleared += 1
        self._epochs.clear()
        self._kept.clear()
        self._tags.clear()
