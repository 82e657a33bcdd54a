"""The town of the access tests, for what its service offers."""

from tests.kernel.access.conftest import settled_town, the_town, town

__all__ = ["settled_town", "the_town", "town"]
