"""The accounts service: users, and how people come in, as every tenant has it."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from uuid import UUID

from insula.kernel.access.operation import Operation
from insula.kernel.identity.authenticate import Authenticator
from insula.kernel.identity.gates import Arrival, Entry, Gate
from insula.kernel.identity.one_time import prune_tokens
from insula.kernel.identity.signing_in import Identity
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.accounts import operations
from insula.kernel.services.accounts.arriving import NewDevice
from insula.kernel.services.accounts.asking import Asking, task_of
from insula.kernel.services.accounts.avatars import Avatars
from insula.kernel.services.accounts.inviting import Inviting
from insula.kernel.services.accounts.mails import AccountMails
from insula.kernel.services.accounts.own_sessions import OwnSessions
from insula.kernel.services.accounts.passwords import Passwords
from insula.kernel.services.accounts.profile import ProfileOperations
from insula.kernel.services.accounts.registering import Registering, forget_unconfirmed
from insula.kernel.services.accounts.resource import invitations, users
from insula.kernel.services.accounts.users import UserOperations
from insula.kernel.services.accounts.verifying import VerifiedGate, Verifying
from insula.kernel.services.files.service import Files


class Accounts:
    """All parts of the service, over one platform.

    ``engine`` and ``identity`` are asked for when they are needed: both are made after
    the services are known.
    """

    def __init__(
        self,
        mails: AccountMails,
        key: bytes,
        files: Files,
        *,
        engine: Callable[[], Engine],
        identity: Callable[[], Identity],
        authenticator: Callable[[], Authenticator],
    ) -> None:
        self.mails, self._key, self._files = mails, key, files
        self._engine, self._identity = engine, identity
        self._authenticator = authenticator

    @cached_property
    def service(self) -> App:
        """What every tenant has of it."""
        return App(
            name="accounts",
            title="Accounts",
            version="1.0.0",
            folder=Path(__file__).parent,
            always=True,
            resources=(users, invitations),
            tasks=(task_of(self.mails.sealer, self.mails),),
            schedules=(
                Schedule(name="prune", run=_prune, cron="30 2 * * *"),
                Schedule(
                    name="forget_unconfirmed",
                    run=forget_unconfirmed,
                    cron="50 2 * * *",
                ),
            ),
        )

    def gates(self) -> tuple[Gate, ...]:
        """What stands before whoever proved who they are."""
        return (VerifiedGate(),)

    def arrivals(self) -> tuple[Arrival, ...]:
        """Who hears of everybody that came in."""

        async def new_device(entry: Entry, session: UUID) -> None:
            await NewDevice(self._engine(), self.mails.origins)(entry, session)

        return (new_device,)

    def operations(self) -> tuple[Operation, ...]:
        """What callers ask for beyond the lists."""
        engine, identity, mails = self._engine(), self._identity(), self.mails
        inviting = Inviting(engine, identity, self._authenticator(), mails, self._key)
        passwords = Passwords(engine, identity, mails)
        profile = ProfileOperations(engine, identity, mails)
        asking = Asking(engine, mails.sealer, mails)
        return (
            *operations.visiting(
                Registering(engine, mails), Verifying(engine, mails), asking
            ),
            *operations.redeeming(passwords, inviting, profile),
            *operations.managing(UserOperations(engine, identity, mails), inviting),
            *operations.own(
                profile, passwords, Avatars(engine, self._files), OwnSessions(identity)
            ),
        )


async def _prune(work: WorkContext) -> None:
    """Forget the tokens that nobody can use any more."""
    await prune_tokens(work.transaction)
