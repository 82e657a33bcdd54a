"""The proof: what was erased, who allowed it and when, without saying who it was."""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

import msgspec

from insula.kernel.foundation.clock import now
from insula.kernel.services.privacy.identifiers import Identifier
from insula.kernel.services.privacy.models import DataRequest
from insula.kernel.services.privacy.notes import Position


def proof_of(
    request: DataRequest, known: frozenset[Identifier], position: Position
) -> Mapping[str, Any]:
    """The proof of an erasure.

    The salt of the hash is kept nowhere: it shows that certain words were looked for
    and can tell nobody, not even by trying, which.
    """
    words = msgspec.json.encode(sorted(known))
    return {
        "erased_at": now().isoformat(),
        "requested_by": _id(request.requested_by),
        "approved_by": _id(request.decided_by),
        "approved_at": request.decided_at and request.decided_at.isoformat(),
        "identifiers": len(known),
        "identifiers_hash": hashlib.sha256(os.urandom(32) + words).hexdigest(),
        "changed": dict(sorted(position.counts.items())),
        "rounds": position.round,
        "checked": position.checked,
        "left": position.left,
        "key_destroyed": True,
    }


def _id(value: object) -> str | None:
    return None if value is None else str(value)
