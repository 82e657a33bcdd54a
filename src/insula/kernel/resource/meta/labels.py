"""Labels: what people call what is declared, in the words of its name.

Each is a message of its app or of the kernel, so that catalogs translate it.
"""

import re
from collections.abc import Iterator
from typing import Any

from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.shape import Shape

INITIALS = frozenset(
    {
        *("api", "csv", "dkim", "id", "ip", "mfa", "oidc", "saml", "scim", "sha256"),
        *("sla", "spf", "sso", "url", "vat", "xlsx"),
    }
)
"""Words that are written in capitals."""
SPELT_OUT = {"rrule": "recurrence rule", "tz": "time zone"}
MARKS = re.compile(r"\s*\((?:[SR]\d[\w-]*(?:, )?)+\)|``")
"""What a docstring says to engineers: which requirement it meets, and what is code."""
ITSELF = "id"


def label_of(name: str) -> str:
    """A name as people write it: ``Warranty until`` for ``warranty_until``."""
    words = name.replace("-", "_").split("_")
    shown = [
        word.upper() if word in INITIALS else SPELT_OUT.get(word, word)
        for word in words
        if word
    ]
    whole = " ".join(shown)
    return whole[:1].upper() + whole[1:]


def field_label(name: str) -> str:
    """What a field is called: a reference by what it points at."""
    return label_of(name if name == ITSELF else name.removesuffix("_id"))


def labels(resource: Resource[Any]) -> Iterator[str]:
    """Everything about a resource that has a label, or a sentence that tells of it."""
    yield label_of(resource.singular)
    yield label_of(resource.plural)
    yield description_of(resource)
    for facet in Shape(resource.model, resource.hidden).readable:
        yield field_label(facet.name)
        yield from map(label_of, choices_of(facet.annotation, facet.field.choices))
    for action in resource.actions.values():
        yield label_of(action.name)
        yield sentence(action.summary)


def description_of(resource: Resource[Any]) -> str:
    """What a row is, in the first sentence of its model's docstring."""
    return sentence((resource.model.__doc__ or "").strip().split("\n\n")[0])


def sentence(text: str) -> str:
    """A docstring's sentence as people read it."""
    return " ".join(MARKS.sub("", text).split())


def choices_of(annotation: Any, declared: tuple[str, ...]) -> tuple[str, ...]:
    """The values among which a field is one, if it is such a field."""
    if declared:
        return tuple(str(it) for it in declared)
    kinds = (annotation, *getattr(annotation, "__args__", ()))
    enums = [it for it in kinds if hasattr(it, "__members__")]
    return tuple(str(member.value) for it in enums for member in it)
