"""The page ``/mailbox``: the mails of development, in a browser; never in production."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from ipaddress import ip_address

from insula.kernel.foundation.errors import NotFound
from insula.kernel.foundation.settings import Settings
from insula.kernel.http.application import Plain
from insula.kernel.http.request import Request
from insula.kernel.mail.choosing import open_mailbox
from insula.kernel.mail.inbound import InboundMail
from insula.kernel.mail.mailbox import Kept, Mailbox
from insula.kernel.operations.pages import FORWARDED
from insula.server.welcome import PAGE, STYLE

PATH = "/mailbox"
MOST = 200
MORE_STYLE = """
table { border-collapse: collapse; width: 100%; font-size: .85rem; }
td, th { text-align: start; padding: .3rem .6rem .3rem 0; vertical-align: top; }
iframe { width: 100%; height: 30rem; border: 1px solid #8886; background: #fff; }
"""
LIST = """<table><thead><tr><th>At</th><th>To</th><th>Subject</th></tr></thead>
<tbody>{rows}</tbody></table>"""
ROW = """<tr><td>{at}</td><td>{to}</td>
<td><a href="{path}?tenant={tenant}&amp;mail={key}">{subject}</a></td></tr>"""
EMPTY = "<p>Nothing has been sent yet.</p>"
ONE = """<p><a href="{path}">All mails</a></p>
<table><tr><th>From</th><td>{sender}</td></tr><tr><th>To</th><td>{to}</td></tr></table>
<pre dir="auto">{text}</pre>{html}"""
# No script, no form and no origin of ours in there: the policy of the page holds too.
FRAME = """<iframe sandbox="" referrerpolicy="no-referrer" title="As HTML"
srcdoc="{html}"></iframe>"""
LINK = re.compile(r"https?://(?:[^\s<>&\"']|&amp;)+")
OPENED = r'<a href="\g<0>" target="_blank" rel="noopener noreferrer">\g<0></a>'

Page = Callable[[Request], Awaitable[Plain]]


def mailbox_pages(settings: Settings) -> Mapping[str, Page]:
    """The page by its path, where there is one: in development, with its mailbox."""
    if settings.env != "development" or settings.mail_way() != "directory":
        return {}
    return {PATH: MailboxPage(open_mailbox(settings), settings.base_domain)}


class MailboxPage:
    """Answers on the platform's own host alone: tenants' hosts have no such page.

    What it shows was sent to anybody, so it is for whoever sits at this machine.
    """

    def __init__(self, mailbox: Mailbox, host: str) -> None:
        self._mailbox, self._host = mailbox, host

    async def __call__(self, request: Request) -> Plain:
        """The list, or one mail of it."""
        if request.origin.host != self._host or not _is_here(request):
            raise NotFound
        asked = request.query()
        if "mail" not in asked:
            kept = await asyncio.to_thread(self._mailbox.latest, MOST)
            return _page("Mailbox", _listed(kept))
        place = asked.get("tenant", ""), asked["mail"]
        mail = await asyncio.to_thread(self._mailbox.read, *place)
        return _page(mail.subject, _shown(mail))


def _is_here(request: Request) -> bool:
    """Whether the request comes from this machine, and not through a proxy on it."""
    if any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.origin.client).is_loopback
    except ValueError:
        return False


def _page(title: str, body: str) -> Plain:
    style = STYLE + MORE_STYLE
    text = PAGE.format(style=style, kind="Development", title=escape(title), body=body)
    return 200, "text/html; charset=utf-8", text.encode()


def _listed(found: list[Kept]) -> str:
    rows = "".join(
        ROW.format(
            at="" if kept.at is None else f"{kept.at:%Y-%m-%d %H:%M}",
            to=escape(kept.to),
            path=PATH,
            tenant=escape(kept.tenant),
            key=kept.key,
            subject=escape(kept.subject or "-"),
        )
        for kept in found
    )
    return LIST.format(rows=rows) if rows else EMPTY


def _shown(mail: InboundMail) -> str:
    return ONE.format(
        path=PATH,
        sender=escape(mail.sender),
        to=escape(", ".join(mail.to)),
        text=LINK.sub(OPENED, escape(mail.text)),
        html="" if mail.html is None else FRAME.format(html=escape(mail.html)),
    )
