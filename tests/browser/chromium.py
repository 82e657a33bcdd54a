"""Which browser drives the pages in tests, and where it is."""

import os
import shutil

NAMES = ("chromium", "chromium-headless-shell", "google-chrome")
ADVICE = "no Chromium is here: apt-get install chromium, or name one in INSULA_CHROMIUM"
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """The program's path; one that is named must be there."""
    if named := os.environ.get("INSULA_CHROMIUM"):
        return named
    return next((found for name in NAMES if (found := shutil.which(name))), None)
