"""The operations of accounts: what visitors, people and their managers can ask for."""

from insula.kernel.access.operation import Audience, Operation, Precondition
from insula.kernel.foundation.errors import (
    Conflict,
    Invalid,
    NotFound,
    Stale,
    TooLarge,
)
from insula.kernel.identity.one_time import TokenSpent
from insula.kernel.identity.passwords import HashingBusy, PasswordWeak
from insula.kernel.services.access.granting import NotYoursToGive
from insula.kernel.services.accounts import avatars
from insula.kernel.services.accounts.answers import (
    Done,
    PasswordSet,
    PasswordsOff,
    PeopleAlone,
    Sent,
    schema_of,
)
from insula.kernel.services.accounts.asking import Asking
from insula.kernel.services.accounts.avatars import Avatars, AvatarView, NotAPicture
from insula.kernel.services.accounts.bodies import (
    Acceptance,
    AddressChange,
    Addressed,
    NewInvitation,
    NewPassword,
    NewUser,
    PasswordChange,
    ProfilePatch,
    Proof,
    Registration,
    UserPatch,
)
from insula.kernel.services.accounts.inviting import AddressInUse, Inviting
from insula.kernel.services.accounts.own_sessions import Ended, OwnSessions, Sessions
from insula.kernel.services.accounts.passwords import NoPassword, Passwords
from insula.kernel.services.accounts.profile import (
    Profile,
    ProfileOperations,
    TooManyMails,
)
from insula.kernel.services.accounts.ranking import LastOwner, Outranked
from insula.kernel.services.accounts.registering import Registering, RegistrationClosed
from insula.kernel.services.accounts.users import UserOperations
from insula.kernel.services.accounts.verifying import Verifying
from insula.kernel.services.files.quota import StorageFull

AUTH, OWN = "/api/v1/auth", "/api/v1/profile"
USERS, INVITATIONS = "/api/v1/users", "/api/v1/invitations"


def visiting(
    registering: Registering, verifying: Verifying, asking: Asking
) -> tuple[Operation, ...]:
    """What strangers ask for; none of it tells who has an account."""
    return (
        Operation(
            name="auth.register", method="POST", path=f"{AUTH}/register",
            when_read_only=False,
            run=registering.register, summary="Make an account for yourself",
            audience=Audience.visitor, body=Registration, status=202, limit="auth",
            answer=schema_of(Sent),
            errors=(RegistrationClosed, PasswordsOff, PasswordWeak, HashingBusy),
        ),
        Operation(
            name="auth.verify_email", method="POST", path=f"{AUTH}/verify-email",
            run=verifying.verify, summary="Confirm an address with the token of a mail",
            audience=Audience.visitor, body=Proof, limit="auth",
            answer=schema_of(Done), errors=(TokenSpent,),
        ),
        Operation(
            name="auth.resend_verification", method="POST",
            path=f"{AUTH}/resend-verification", run=asking.verification,
            summary="Send the mail that asks for a confirmation once more",
            audience=Audience.visitor, body=Addressed, status=202, limit="auth",
            answer=schema_of(Sent),
        ),
        Operation(
            name="auth.forgot_password", method="POST", path=f"{AUTH}/forgot-password",
            run=asking.reset, summary="Send a link to choose a new password",
            audience=Audience.visitor, body=Addressed, status=202, limit="auth",
            answer=schema_of(Sent), errors=(PasswordsOff,),
        ),
    )  # fmt: skip


def redeeming(
    passwords: Passwords, inviting: Inviting, profile: ProfileOperations
) -> tuple[Operation, ...]:
    """What is done with the token of a mail; each is good once."""
    return (
        Operation(
            name="auth.reset_password", method="POST", path=f"{AUTH}/reset-password",
            run=passwords.reset, summary="Choose a password with the token of a mail",
            audience=Audience.visitor, body=NewPassword, limit="auth",
            answer=schema_of(PasswordSet),
            errors=(TokenSpent, PasswordWeak, PasswordsOff, HashingBusy),
        ),
        Operation(
            name="auth.accept_invitation", when_read_only=False, method="POST",
            path=f"{AUTH}/accept-invitation", run=inviting.accept,
            summary="Come in with the token of an invitation",
            audience=Audience.visitor, body=Acceptance, limit="auth",
            answer=schema_of(Done),
            errors=(TokenSpent, AddressInUse, PasswordWeak, PasswordsOff, HashingBusy),
        ),
        Operation(
            name="auth.confirm_email", method="POST", path=f"{AUTH}/confirm-email",
            run=profile.confirm_address,
            summary="Take a new address with the token of a mail",
            audience=Audience.visitor, body=Proof, limit="auth",
            answer=schema_of(Done), errors=(TokenSpent, Invalid),
        ),
    )  # fmt: skip


