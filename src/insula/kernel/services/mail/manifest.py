"""The mail service: what every tenant has of mail, whatever its apps."""

from datetime import timedelta
from pathlib import Path

from insula.kernel.jobs.models import Queue
from insula.kernel.resource.app import App, Schedule
from insula.kernel.resource.tasks import Errand
from insula.kernel.services.mail.outgoing import SEND, SendMail
from insula.kernel.services.mail.resources import mails, senders, suppressions
from insula.kernel.services.mail.senders import (
    VERIFY,
    Verifying,
    VerifySender,
    verify_all,
)
from insula.kernel.services.mail.sending import Postman

FOLDER = Path(__file__).parent
LOCALE = FOLDER / "locale"


def mail_service(postman: Postman, verifying: Verifying) -> App:
    """The service, with what sends its mails and what asks the DNS."""
    send = Errand(
        name=SEND,
        command=SendMail,
        queue=Queue.email,
        prepare=postman.prepare,
        perform=postman.perform,
        run=postman.settle,
        on_dead=postman.bury,
    )
    verify = Errand(
        name=VERIFY,
        command=VerifySender,
        prepare=verifying.prepare,
        perform=verifying.perform,
        run=verifying.settle,
    )
    return App(
        name="mail",
        title="Mail",
        version="1.0.0",
        folder=FOLDER,
        always=True,
        resources=(mails, suppressions, senders),
        tasks=(send, verify),
        schedules=(
            Schedule(name="verify_senders", every=timedelta(days=1), run=verify_all),
        ),
    )
