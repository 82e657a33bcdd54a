"""The post: the mail service of this installation, made from its settings."""

from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

from insula.kernel.foundation.clock import now
from insula.kernel.foundation.sealing import Sealer
from insula.kernel.foundation.settings import Settings
from insula.kernel.mail.choosing import open_transport, platform_address
from insula.kernel.mail.templates import Templates
from insula.kernel.resource.app import App
from insula.kernel.services.mail.manifest import LOCALE, mail_service
from insula.kernel.services.mail.senders import Sender, Verifying, ask_dns
from insula.kernel.services.mail.sending import Postman
from insula.kernel.tenancy.control import Control

LANGUAGE = "SELECT settings->>'locale' FROM control.tenants WHERE id = $1"


def make_postman(
    settings: Settings, sealer: Sealer, control: Control, packages: Sequence[App]
) -> Postman:
    """Who takes mails to the transport; ``packages`` are all that bring templates.

    Its transport is to be closed in the end. Raises ``ValueError`` for settings that
    are malformed.
    """
    folders = {"mail": LOCALE, **{it.name: it.folder / "locale" for it in packages}}
    return Postman(
        templates=Templates(folders),
        transport=open_transport(settings),
        sealer=sealer,
        platform=Sender(platform_address(settings)),
        language=_language_from(control),
        clock=now,
    )


def make_mail_service(postman: Postman) -> App:
    """The service itself; it asks the DNS of this machine."""
    return mail_service(postman, Verifying(now, ask_dns))


def _language_from(control: Control) -> Callable[[UUID], Awaitable[str]]:
    async def language(tenant_id: UUID) -> str:
        rows = await control.fetch(LANGUAGE, tenant_id)
        return (rows[0][0] if rows else None) or ""

    return language