def managing(users: UserOperations, inviting: Inviting) -> tuple[Operation, ...]:
    """What is done to other people's accounts."""
    one, many = users.api.row_schema, f"{USERS}/{{id}}"
    common = NotFound, Stale, Outranked
    return (
        Operation(
            name="users.create", method="POST", path=USERS, run=users.create,
            summary="Make a user, who gets a mail to choose a password",
            permission="users.create", body=NewUser, status=201, answer=one,
            errors=(Invalid, NotYoursToGive),
        ),
        Operation(
            name="users.update", method="PATCH", path=many, run=users.update,
            summary="Change a user", permission="users.update", body=UserPatch,
            precondition=Precondition.required, answer=one,
            errors=(*common, Invalid, LastOwner, NotYoursToGive),
        ),
        Operation(
            name="users.delete", method="DELETE", path=many, run=users.delete,
            summary="Put a user in the trash", permission="users.delete",
            answer=lambda: {"type": "null"}, errors=(*common, LastOwner),
        ),
        Operation(
            name="users.restore", method="POST", path=f"{many}/restore",
            run=users.restore, summary="Restore a user from the trash",
            permission="users.delete", answer=one, errors=common,
        ),
        Operation(
            name="users.disable", method="POST", path=f"{many}/disable",
            run=users.disable, summary="Let a user in no more",
            permission="users.manage", answer=one, errors=(*common, LastOwner),
        ),
        Operation(
            name="users.enable", method="POST", path=f"{many}/enable",
            run=users.enable, summary="Let a user in again",
            permission="users.manage", answer=one, errors=common,
        ),
        *_inviting(inviting),
    )  # fmt: skip


def _inviting(inviting: Inviting) -> tuple[Operation, ...]:
    row = inviting.api.row_schema
    return (
        Operation(
            name="invitations.create", method="POST", path=INVITATIONS,
            run=inviting.create, summary="Invite somebody",
            permission="users.invite", body=NewInvitation, status=201, answer=row,
            errors=(Invalid, NotYoursToGive),
        ),
        Operation(
            name="invitations.resend", method="POST",
            path=f"{INVITATIONS}/{{id}}/resend", run=inviting.resend,
            summary="Send an invitation once more, with another token",
            permission="users.invite", answer=row,
            errors=(NotFound, Conflict, NotYoursToGive),
        ),
        Operation(
            name="invitations.revoke", method="POST",
            path=f"{INVITATIONS}/{{id}}/revoke", run=inviting.revoke,
            summary="Make an invitation void", permission="users.invite", answer=row,
            errors=(NotFound, Conflict),
        ),
    )  # fmt: skip


def own(
    profile: ProfileOperations,
    passwords: Passwords,
    avatars_: Avatars,
    sessions: OwnSessions,
) -> tuple[Operation, ...]:
    """What everybody does with their own account, whatever their roles."""
    return (
        Operation(
            name="profile.read", method="GET", path=OWN, run=profile.read,
            summary="Read my profile", writes=False, answer=schema_of(Profile),
            errors=(PeopleAlone,),
        ),
        Operation(
            name="profile.update", method="PATCH", path=OWN, run=profile.update,
            summary="Change my profile", body=ProfilePatch,
            precondition=Precondition.required, answer=schema_of(Profile),
            errors=(PeopleAlone, Invalid, Stale),
        ),
        Operation(
            name="profile.password", method="POST", path=f"{OWN}/password",
            when_read_only=True,
            run=passwords.change, summary="Change my password", body=PasswordChange,
            limit="login", answer=schema_of(PasswordSet),
            errors=(PeopleAlone, PasswordsOff, PasswordWeak, NoPassword, HashingBusy),
        ),
        Operation(
            name="profile.email", method="POST", path=f"{OWN}/email",
            run=profile.change_address, summary="Ask for another address of mine",
            body=AddressChange, step_up=True, status=202, answer=schema_of(Sent),
            errors=(PeopleAlone, Invalid, TooManyMails),
        ),
        Operation(
            name="profile.set_avatar", method="PUT", path=f"{OWN}/avatar",
            run=avatars_.upload, summary="Show a picture of me: the body is an image",
            upload=True, raw_body="*/*", body_limit=avatars.LARGEST,
            answer=schema_of(AvatarView),
            errors=(PeopleAlone, NotAPicture, TooLarge, StorageFull),
        ),
        Operation(
            name="profile.remove_avatar", method="DELETE", path=f"{OWN}/avatar",
            run=avatars_.remove, summary="Show no picture of me",
            answer=schema_of(AvatarView), errors=(PeopleAlone,),
        ),
        *_sessions(sessions),
    )  # fmt: skip


def _sessions(sessions: OwnSessions) -> tuple[Operation, ...]:
    path = f"{OWN}/sessions"
    return (
        Operation(
            name="sessions.list", method="GET", path=path, run=sessions.list,
            summary="Where I am signed in", writes=False, answer=schema_of(Sessions),
            errors=(PeopleAlone,),
        ),
        Operation(
            name="sessions.end", method="DELETE", path=f"{path}/{{id}}",
            when_read_only=True,
            run=sessions.end, summary="End one sign-in of mine",
            answer=schema_of(Ended), errors=(PeopleAlone, NotFound),
        ),
        Operation(
            name="sessions.end_others", method="POST", path=f"{path}/end-others",
            when_read_only=True,
            run=sessions.end_others, summary="End every other sign-in of mine",
            answer=schema_of(Ended), errors=(PeopleAlone,),
        ),
    )  # fmt: skip
