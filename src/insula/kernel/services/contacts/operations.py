"""The portal's door for contacts, and how the staff make them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Audience, Call, Operation, Reply, summary_of
from insula.kernel.foundation.clock import now
from insula.kernel.foundation.errors import Invalid, NotFound, Unauthenticated
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.operations import (
    CurrentUser,
    Refresh,
    SigningIn,
    TokenPair,
    pair,
)
from insula.kernel.identity.passwords import PasswordWeak
from insula.kernel.identity.sessions import Origin
from insula.kernel.identity.signing_in import (
    Identity,
    InvalidCredentials,
    Realm,
    SignInBusy,
)
from insula.kernel.identity.tokens import TokenAudience
from insula.kernel.mail.address import BadAddress, key_of
from insula.kernel.resource.api import row_id, tag
from insula.kernel.resource.deriving import withheld
from insula.kernel.resource.engine import Engine
from insula.kernel.resource.unit import values_of
from insula.kernel.services.contacts.bodies import (
    Forgotten,
    NewContact,
    PortalLogin,
    PortalPassword,
)
from insula.kernel.services.contacts.models import Contact
from insula.kernel.services.contacts.passwords import PortalPasswords
from insula.kernel.services.contacts.sessions import ContactSessions

PORTAL, CONTACTS = "/api/v1/portal/auth", "/api/v1/contacts"
REF = "#/components/schemas/{model}"
Run = Callable[[Context, Call], Awaitable[Reply]]


class PortalDoor:
    """Signing in at a tenant's portal: the same deeds as at the staff's door, apart."""

    def __init__(self, identity: Identity, passwords: PortalPasswords) -> None:
        self._identity, self._passwords = identity, passwords
        self._deeds = SigningIn(self._realm)

    def _realm(self, ctx: Context) -> Realm:
        accounts = ContactSessions(ctx.session)
        return self._identity.realm(TokenAudience.portal, ctx, accounts)

    async def login(self, ctx: Context, call: Call) -> Reply:
        """Sign in at the portal with e-mail and password."""
        body: PortalLogin = call.body
        origin = Origin(ctx.request_id, ctx.client, call.user_agent)
        return pair(await self._realm(ctx).login(body.email, body.password, origin))

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        visitor, contact = Audience.visitor, Audience.portal
        nothing = {"answer": lambda: {"type": "null"}}
        return (
            _made(
                "login", "login", self.login, visitor, body=PortalLogin, limit="login",
                answer=_schema(TokenPair), errors=(InvalidCredentials, SignInBusy),
            ),
            _made(
                "refresh", "refresh", self._deeds.refresh, visitor, body=Refresh,
                limit="auth", answer=_schema(TokenPair), errors=(Unauthenticated,),
                summary="Exchange a contact's refresh token for new tokens",
            ),
            _made(
                "logout", "logout", self._deeds.logout, contact, **nothing,
                summary="Sign out of the portal", when_read_only=True,
            ),
            _made(
                "me", "me", self._deeds.current, contact, method="GET", writes=False,
                answer=_schema(CurrentUser), summary="Which contact is signed in",
            ),
            _made(
                "forgot_password", "forgot-password", self._passwords.ask, visitor,
                body=Forgotten, limit="login", status=202, **nothing,
            ),
            _made(
                "set_password", "password", self._passwords.choose, visitor,
                body=PortalPassword, limit="login", **nothing,
                errors=(TokenSpent, PasswordWeak),
            ),
        )  # fmt: skip


class ContactOperations:
    """Makes contacts, and invites them to the portal."""

    def __init__(
        self, engine: Engine, identity: Identity, passwords: PortalPasswords
    ) -> None:
        self._engine, self._passwords = engine, passwords
        self._identity, self._api = identity, engine.api("contacts")

    async def create(self, ctx: Context, call: Call) -> Reply:
        """Make a contact."""
        body: NewContact = call.body
        contact = Contact(
            name=body.name,
            email=key_of(body.email),
            phone=body.phone,
            invited_at=now() if body.invite else None,
        )
        async with self._engine.work(ctx) as work:
            await work.add(contact)
            await work.flush()
            if body.invite:
                await self._passwords.invite(work, contact.id, contact.email)
        return self._shown(contact, status=201, location=f"{CONTACTS}/{contact.id}")

    async def invite(self, ctx: Context, call: Call) -> Reply:
        """Send a contact a mail to choose a password with."""
        return self._shown(await self._passwords.invited(ctx, row_id(call)))

    def _shown(self, contact: Contact, **more: Any) -> Reply:
        writer = self._api.writer
        data = writer.encode(values_of(contact, writer))
        return Reply(data, etag=tag(contact.version), **more)

    def _telling(self, operation: Operation) -> Operation:
        """The operation, after which every process loads the contact anew."""

        async def run(ctx: Context, call: Call) -> Reply:
            reply = await operation.run(ctx, call)
            self._identity.left(row_id(call))
            return reply

        return replace(operation, run=run)

    def operations(self) -> tuple[Operation, ...]:
        """All of them, declared."""
        told = [it for it in withheld(self._api) if it.name != "contacts.create"]
        return (
            *(self._telling(it) for it in told),
            Operation(
                name="contacts.create", method="POST", path=CONTACTS, run=self.create,
                summary="Make a contact", permission="contacts.create", status=201,
                body=NewContact, answer=self._api.row_schema,
                errors=(Invalid, BadAddress),
            ),
            Operation(
                name="contacts.invite", method="POST", path=f"{CONTACTS}/{{id}}/invite",
                run=self.invite, permission="contacts.invite",
                summary="Send a contact a mail to choose a password with",
                answer=self._api.row_schema, errors=(NotFound,),
            ),
        )  # fmt: skip


def _made(name: str, path: str, run: Run, audience: Audience, **more: Any) -> Operation:
    return Operation(
        name=f"portal.auth.{name}",
        path=f"{PORTAL}/{path}",
        run=run,
        audience=audience,
        **{
            "method": "POST",
            "summary": summary_of(run),
            **more,
        },
    )


def _schema(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    return lambda: model.model_json_schema(mode="serialization", ref_template=REF)
