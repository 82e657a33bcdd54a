"""Wordings: what is wrong with a value, in our words for each of Pydantic's findings.

Every kind that JSON can meet is here; those of Python objects cannot come from outside.
"""

from collections.abc import Mapping
from typing import Any

from pydantic_core import ErrorDetails

from insula.kernel.foundation.words import Words, verbatim

INVALID = "The {field} field is invalid: {reason}."
"""For findings that our own types word themselves, in half a sentence."""

_TEXT = "The {field} field must be text."
_OBJECT = "The {field} field must be an object."
_LIST = "The {field} field must be a list."
_WHOLE = "The {field} field must be a whole number."
_NUMBER = "The {field} field must be a number."
_BOOL = "The {field} field must be true or false."
_DATE = "The {field} field must be a date such as 2026-11-21."
_TIME = "The {field} field must be a time such as 06:00."
_MOMENT = "The {field} field must be a moment such as 2026-11-21T06:00:00Z."
_PERIOD = "The {field} field must be a length of time such as PT1H30M."
_UUID = "The {field} field must be a UUID."
_URL = "The {field} field must be a URL."
_CHOICE = "The {field} field must be one of: {expected}."

WORDINGS: Mapping[str, str] = {
    "missing": "The {field} field is required.",
    "extra_forbidden": "There is no {field} field.",
    "json_invalid": "The {field} field is not valid JSON: {error}.",
    "json_type": "The {field} field must be JSON in a text.",
    "recursion_loop": "The {field} field contains itself.",
    "recursion_depth_exceeded": "The {field} field is nested too deeply.",
    "frozen_field": "The {field} field cannot be changed.",
    "frozen_instance": "The {field} field cannot be changed.",
    "invalid_key": "The keys of the {field} field must be text.",
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "named_tuple_type": _LIST,
    "iterable_type": _LIST,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "set_item_not_hashable": "The {field} field cannot hold such an item.",
    "none_required": "The {field} field must be null.",
    "greater_than": "The {field} field must be greater than {gt}.",
    "greater_than_equal": "The {field} field must be at least {ge}.",
    "less_than": "The {field} field must be less than {lt}.",
    "less_than_equal": "The {field} field must be at most {le}.",
    "multiple_of": "The {field} field must be a multiple of {multiple_of}.",
    "finite_number": "The {field} field must be a finite number.",
    "too_short": "The {field} field must have at least {min_length} items.",
    "too_long": "The {field} field may have at most {max_length} items.",
    "string_type": _TEXT,
    "string_sub_type": _TEXT,
    "string_unicode": "The {field} field must be text in UTF-8.",
    "string_too_short": "The {field} field must have at least {min_length} characters.",
    "string_too_long": "The {field} field may have at most {max_length} characters.",
    "string_pattern_mismatch": "The {field} field must match the pattern {pattern}.",
    "string_not_ascii": "The {field} field must consist of ASCII characters.",
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "bool_type": _BOOL,
    "bool_parsing": _BOOL,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": "The {field} field is too large a number.",
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "decimal_max_digits": "The {field} field may have at most {max_digits} digits.",
    "decimal_max_places": "The {field} field may have at most {decimal_places}"
    " decimal places.",
    "decimal_whole_digits": "The {field} field may have at most {whole_digits} digits"
    " before the decimal point.",
    "bytes_type": _TEXT,
    "bytes_too_short": "The {field} field must have at least {min_length} bytes.",
    "bytes_too_long": "The {field} field may have at most {max_length} bytes.",
    "bytes_invalid_encoding": "The {field} field is not encoded as {encoding}.",
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": "The {field} field must be in the past.",
    "date_future": "The {field} field must be in the future.",
    "time_type": _TIME,
    "time_parsing": _TIME,
    "datetime_type": _MOMENT,
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
    "datetime_past": "The {field} field must be in the past.",
    "datetime_future": "The {field} field must be in the future.",
    "timezone_naive": "The {field} field must be without a time zone.",
    "timezone_aware": "The {field} field must say its time zone.",
    "timezone_offset": "The {field} field must be in the time zone {tz_expected}.",
    "time_delta_type": _PERIOD,
    "time_delta_parsing": _PERIOD,
    "union_tag_invalid": "The {field} field must say one of these in {discriminator}:"
    " {expected_tags}.",
    "union_tag_not_found": "The {field} field must say what it is in {discriminator}.",
    "url_type": _URL,
    "url_parsing": _URL,
    "url_syntax_violation": _URL,
    "url_too_long": "The {field} field may have at most {max_length} characters.",
    "url_scheme": "The {field} field must be a URL that begins with one of:"
    " {expected_schemes}.",
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": "The {field} field must be a UUID of version {expected_version}.",
}
SINGULAR: Mapping[str, str] = {
    "too_short": "The {field} field must have at least {min_length} item.",
    "too_long": "The {field} field may have at most {max_length} item.",
    "string_too_short": "The {field} field must have at least {min_length} character.",
    "string_too_long": "The {field} field may have at most {max_length} character.",
    "decimal_max_digits": "The {field} field may have at most {max_digits} digit.",
    "decimal_max_places": "The {field} field may have at most {decimal_places}"
    " decimal place.",
    "decimal_whole_digits": "The {field} field may have at most {whole_digits} digit"
    " before the decimal point.",
    "bytes_too_short": "The {field} field must have at least {min_length} byte.",
    "bytes_too_long": "The {field} field may have at most {max_length} byte.",
    "url_too_long": "The {field} field may have at most {max_length} character.",
}
"""How those sound for one."""


def worded(field: str, error: ErrorDetails) -> Words:
    """What is wrong with a field; the value itself is not repeated."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in WORDINGS:
        values: dict[str, Any] = {**context, "field": field}
        return Words(WORDINGS[kind], one=SINGULAR.get(kind, ""), **values)
    if kind in ("value_error", "assertion_error") and "error" in context:
        said = context["error"].args[0]
    else:
        said = error["msg"]
    reason = said if isinstance(said, Words) else verbatim(str(said))
    return Words(INVALID, field=field, reason=reason)
