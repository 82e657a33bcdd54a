"""Time: always aware, always UTC."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Tells the present moment; what must be tested over days takes one."""


def now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)
