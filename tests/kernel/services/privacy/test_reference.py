"""The reference of personal data is the registry, as it is now."""

from pathlib import Path

from insula.kernel.services.privacy.reference import page
from tests.kernel.services.privacy.canaries import REGISTRY

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "personal-data.md"


def test_the_reference_of_personal_data_is_up_to_date() -> None:
    """D10: `insula personal-data > docs/reference/personal-data.md` after each change."""
    assert REFERENCE.read_text() == page(REGISTRY)
