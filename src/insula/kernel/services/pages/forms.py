"""Forms: what a page sent back, read strictly."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 50


class BadForm(ValueError):
    """A form that no page of ours has sent."""


def read_form(raw: bytes) -> Mapping[str, str]:
    """The fields of a form; each may be given once. Raises ``BadForm``."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise BadForm("it cannot be read") from None
    found = dict(pairs)
    if len(found) != len(pairs) or "\x00" in "".join((*found, *found.values())):
        raise BadForm("a field is given twice, or malformed")
    return {name: value for name, value in found.items() if value}
