"""The resource of custom fields, and what can go wrong with one."""

from insula.kernel.foundation.errors import Conflict
from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.rules import Unique
from insula.kernel.services.custom.models import CustomField

custom_fields = Resource(
    CustomField,
    kernel=True,
    filters=(CustomField.resource, CustomField.archived),
    sort=(CustomField.created_at, CustomField.position),
    title=CustomField.label,
    rules=(Unique(CustomField.resource, CustomField.key),),
    hidden=(CustomField.slot, CustomField.run_id),
    without=("create", "update", "delete"),
)


class TooManyCustomFields(Conflict):
    """There can be at most {limit} custom fields."""

    code = "CUSTOM_FIELDS_FULL"


class TooManyFilters(Conflict):
    """Of the custom fields of one resource, at most {limit} can be filterable."""

    code = "CUSTOM_FILTERS_FULL"
