"""``insula tenants``: make them, see them, rest them, let them go."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import typer

from insula.cli.command import AsJson, Yes, confirm, perform, secret_from
from insula.cli.output import Output
from insula.cli.privacy import export
from insula.kernel.database.home import Isolation
from insula.kernel.identity.passwords import check_password, hash_password
from insula.kernel.tenancy.provisioning import NewTenant, Provisioning, TenantView
from insula.kernel.tenancy.saga import OnStep
from insula.server.platform import Platform

app = typer.Typer(
    add_completion=False, help="Make tenants, see them, rest them, let them go."
)

COLUMNS = ("slug", "name", "status", "isolation", "plan", "domain", "created_at")

app.command()(export)

Key = Annotated[str, typer.Argument(metavar="SLUG", help="The tenant's slug or id.")]


@app.command()
def create(  # noqa: PLR0913  # one for every option
    context: typer.Context,
    slug: Annotated[str, typer.Argument(help="Its short name, and its host's.")],
    name: Annotated[str, typer.Option(help="The organisation's name.")],
    isolation: Annotated[
        Isolation | None, typer.Option(help="How far its rows live apart.")
    ] = None,
    owner: Annotated[str | None, typer.Option(help="The first user's e-mail.")] = None,
    owner_name: Annotated[str, typer.Option(help="The first user's name.")] = "",
    password_env: Annotated[
        str | None, typer.Option(help="The variable that holds the owner's password.")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="The plan's slug.")] = None,
    domain: Annotated[str | None, typer.Option(help="A host name of its own.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a tenant with everything that it needs, or leave nothing behind."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> TenantView:
        hashed = None
        if password_env is not None:
            password = secret_from(password_env)
            check_password(password, (slug, name, owner or "", owner_name))
            hashed = await hash_password(password)
        new = NewTenant(
            slug=slug,
            name=name,
            isolation=isolation,
            owner_email=owner,
            owner_name=owner_name,
            owner_password_hash=hashed,
            plan=plan,
            domain=domain,
        )
        return await platform.provisioning.create(new, output.step)

    output.one(perform(context, output, work))


@app.command("list")
def list_(
    context: typer.Context,
    search: Annotated[str | None, typer.Option(help="Part of slug or name.")] = None,
    status: Annotated[
        str | None, typer.Option(help="active, suspended, deleted or pending.")
    ] = None,
    after: Annotated[str, typer.Option(help="Begin after this slug.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 1000,
    as_json: AsJson = False,
) -> None:
    """List the tenants, in the order of their slugs."""
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Sequence[TenantView]:
        return await platform.provisioning.list(
            search=search, status=status, after=after, limit=limit
        )

    output.many(perform(context, output, work), COLUMNS)


@app.command()
def show(context: typer.Context, tenant: Key, as_json: AsJson = False) -> None:
    """Show everything about one tenant that is not its rows."""
    output = Output(as_json=as_json)
    output.one(perform(context, output, lambda it: it.provisioning.find(tenant)))


@app.command()
def suspend(
    context: typer.Context,
    tenant: Key,
    reason: Annotated[str, typer.Option(help="Why; operators see it.")],
    as_json: AsJson = False,
) -> None:
    """Close a tenant to everybody, keeping all that it has."""
    _change(context, tenant, as_json, lambda it, id_: it.suspend(id_, reason))


@app.command()
def resume(context: typer.Context, tenant: Key, as_json: AsJson = False) -> None:
    """Open a suspended tenant again."""
    _change(context, tenant, as_json, lambda it, id_: it.resume(id_))


@app.command()
def delete(
    context: typer.Context,
    tenant: Key,
    now: Annotated[bool, typer.Option("--now", help="Purge it at once.")] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Close a tenant; it is purged when its days of grace are over."""
    if now:
        confirm(f"Delete {tenant} and purge it at once, for ever?", yes=yes)
        _remove(context, tenant, as_json, Provisioning.delete_now)
    else:
        confirm(f"Delete {tenant}?", yes=yes)
        _change(context, tenant, as_json, lambda it, id_: it.delete(id_))


@app.command()
def restore(context: typer.Context, tenant: Key, as_json: AsJson = False) -> None:
    """Take back a deletion, as long as the tenant is not purged."""
    _change(context, tenant, as_json, lambda it, id_: it.restore(id_))


@app.command()
def purge(
    context: typer.Context, tenant: Key, yes: Yes = False, as_json: AsJson = False
) -> None:
    """Remove every trace of a deleted tenant, its grace over or not."""
    confirm(f"Purge {tenant} for ever?", yes=yes)
    _remove(context, tenant, as_json, Provisioning.purge)


@dataclass(frozen=True, slots=True)
class Purged:
    """A tenant that is no more."""

    id: UUID
    slug: str
    state: str = "purged"


def _change(
    context: typer.Context,
    tenant: str,
    as_json: bool,
    change: Callable[[Provisioning, UUID], Awaitable[TenantView]],
) -> None:
    async def work(platform: Platform) -> TenantView:
        found = await platform.provisioning.find(tenant)
        return await change(platform.provisioning, found.id)

    output = Output(as_json=as_json)
    output.one(perform(context, output, work))


def _remove(
    context: typer.Context,
    tenant: str,
    as_json: bool,
    remove: Callable[[Provisioning, UUID, OnStep], Awaitable[None]],
) -> None:
    output = Output(as_json=as_json)

    async def work(platform: Platform) -> Purged:
        found = await platform.provisioning.find(tenant)
        await remove(platform.provisioning, found.id, output.step)
        return Purged(found.id, found.slug)

    output.one(perform(context, output, work))
