"""``python -m insula``: the same as the ``insula`` command."""

from insula.cli.main import app

app()
