"""Companies: the organisations that contacts belong to."""

import re
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field

from insula.sdk import (
    Code,
    Command,
    Conflict,
    Context,
    Count,
    CustomFields,
    Holds,
    Mapped,
    Month,
    Resource,
    ShortText,
    TenantModel,
    Words,
    column,
    ref,
)

DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


def plain_domain(text: str) -> str:
    """A domain in lower case and ASCII; raises ``ValueError`` for what is none."""
    try:
        domain = text.strip().rstrip(".").encode("idna").decode().lower()
    except UnicodeError:
        domain = ""
    if not DOMAIN.fullmatch(domain):
        raise ValueError(Words("this is no domain"))
    return domain


Domain = Annotated[
    ShortText,
    Field(json_schema_extra={"format": "hostname"}),
    AfterValidator(plain_domain),
]


class Company(CustomFields, TenantModel):
    """A customer, a supplier, a school: somebody who is no single person."""

    __tablename__ = "people_companies"

    name: Mapped[ShortText] = column(holds=Holds.text)
    domain: Mapped[Domain | None] = column(
        default=None, unique=True, holds=Holds.nothing
    )
    tax_id: Mapped[Code | None] = column(default=None, holds=Holds.text)
    parent_id: Mapped[UUID | None] = ref(
        "people.companies", default=None, immutable=True
    )
    owner_id: Mapped[UUID | None] = column(default=None)


companies = Resource(
    Company,
    custom=True,
    filters=(Company.name, Company.domain, Company.parent_id, Company.owner_id),
    sort=(Company.created_at, Company.name),
    search=(Company.name, Company.domain, Company.tax_id),
    include=(Company.parent_id,),
    title=Company.name,
    tags=True,
    comments=True,
    timeline=True,
    owner=Company.owner_id,
    aliases={
        Company.name: ("Company", "Company name", "Organisation"),
        Company.domain: ("Website", "Web"),
        Company.tax_id: ("VAT", "VAT ID", "Tax number"),
    },
    measures=(Count(),),
    dimensions=(Company.owner_id, Month(Company.created_at)),
)


class PartOfItself(Conflict):
    """A company cannot be part of itself."""

    code = "people.company_part_of_itself"


class MoveCompany(Command):
    """To which company, or None for one that stands alone."""

    parent_id: UUID | None


@companies.action("move", raises=(PartOfItself,))
async def move(ctx: Context, company: Company, command: MoveCompany) -> Company:
    """Make a company part of another, with all that is part of it."""
    above = command.parent_id
    while above is not None:
        if above == company.id:
            raise PartOfItself
        above = (await ctx.lock(Company, above)).parent_id  # else two moves could ring
    company.parent_id = command.parent_id
    return company
