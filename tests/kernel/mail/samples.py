"""Mails of nobody, for tests."""

from datetime import UTC, datetime
from typing import Any

from insula.kernel.foundation.ids import uuid7
from insula.kernel.mail.address import Address
from insula.kernel.mail.message import Mail
from insula.kernel.mail.transports import Envelope

SENT = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)


def a_mail(**more: Any) -> Mail:
    """A mail from Acme to Ada."""
    usual = {
        "sender": Address("office@acme.test", "Acme"),
        "to": Address("ada@people.test", "Ada"),
        "subject": "Your order",
        "message_id": "1@acme.test",
        "date": SENT,
        "text": "It is on its way.",
    }
    return Mail(**{**usual, **more})


def an_envelope(content: bytes | None = None, **more: Any) -> Envelope:
    """A mail that is ready to leave."""
    usual = {
        "key": uuid7(),
        "sender": "office@acme.test",
        "recipient": "ada@people.test",
    }
    body = content or a_mail().build()
    return Envelope(**{**usual, "content": body, **more})


REPORT = b"""From: MAILER-DAEMON@mx.people.test
To: office@acme.test
Subject: Undelivered Mail Returned to Sender
Message-ID: <report@mx.people.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=us-ascii

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.people.test
Arrival-Date: Mon, 4 May 2026 08:30:00 +0000

Final-Recipient: rfc822; Ada@People.Test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <ada@people.test>: Recipient address
 rejected: User unknown

Final-Recipient: rfc822; full@people.test
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 mailbox full

--b
Content-Type: message/rfc822

From: office@acme.test
To: ada@people.test
Subject: Your order
Message-ID: <1@acme.test>

It is on its way.
--b--
"""

COMPLAINT = b"""From: feedback@provider.test
To: abuse@acme.test
Subject: FW: Your order
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an email abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Provider/1.0
Version: 1
Original-Rcpt-To: <ada@people.test>

--b
Content-Type: text/rfc822-headers

From: office@acme.test
Message-ID: <2@acme.test>

--b--
"""
