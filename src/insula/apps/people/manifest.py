"""The base app people: who the tenant knows, and what they agreed to."""

from pathlib import Path

from insula.sdk import App, Reaction, Schedule

from .companies import companies
from .consents import ConsentChanged, consents
from .contacts import contacts
from .demo import demo
from .duplicates import (
    FIND_DUPLICATES,
    MATCH,
    duplicates,
    match_changed,
    on_merged,
)
from .finding import FIND_COMPANY
from .handles import handles
from .identity import RESOLVE, HandleBounced, on_suppressed
from .interactions import interactions
from .portal import ContactErased, on_deleted, on_erased
from .segments import segment_members, segments

READ = "people.*.read"
WRITTEN = ("create", "update", "delete")
EVERYDAY = (
    "resolve",
    "add_handle",
    "make_first",
    "grant_consent",
    "withdraw_consent",
    "rate",
    "invite",
    "shut_out",
)
EDITED = ("companies", "interactions", "segments")

app = App(
    name="people",
    title="People",
    version="1.0.0",
    folder=Path(__file__).parent,
    always=True,
    resources=(
        companies,
        contacts,
        handles,
        consents,
        interactions,
        segments,
        segment_members,
        duplicates,
    ),
    events=(ConsentChanged, ContactErased, HandleBounced),
    commands=(RESOLVE, FIND_DUPLICATES, FIND_COMPANY),
    tasks=(MATCH,),
    schedules=(Schedule("match", run=match_changed, cron="50 2 * * *"),),
    reactions=(
        Reaction("mail_suppression.created", on_suppressed, "note_bounce"),
        Reaction("people.contact.merged", on_merged, "close_duplicates"),
        Reaction("people.contact.deleted", on_deleted, "shut_portal"),
        Reaction("person.erased", on_erased, "leave_portal"),
    ),
    roles={
        "viewer": (READ,),
        "editor": (
            READ,
            *(f"people.{it}.{verb}" for it in EDITED for verb in WRITTEN),
            *(f"people.contacts.{verb}" for verb in (*WRITTEN, *EVERYDAY)),
            "people.handles.verify",
            "people.handles.drop",
            "people.companies.move",
            "people.segments.add",
            "people.segment_members.delete",
        ),
        "manager": ("people.*.manage",),
    },
    demo=demo,
)
