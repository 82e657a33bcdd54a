"""The resources: users and invitations as callers list and read them.

Who is changed, and by whom, follows rules that no declaration says: see ``users``.
"""

from insula.kernel.identity.models import User
from insula.kernel.resource.declaration import Resource
from insula.kernel.services.accounts.models import Invitation

WRITES = ("create", "update", "delete")

users = Resource(
    User,
    filters=(User.email,),
    sort=(User.name, User.email),
    search=(User.name, User.email),
    title=User.name,
    hidden=(
        User.password,
        User.login_count,
        User.password_changed_at,
        User.external_id,
        User.registered_at,
    ),
    without=WRITES,
    kernel=True,
)

invitations = Resource(
    Invitation,
    filters=(Invitation.email, Invitation.state),
    hidden=(Invitation.token_hash,),
    without=WRITES,
    kernel=True,
)
