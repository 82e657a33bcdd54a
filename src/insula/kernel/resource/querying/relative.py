"""Relative values: what depends on who asks, and when."""

from datetime import datetime, time
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from insula.kernel.access.context import Context
from insula.kernel.foundation.clock import now

NOBODY = UUID(int=0)
"""Stands for ``@me`` where somebody has no id; no row is of it."""


def relative(cast: str, text: str, ctx: Context) -> Any:
    """What such a name stands for; None where it is a text."""
    if cast == "uuid" and text == "@me":
        return ctx.actor.id or NOBODY
    if cast not in ("timestamptz", "date") or text not in ("@now", "@today"):
        return None
    moment = now()
    if cast == "timestamptz" and text == "@now":
        return moment
    zone = ZoneInfo(ctx.tenant.zone or "UTC")
    today = moment.astimezone(zone).date()
    return today if cast == "date" else datetime.combine(today, time(), zone)
