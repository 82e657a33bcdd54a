"""Strength: which ways to sign in have proved two things of somebody."""

from collections.abc import Collection

STRONG = frozenset({"otp", "rcv", "hwk", "mfa"})
"""Methods that say there were two factors (RFC 8176).

A passkey that signs somebody in alone has made sure that it is them; ``mfa`` is what
another provider says who has asked for two.
"""


def strong(methods: Collection[str]) -> bool:
    """Whether somebody signed in with a second factor."""
    return not STRONG.isdisjoint(methods)
