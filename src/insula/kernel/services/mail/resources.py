"""The resources of mail: the log, the addresses that are left alone, and the senders."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.mail.models import Mail, MailSender, MailSuppression
from insula.kernel.services.mail.senders import ask_to_verify

mails = Resource(
    Mail,
    kernel=True,
    filters=(Mail.state, Mail.recipient, Mail.template),
    sort=(Mail.created_at,),
    without=("create", "update", "delete"),
)
suppressions = Resource(
    MailSuppression,
    kernel=True,
    filters=(MailSuppression.reason, MailSuppression.address),
    sort=(MailSuppression.created_at,),
    hidden=(MailSuppression.key,),
    without=("create", "update"),  # its own operation works the key out
)
senders = Resource(
    MailSender,
    kernel=True,
    sort=(MailSender.created_at,),
    hidden=(MailSender.sealed_key,),
    without=("create",),  # its own operation makes the key
)


@senders.action("verify")
async def verify(ctx: WorkContext, sender: MailSender) -> MailSender:
    """Look whether the DNS holds the sender's record; the finding follows in a moment."""
    ask_to_verify(ctx, sender.id)
    return sender
