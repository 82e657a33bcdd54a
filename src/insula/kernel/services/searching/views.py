"""Views: what a search across resources answers."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, Field, TypeAdapter

from insula.kernel.resource.searching.highlights import Pieces

REF = "#/components/schemas/{model}"


class Hit(BaseModel):
    """A row that was found, as much of it as a list of hits shows."""

    type: Annotated[str, Field(examples=["maintenance.asset"])]
    resource: Annotated[str, Field(examples=["maintenance.assets"])]
    id: UUID
    title: str
    path: Annotated[str, Field(description="Where the row itself is read.")]
    highlights: Annotated[
        dict[str, Pieces],
        Field(
            description="By field, its text in pieces, each with whether it matches.",
            examples=[{"name": [["Jo", True], ["hn", False]]}],
        ),
    ]


HITS = TypeAdapter(list[Hit])


def hits_schema() -> Mapping[str, Any]:
    """The JSON Schema of the answer."""
    return HITS.json_schema(mode="serialization", ref_template=REF)
