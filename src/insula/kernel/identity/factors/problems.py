"""What somebody is told whose first factor was right, or whose second was wrong."""

from insula.kernel.foundation.errors import (
    Conflict,
    Denied,
    Invalid,
    Limited,
    Unauthenticated,
)


class SecondFactorRequired(Unauthenticated):
    """One more step: prove with a second factor that it is you."""

    code = "MFA_REQUIRED"
    told = ("challenge", "methods")


class EnrolmentRequired(Unauthenticated):
    """One more step: a second factor is required here, and you have none yet."""

    code = "MFA_ENROLMENT_REQUIRED"
    told = ("challenge", "methods")


class FactorRefused(Unauthenticated):
    """That did not prove it: wrong, used before, or too late."""

    code = "MFA_INVALID"


class FactorExists(Conflict):
    """There is one already: remove it first."""

    code = "MFA_ALREADY_ENROLLED"


class ProofRefused(Invalid):
    """That did not prove it: wrong, or used before."""

    code = "MFA_INVALID"  # as at the door; but who is signed in stays so


class FactorThrottled(Limited):
    """Too many wrong codes: try again in {retry_after} s."""

    code = "MFA_THROTTLED"


class StrongerProofNeeded(Denied):
    """You have a second factor: prove with that one that it is you."""

    code = "STEP_UP_NEEDS_FACTOR"
    told = ("methods",)


class PeopleAlone(Denied):
    """Only somebody who signed in as themselves may do this."""

    code = "PEOPLE_ALONE"


class FactorMissing(Conflict):
    """There is no second factor: enrol one first."""

    code = "MFA_NOT_ENROLLED"


class PasskeyInvalid(Invalid):
    """The passkey could not be verified: try again from the beginning."""

    code = "PASSKEY_INVALID"


class PasskeysExhausted(Conflict):
    """There are as many passkeys as one person may have: remove one first."""

    code = "PASSKEYS_EXHAUSTED"


class MethodOff(Denied):
    """The organisation does not let people sign in this way."""

    code = "SIGN_IN_METHOD_OFF"
