"""``python -m insula``: the same as the ``insula`` command."""

from insula.cli.main import app

if __name__ == "__main__":
    app()
