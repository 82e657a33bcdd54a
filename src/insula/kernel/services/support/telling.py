"""Telling a tenant of support: in the app, by mail whatever one wishes, and in its log."""

from collections.abc import Mapping

from insula.kernel.resource.notification import (
    LAST_LANGUAGE,
    NotificationKind,
    Text,
    spoken,
)
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.outgoing import send_mail
from insula.kernel.services.notifications.notifying import (
    NOTICE,
    Message,
    absolute,
    notify_roles,
)
from insula.kernel.services.notifications.statements import BY_ROLE
from insula.kernel.services.support.access import AccessView
from insula.kernel.services.support.models import Kind, Progress

KEEPERS = ("owner", "admin")
"""The roles that are told."""

SUPPORT = NotificationKind(
    "support.access",
    {
        "en": "Support asks for access, or has it",
        "de": "Der Support bittet um Zugang oder hat ihn",
        "ar": "الدعم يطلب الوصول أو لديه وصول",
    },
)
ASKED: Mapping[str, str] = {
    "en": "Support asks for access",
    "de": "Der Support bittet um Zugang",
    "ar": "الدعم يطلب الوصول",
}
ASKED_BODY: Mapping[str, str] = {
    "en": "{operator} asks to enter for {hours} hours ({scope}). Reason: {reason}\n\n"
    "Nobody comes in before you agree.",
    "de": "{operator} bittet um Zugang für {hours} Stunden ({scope}). Grund: {reason}"
    "\n\nOhne Ihr Einverständnis kommt niemand herein.",
    "ar": "{operator} يطلب الدخول لمدة {hours} ساعة ({scope}). السبب: {reason}\n\n"
    "لن يدخل أحد قبل موافقتكم.",
}
BROKEN: Mapping[str, str] = {
    "en": "Support has entered without being asked in",
    "de": "Der Support hat sich ohne Einverständnis Zugang verschafft",
    "ar": "دخل الدعم دون موافقة مسبقة",
}
BROKEN_BODY: Mapping[str, str] = {
    "en": "{operator} may enter for {hours} hours ({scope}), for an emergency."
    " Reason: {reason}\n\nYou can end this at any time.",
    "de": "{operator} hat wegen eines Notfalls für {hours} Stunden Zugang ({scope})."
    " Grund: {reason}\n\nSie können das jederzeit beenden.",
    "ar": "يمكن لـ {operator} الدخول لمدة {hours} ساعة ({scope}) لحالة طارئة."
    " السبب: {reason}\n\nيمكنكم إنهاء ذلك في أي وقت.",
}
LINK = "/support-accesses/{id}"


async def tell(work: WorkContext, access: AccessView) -> None:
    """Tell all who keep the tenant; a mail goes to each, since it is about their walls."""
    inside = access.state in (Progress.approved, Progress.active)
    broken = inside and access.kind is Kind.break_glass
    title, body = (BROKEN, BROKEN_BODY) if broken else (ASKED, ASKED_BODY)
    link = LINK.format(id=access.id)
    message = Message(title=title, body=_filled(body, access), link=link)
    await notify_roles(work, KEEPERS, SUPPORT, message)
    for person in await work.transaction.fetch(BY_ROLE, sorted(KEEPERS)):
        language = person["locale"] or LAST_LANGUAGE
        await send_mail(
            work,
            to=person["email"],
            template=NOTICE,
            language=language,
            heading=spoken(title, language),
            body=spoken(message.body, language),
            link=absolute(work, link),
        )


def _filled(text: Mapping[str, str], access: AccessView) -> Text:
    values = {
        "operator": access.operator,
        "hours": access.hours,
        "scope": access.scope.value,
        "reason": access.reason,
    }
    return {language: it.format(**values) for language, it in text.items()}
