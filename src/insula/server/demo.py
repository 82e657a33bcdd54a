"""The demonstration: three tenants, one in each mode of isolation, with an app at work."""

from contextlib import suppress
from dataclasses import dataclass, replace

from insula.kernel.database.home import Isolation
from insula.kernel.foundation.secret import derive
from insula.kernel.foundation.settings import Settings
from insula.kernel.identity.operators import OperatorExists, Operators
from insula.kernel.identity.passwords import hash_password
from insula.kernel.tenancy.new_tenant import NewTenant
from insula.kernel.tenancy.signals import TenantNotFound
from insula.server.platform import Platform
from insula.server.scheduler import system_context

TENANTS = (
    ("aurora", "Aurora Bakery", Isolation.shared),
    ("borealis", "Borealis Windworks", Isolation.schema),
    ("cascade", "Cascade Water", Isolation.database),
)
OPERATOR = "operator@insula.test"


@dataclass(frozen=True, slots=True)
class Entrance:
    """Where somebody of the demonstration signs in, and as whom."""

    name: str
    host: str
    email: str
    isolation: str = ""


def demo_password(key: bytes) -> str:
    """The password of everybody in the demonstration: this installation's own."""
    return "demo-" + derive(key, "demo")[:6].hex()


def for_demo(settings: Settings) -> Settings:
    """The settings, with a door that a password opens, unless something else is said.

    In development alone: whoever tries the demonstration has no authenticator app.
    """
    if settings.env != "development" or settings.operator_second_factor is not None:
        return settings
    return settings.model_copy(update={"operator_second_factor": False})


async def make_demo(platform: Platform) -> list[Entrance]:
    """Make what is missing of the demonstration, and tell the ways in."""
    password = demo_password(platform.key)
    with suppress(OperatorExists):
        await Operators(platform.control).create(OPERATOR, password)
    domain = platform.settings.base_domain
    entrances = [Entrance("Operator", f"admin.{domain}", OPERATOR)]
    for slug, name, isolation in TENANTS:
        owner = f"owner@{slug}.test"
        new = NewTenant(slug=slug, name=name, isolation=isolation, owner_email=owner)
        await _make_tenant(platform, new, password)
        entrances.append(Entrance(name, f"{slug}.{domain}", owner, isolation))
    return entrances


async def _make_tenant(platform: Platform, new: NewTenant, password: str) -> None:
    """A tenant with every app that brings demonstration data, if it is not there."""
    try:
        view = await platform.provisioning.find(new.slug)
    except TenantNotFound:
        hashed = await hash_password(password)
        new = replace(new, owner_password_hash=hashed)
        view = await platform.provisioning.create(new)
    for app in platform.apps:
        if app.demo is None or app.name in view.apps:
            continue
        ctx = await system_context(platform, view.id)
        await platform.engine.fill(ctx, app)
        if not app.always:
            await platform.installations.install(view.id, app.name)
