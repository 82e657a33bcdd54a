"""A tenant that is asked for: what must be known, and what must be right about it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.errors import Conflict, FieldError, Invalid
from insula.kernel.foundation.words import Words
from insula.kernel.tenancy.slugs import check_slug

LONGEST_NAME = 255
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?=.{{4,253}}$)({LABEL}\.)+{LABEL}")
EMAIL = re.compile(r"[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """What is wanted: the tenant, its first user, and what it subscribes to.

    Without ``isolation`` and ``plan`` they are the platform's defaults; a plan that
    requires an isolation has the last word. ``domain`` is a host name of the tenant's
    own, beside the one that it has from the platform.
    """

    slug: str
    name: str
    isolation: Isolation | None = None
    owner_email: str | None = None
    owner_name: str = ""
    owner_password_hash: str | None = field(default=None, repr=False)
    plan: str | None = None
    domain: str | None = None


class DomainTaken(Conflict):
    """The domain “{domain}” already leads to a tenant."""

    code = "DOMAIN_TAKEN"


def check_new_tenant(new: NewTenant, base_domain: str) -> None:
    """Refuse what cannot become a tenant; whether it is still free is seen later."""
    check_slug(new.slug)
    wrong = tuple(_faults(new, base_domain))
    if wrong:
        raise Invalid(*wrong)


def _faults(new: NewTenant, base_domain: str) -> Iterator[FieldError]:
    if not new.name.strip():
        yield FieldError(
            "name", "required", Words("The {field} field is required.", field="name")
        )
    for name, text in (("name", new.name), ("owner_name", new.owner_name)):
        if len(text) > LONGEST_NAME or "\x00" in text:
            yield _invalid(
                name,
                Words(
                    "The {field} field must be text of at most {max_length} characters.",
                    field=name,
                    max_length=LONGEST_NAME,
                ),
            )
    email = new.owner_email
    if email is not None and (len(email) > LONGEST_NAME or not EMAIL.fullmatch(email)):
        yield _invalid(
            "owner_email",
            Words("The {field} field must be an e-mail address.", field="owner_email"),
        )
    if new.domain is not None:
        if not HOST.fullmatch(new.domain):
            yield _invalid(
                "domain",
                Words(
                    "The {field} field must be a host name in lower case.",
                    field="domain",
                ),
            )
        elif f".{new.domain}".endswith(f".{base_domain}"):
            yield _invalid(
                "domain",
                Words(
                    "The {field} field must not be one of {names}.",
                    field="domain",
                    names=base_domain,
                ),
            )


def _invalid(name: str, words: Words) -> FieldError:
    return FieldError(name, "invalid", words)
