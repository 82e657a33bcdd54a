"""Devices: the cookie by which one is known again on which somebody has signed in.

It opens nothing. Whoever shows it has a count of failed sign-ins of their own, so that
strangers who guess cannot keep its owner waiting.
"""

from insula.kernel.identity.cookies import Cookie

DEVICE = Cookie("insula-device")
LASTS = 180 * 24 * 3600
"""Seconds for which a device is known that nobody signs in on."""
