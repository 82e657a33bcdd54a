"""What can go wrong for somebody who signs in with an outside provider."""

from insula.kernel.foundation.errors import Conflict, Denied, Problem


class ProviderUnreachable(Problem):
    """The identity provider cannot be used at the moment: {reason}."""

    status = 424
    code = "SSO_PROVIDER_UNREACHABLE"


class SignInRefused(Denied):
    """The identity provider's answer lets nobody in here: ask whoever runs this organisation."""

    code = "SSO_REFUSED"


class SignInDeclined(Denied):
    """The identity provider did not sign you in: {error}."""

    code = "SSO_DECLINED"


class DomainUnproved(Conflict):
    """There is no TXT record {record} with this domain's challenge yet."""

    code = "IDENTITY_DOMAIN_UNPROVED"


class Untrusted(Exception):
    """An answer of a provider that is not believed; its text is for the journal alone."""
