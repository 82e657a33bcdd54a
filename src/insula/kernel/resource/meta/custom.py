"""Custom fields in the contract: each stands where the document of all would stand."""

from collections.abc import Iterator, Sequence

from insula.kernel.resource.custom.fields import CUSTOM, AddedField, AddedFields
from insula.kernel.resource.custom.kinds import CustomKind
from insula.kernel.resource.meta.contract import (
    FieldKind,
    FieldMeta,
    Option,
    ResourceMeta,
)
from insula.kernel.resource.querying.custom import custom_operators

KINDS = {
    CustomKind.text: FieldKind.string,
    CustomKind.long_text: FieldKind.text,
    CustomKind.integer: FieldKind.int,
    CustomKind.decimal: FieldKind.number,
    CustomKind.boolean: FieldKind.bool,
    CustomKind.date: FieldKind.date,
    CustomKind.datetime: FieldKind.datetime,
    CustomKind.choice: FieldKind.enum,
    CustomKind.choices: FieldKind.tags,
    CustomKind.url: FieldKind.string,
    CustomKind.email: FieldKind.email,
    CustomKind.user: FieldKind.actor,
}


def with_added(
    meta: ResourceMeta, added: AddedFields, language: str | None
) -> ResourceMeta:
    """A resource with the fields that the tenant added, as far as they may be seen."""
    whole = next((it for it in meta.fields if it.name == CUSTOM), None)
    if whole is None:
        return meta
    fields = [
        _described(it, added, whole.access, language or "en")
        for it in added.active.values()
    ]
    asked = [it.name for it in fields]
    needed = [it.name for it in fields if it.required]
    form = meta.form.model_copy(
        update={
            "fields": list(_spread(meta.form.fields, asked)),
            "quick_create": list(_spread([*meta.form.quick_create], needed)),
        }
    )
    every = [it for it in meta.fields if it is not whole]
    return meta.model_copy(update={"fields": [*every, *fields], "form": form})


def _spread(names: Sequence[str], added: Sequence[str]) -> Iterator[str]:
    yield from (it for it in names if it != CUSTOM)
    yield from added


def _described(
    field: AddedField, added: AddedFields, access: str, language: str
) -> FieldMeta:
    found = field.key in added.found_by
    usual = field.labels.get(language.partition("-")[0], field.label)
    return FieldMeta(
        name=field.name,
        type=KINDS[field.kind],
        label=field.labels.get(language, usual),
        access=access,
        custom=True,
        help=field.help,
        required=(access != "r" and field.required) or None,
        options=[Option(value=it, label=it) for it in field.choices] or None,
        filter=list(custom_operators(field)) if found else None,
        sort=found or None,
    )
