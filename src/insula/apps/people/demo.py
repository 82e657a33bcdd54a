"""Demonstration data: a few people of a few companies, and what they agreed to."""

from datetime import timedelta
from typing import NamedTuple

from insula.sdk import Context

from .companies import Company
from .consents import Channel, Consent, ConsentState
from .contacts import Contact
from .interactions import Interaction, InteractionKind
from .segments import Segment

COMPANIES = (
    ("Northwind Paper", "northwind.example"),
    ("Hanseatic Tools", "hanseatic.example"),
    ("Atlas Bakeries", "atlas.example"),
)


class Person(NamedTuple):
    """Somebody, how they came, and at which of the companies they are."""

    given: str
    family: str
    source: str
    company: int | None
    phone: str | None


PEOPLE = (
    Person("Ada", "Okafor", "website", 0, "+49 30 901820"),
    Person("Bruno", "Lindqvist", "fair", 0, "+46 8 123 456"),
    Person("Chiara", "Moretti", "referral", 1, "+39 06 4567890"),
    Person("Dawit", "Tesfaye", "website", 1, None),
    Person("Elif", "Demir", "newsletter", 2, "+90 212 555 0170"),
    Person("Farid", "Haddad", "website", 2, None),
    Person("Greta", "Baumann", "referral", None, "+49 40 3344550"),
    Person("Hiro", "Tanaka", "fair", None, None),
)


async def demo(ctx: Context) -> None:
    """Fill an empty tenant; does nothing where there are contacts."""
    if await ctx.exists(Contact):
        return
    companies = [Company(name=name, domain=domain) for name, domain in COMPANIES]
    await ctx.add_missing(companies)
    people = [_contact(it, companies) for it in PEOPLE]
    await ctx.add_missing(people)
    await ctx.add_missing(
        [
            Consent(
                contact_id=it.id,
                channel=Channel.email,
                purpose="newsletter",
                state=ConsentState.granted,
                evidence={"form": "demonstration"},
                at=ctx.now - timedelta(days=90 - number),
            )
            for number, it in enumerate(people)
            if it.source != "fair"
        ]
    )
    await ctx.add_missing([_call(ctx, it) for it in people[::2]])
    filter_ = "source==website"
    await ctx.add_missing([Segment(name="Came by the website", filter=filter_)])


def _contact(person: Person, companies: list[Company]) -> Contact:
    at = None if person.company is None else companies[person.company]
    domain = "mail.example" if at is None else at.domain
    return Contact(
        name=f"{person.given} {person.family}",
        given_name=person.given,
        family_name=person.family,
        email=f"{person.given}.{person.family}@{domain}".lower(),
        phone=person.phone,
        company_id=None if at is None else at.id,
        source=person.source,
        locale="en",
    )


def _call(ctx: Context, contact: Contact) -> Interaction:
    return Interaction(
        contact_id=contact.id,
        kind=InteractionKind.call,
        channel="phone",
        subject="First talk",
        content="Wants to know more, and to be called again.",
        at=ctx.now - timedelta(days=7),
    )
