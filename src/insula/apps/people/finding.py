"""Finding: the company that another app means by its name."""

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field

from insula.sdk import AppCommand, Command, Context

from .companies import Company

Name = Annotated[str, Field(min_length=1, max_length=255)]


class FindCompany(Command):
    """What it is called."""

    name: Name


class FoundCompany(BaseModel):
    """The oldest company of that name, if there is one."""

    id: UUID | None


async def find_company(ctx: Context, command: FindCompany) -> FoundCompany:
    """Look among those that the caller may read."""
    called = Company.name.collate("C") == command.name.strip()
    found = await ctx.select(Company, called, await ctx.visible(Company), limit=1)
    return FoundCompany(id=found[0].id if found else None)


FIND_COMPANY = AppCommand(
    name="find_company",
    command=FindCompany,
    run=find_company,
    permission="people.companies.read",
)
