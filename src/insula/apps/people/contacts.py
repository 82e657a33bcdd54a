"""Contacts: the people whom a tenant knows, whatever app met them first."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field
from sqlalchemy import Index, text

from insula.sdk import (
    PERSON,
    Code,
    Command,
    Context,
    Count,
    CustomFields,
    Holds,
    Mapped,
    Merge,
    Month,
    Resource,
    ShortText,
    Subject,
    TenantModel,
    column,
    computed,
    ref,
)

from .blocking import by_name, by_name_swapped, by_place
from .normal import EmailText, PhoneText

MOST_SCORE = 1_000_000


class Contact(CustomFields, TenantModel):
    """A person: somebody's customer, lead, student, supplier.

    ``email`` and ``phone`` are what forms, files and other apps write; whom they belong
    to is settled by the contact's handles, which follow them (``handles.py``).
    """

    __tablename__ = "people_contacts"
    __table_args__ = (
        *(
            Index(
                f"ix_people_contacts_{it}",
                "tenant_id",
                it,
                "id",
                postgresql_where=text(f"{it} IS NOT NULL"),
            )
            for it in ("match_name", "match_place", "birth_date")
        ),
        {"info": {PERSON: Subject(keep="what was sold stays sold.")}},
    )

    name: Mapped[ShortText] = column(holds=Holds.name)
    given_name: Mapped[ShortText | None] = column(default=None, holds=Holds.name)
    family_name: Mapped[ShortText | None] = column(default=None, holds=Holds.name)
    email: Mapped[EmailText | None] = column(default=None, holds=Holds.email)
    phone: Mapped[PhoneText | None] = column(default=None, holds=Holds.phone)
    company_id: Mapped[UUID | None] = ref("people.companies", default=None)
    owner_id: Mapped[UUID | None] = column(default=None)
    source: Mapped[Code | None] = column(default=None, holds=Holds.text)
    locale: Mapped[Code | None] = column(default=None, holds=Holds.nothing)
    tz: Mapped[Code | None] = column(default=None, holds=Holds.nothing)
    score: Mapped[int] = column(
        default=0, min=-MOST_SCORE, max=MOST_SCORE, read_only=True
    )
    birth_date: Mapped[date | None] = column(default=None, holds=Holds.birth)
    street: Mapped[ShortText | None] = column(default=None, holds=Holds.address)
    suburb: Mapped[ShortText | None] = column(default=None, holds=Holds.address)
    postcode: Mapped[Code | None] = column(default=None, holds=Holds.address)
    region: Mapped[ShortText | None] = column(default=None, holds=Holds.address)
    country: Mapped[Code | None] = column(default=None, holds=Holds.address)
    merged_into_id: Mapped[UUID | None] = ref(
        "people.contacts", default=None, read_only=True
    )
    match_name: Mapped[str | None] = computed(by_name)
    match_swapped: Mapped[str | None] = computed(by_name_swapped)
    match_place: Mapped[str | None] = computed(by_place)


contacts = Resource(
    Contact,
    custom=True,
    filters=(
        Contact.company_id,
        Contact.owner_id,
        Contact.source,
        Contact.email,
        Contact.phone,
        Contact.score,
    ),
    sort=(Contact.created_at, Contact.name, Contact.score),
    search=(Contact.name, Contact.email, Contact.phone),
    include=(Contact.company_id,),
    title=Contact.name,
    tags=True,
    comments=True,
    timeline=True,
    owner=Contact.owner_id,
    match=(Contact.email,),
    aliases={
        Contact.name: ("Full name", "Display name", "Contact"),
        Contact.given_name: ("First name", "Forename"),
        Contact.family_name: ("Last name", "Surname"),
        Contact.email: ("E-mail", "Email address", "E-mail address", "Mail"),
        Contact.phone: ("Telephone", "Phone number", "Mobile", "Tel"),
        Contact.company_id: ("Company", "Organisation", "Organization", "Account"),
        Contact.source: ("Lead source", "Origin"),
        Contact.locale: ("Language",),
        Contact.tz: ("Time zone", "Timezone"),
    },
    merge=Merge(),
    hidden=(Contact.match_name, Contact.match_swapped, Contact.match_place),
    measures=(Count(),),
    dimensions=(
        Contact.source,
        Contact.company_id,
        Contact.owner_id,
        Month(Contact.created_at),
    ),
)


class ScoreContact(Command):
    """How promising the contact is."""

    score: Annotated[int, Field(ge=-MOST_SCORE, le=MOST_SCORE)]


@contacts.action("rate")
async def rate(_: Context, contact: Contact, command: ScoreContact) -> Contact:
    """Say how promising a contact is; the CRM does it by its rules."""
    contact.score = command.score
    return contact
