"""Parts: what every deed with second factors is done by."""

from collections.abc import Callable
from dataclasses import dataclass

from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.engine import Engine
from insula.kernel.services.factors.challenges import Challenges
from insula.kernel.services.factors.keeping import Keeping
from insula.kernel.services.factors.proving import Proving


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of the service; identity and engine are made after them."""

    identity: Callable[[], Identity]
    engine: Callable[[], Engine]
    challenges: Challenges
    proving: Proving
    keeping: Keeping
