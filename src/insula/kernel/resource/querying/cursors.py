"""Cursors: where the next page begins, in a form that nobody can make up or reuse.

A cursor is signed together with what it belongs to: tenant, actor, resource and question
(PITFALLS 26). It holds the keys of the last row that was seen, and nothing else.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from pydantic import TypeAdapter

from insula.kernel.access.context import Context
from insula.kernel.foundation.words import Words
from insula.kernel.resource.querying.offer import Key
from insula.kernel.resource.querying.problems import BadQuery
from insula.kernel.resource.querying.selecting import PAGING
from insula.kernel.resource.searching.ranking import RANK

SEAL = 16


class Cursors:
    """Makes and reads the cursors of one resource."""

    def __init__(
        self, name: str, secret: bytes, adapters: Mapping[str, TypeAdapter[Any]]
    ) -> None:
        self._name, self._secret = name, secret
        self._adapters = {**adapters, RANK: TypeAdapter(int)}

    def _seal(
        self, ctx: Context, query: Mapping[str, str], reach: int, position: bytes
    ) -> bytes:
        asked = sorted(it for it in query.items() if it[0] not in PAGING)
        of = ctx.tenant.id, ctx.actor.id, self._name, reach, asked
        sealed = hashlib.blake2b(
            msgspec.json.encode(of), digest_size=SEAL, key=self._secret
        )
        sealed.update(position)
        return sealed.digest()

    def make(
        self, ctx: Context, query: Mapping[str, str], reach: int, keys: Sequence[Any]
    ) -> str:
        """The cursor of a page that begins behind the row with these keys."""
        position = msgspec.json.encode(keys)
        sealed = self._seal(ctx, query, reach, position) + position
        return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def read(
        self, ctx: Context, query: Mapping[str, str], reach: int, keys: Sequence[Key]
    ) -> list[Any]:
        """The keys of the row behind which the page begins; raises ``BadQuery``."""
        cursor = query["cursor"]
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise BadQuery(reason=Words("the cursor is damaged")) from None
        seal, position = raw[:SEAL], raw[SEAL:]
        if not hmac.compare_digest(seal, self._seal(ctx, query, reach, position)):
            raise BadQuery(reason=Words("the cursor belongs to another list"))
        found = msgspec.json.decode(position, type=list[Any])
        return [
            self._adapters[key.facet.name].validate_strings(_text(value))
            for key, value in zip(keys, found, strict=True)
        ]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
