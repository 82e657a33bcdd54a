"""Views: a report as it is answered, with all that it takes to draw it."""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from pydantic import BaseModel, Field

REF = "#/components/schemas/{model}"
Told = str | bool | int | float | None


class ReportAxis(BaseModel):
    """A dimension: what groups are alike in.

    ``kind`` is a period, or what sort of value it is: ``choice``, ``reference``.
    """

    name: str
    label: str
    kind: str


class ReportScale(BaseModel):
    """A measure: what the rows of a group come to, and in what unit.

    Money is in minor units of the currency that the dimension ``currency`` tells.
    """

    name: str
    label: str
    unit: str
    currency: str | None = None


class ReportRow(BaseModel):
    """A group, what people call its values, and its measures."""

    group: dict[str, Told]
    labels: dict[str, str]
    measures: dict[str, Told]


class ReportCard(BaseModel):
    """A report that somebody may see, and where it is."""

    name: str
    app: str
    title: str
    chart: str
    path: str


class ReportView(ReportCard):
    """A report, drawn as its ``chart`` says.

    ``digits`` are those of each currency's minor unit. ``totals`` are of all rows, of
    each currency by itself, also where ``truncated`` tells of groups beyond the limit.
    """

    dimensions: list[ReportAxis]
    measures: list[ReportScale]
    rows: list[ReportRow]
    totals: list[ReportRow]
    digits: dict[str, int]
    since: date | None = Field(serialization_alias="from")
    until: date | None = Field(serialization_alias="to")
    zone: str
    truncated: bool


def schema_of(model: type[BaseModel]) -> Callable[[], Mapping[str, Any]]:
    """The JSON Schema of an answer, made when it is asked for."""
    return lambda: model.model_json_schema(ref_template=REF, mode="serialization")
