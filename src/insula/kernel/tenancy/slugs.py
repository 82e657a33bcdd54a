"""Slugs: the short names of tenants, which are also the first label of their hosts."""

import re

from insula.kernel.foundation.errors import Conflict, FieldError, Invalid
from insula.kernel.foundation.ids import parse_uuid
from insula.kernel.foundation.words import Words

SLUG = re.compile(r"[a-z][a-z0-9-]*[a-z0-9]")
LONGEST_LABEL = 63
"""DNS allows a label no more; a longer slug would have a host that nobody reaches."""

RESERVED_WORDS = """
    abuse account accounts admin administrator api app apps assets auth autoconfig
    autodiscover billing cdn central config console control dashboard dns docs email
    files ftp gateway graphql health help host hostmaster id identity imap insula
    internal jobs localhost login logout logs mail mailer manage metrics monitor mx ns
    ns1 ns2 oauth operator ops owner platform pop pop3 portal postmaster prometheus
    queue redis register root security server signin signup smtp ssh ssl sso static
    stats status storage support system tenant tenants tls uploads webhook webhooks
    webmail webmaster well-known ws www www1 www2
"""
RESERVED = frozenset(RESERVED_WORDS.split())
"""Names that people would take for the platform itself, or that hosts already have."""

RESERVED_PREFIXES = ("tenant-", "xn--")
"""``tenant-acme`` is another host of ``acme`` (R05); ``xn--`` marks encoded labels."""


class SlugInvalid(Invalid):
    """The slug needs 2 to 63 characters: a-z, 0-9 and hyphens, first a letter."""

    code = "SLUG_INVALID"


class SlugReserved(Invalid):
    """The slug “{slug}” is reserved: choose another."""

    code = "SLUG_RESERVED"


class SlugTaken(Conflict):
    """The slug “{slug}” has already been taken."""

    code = "SLUG_TAKEN"


def check_slug(slug: str) -> None:
    """Refuse a slug that cannot be a host's first label, or must not be."""
    if len(slug) > LONGEST_LABEL or not SLUG.fullmatch(slug):
        raise SlugInvalid(FieldError("slug", "invalid", _about(SlugInvalid)))
    prefixed = slug.startswith(RESERVED_PREFIXES)
    if slug in RESERVED or prefixed or parse_uuid(slug) is not None:
        words = Words("The slug “{slug}” is reserved.", slug=slug)
        raise SlugReserved(FieldError("slug", "reserved", words), slug=slug)


def _about(problem: type[Invalid]) -> str:
    return problem.template()
