"""The reference of personal data: the registry as a page that people read."""

from collections.abc import Iterator

from insula.kernel.database.columns import Holds
from insula.kernel.database.personal import Entry, Registry, Subject

MEANINGS = {
    Holds.name: "a person's name",
    Holds.email: "an e-mail address",
    Holds.phone: "a telephone number",
    Holds.address: "where somebody lives or works",
    Holds.birth: "a date of birth",
    Holds.network: "an IP address, a browser, a device",
    Holds.text: "free text or a document, in which people may be mentioned",
    Holds.secret: "a credential, hashed or sealed; it is never exported",
}
HEAD = """# Personal data

*This page is generated: `insula personal-data > docs/reference/personal-data.md`.*

What every table of a tenant holds of people. Each column says it in its model
(`column(holds=Holds.email)`), or the model does not load; identifiers, numbers, moments
and states cannot hold a person's words and need not speak. The export of a person's data
and the erasure of a person follow this registry, so what is not on this page is held
nowhere.

In an **export**, a person gets every row that is theirs, every row that names their id,
and every row whose words mention them. Other people's names and addresses are taken out
of it, secrets are left out.

In an **erasure**, the person's own row stays under a pseudonym, what belongs to it is
deleted or anonymised as said below, and everything by which the person is known (names
and their parts, addresses, numbers; whatever the request adds) is taken out of every
column of this page, the trash, the journals and waiting work included. Words of fewer
than four letters are not looked for. What is personal of somebody else stays, even where
two people share a name. Archives that were sealed lose what they had of the person,
because the person's key is destroyed.

| a column that holds | has |
|---|---|
"""


def page(registry: Registry) -> str:
    """The whole page, as Markdown."""
    kinds = "".join(f"| {kind} | {words} |\n" for kind, words in MEANINGS.items())
    entries = [it for it in registry.entries.values() if it.wordy]
    without = [it.name for it in registry.entries.values() if not it.wordy]
    parts = [HEAD + kinds, *("\n".join(_part(it)) + "\n" for it in entries)]
    none = ", ".join(f"`{name}`" for name in without)
    return "\n".join([*parts, f"## Tables without people's words\n\n{none}.\n"])


def _part(entry: Entry) -> Iterator[str]:
    yield f"## `{entry.name}`\n"
    yield _whose(entry) + "\n"
    yield "| column | holds | when the person is erased |"
    yield "|---|---|---|"
    for name in entry.wordy:
        yield f"| `{name}` | {entry.holds[name]} | {_fate(entry, name)} |"


def _whose(entry: Entry) -> str:
    parents = " and ".join(f"`{table}`" for table in entry.parents.values())
    said = f"Part of {parents}: deleted with it. " if parents else ""
    if entry.person is None:
        return f"{said}Rows of nobody in particular: people are found by what is said."
    kept = f" Kept: {entry.person.keep}" if entry.person.keep else ""
    if isinstance(entry.person, Subject):
        return f"{said}Each row is a person; it stays under a pseudonym.{kept}"
    what = "deleted" if entry.goes else "anonymised"
    return f"{said}Rows of the person in `{entry.owner}`; they are {what}.{kept}"


def _fate(entry: Entry, name: str) -> str:
    if entry.goes:
        return "goes with the row; elsewhere the person is taken out"
    holds = entry.holds[name]
    if isinstance(entry.person, Subject):
        named = holds in (Holds.name, Holds.email)
        return "a pseudonym" if named else "emptied"
    if holds is Holds.secret:
        return "nobody's" if entry.owner is None else "emptied"
    return "the person is taken out"
