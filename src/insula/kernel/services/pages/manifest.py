"""Pages: what a tenant's people see in a browser before, or without, the console."""

from collections.abc import Mapping
from dataclasses import dataclass

from insula.kernel.access.operation import Operation
from insula.kernel.services.pages.arriving import Arriving
from insula.kernel.services.pages.links import Links
from insula.kernel.services.pages.sessions import OwnSessionsPage
from insula.kernel.services.pages.signing_in import PageSignIn
from insula.kernel.services.pages.visiting import Reception


@dataclass(frozen=True, slots=True)
class Pages:
    """All pages, over the operations of the API that do what there is to do."""

    reception: Reception
    sign_in: PageSignIn
    deeds: Mapping[str, Operation]

    def operations(self) -> tuple[Operation, ...]:
        """Each page, shown and sent back."""
        common = self.reception, self.sign_in, self.deeds
        return (
            *Links(self.reception, self.deeds).operations(),
            *Arriving(*common).operations(),
            *OwnSessionsPage(*common).operations(),
        )
