"""Visits of people whom a program has sent, and what the program is told."""

from dataclasses import dataclass

from insula.kernel.access.operation import Call
from insula.kernel.services.oauth.asking import back
from insula.kernel.services.oauth.codes import Wanted
from insula.kernel.services.pages.visiting import Visit, origin_of


@dataclass(frozen=True, slots=True)
class Errand:
    """A visit, and what the program wants that sent them here."""

    visit: Visit
    wanted: Wanted

    def answer(self, **said: str) -> str:
        """The program's address, with what came of the visit."""
        wanted, whose = self.wanted, issuer(self.visit.call)
        return back(whose, wanted.redirect_uri, wanted.state, **said)


def issuer(call: Call) -> str:
    """Who issues the tokens of the host that was asked (RFC 8414, 2)."""
    return origin_of(call)
