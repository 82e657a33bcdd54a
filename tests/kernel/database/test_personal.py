"""The registry of personal data: every column says what it holds, or nothing loads."""

from datetime import date, datetime
from typing import Any, ClassVar
from uuid import UUID

import pytest
from sqlalchemy import ARRAY, MetaData, String, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

import insula.server.platform  # noqa: F401  # every table of the kernel
from insula.kernel.database.columns import Holds, ShortText, column, holding, ref
from insula.kernel.database.model import TenantModel
from insula.kernel.database.personal import (
    PERSON,
    About,
    Erasure,
    Registry,
    Subject,
    UndeclaredColumns,
    held,
)
from insula.kernel.database.walls import TENANT_METADATA
from insula.kernel.resource.engine import registered_apps

SAYS_NOTHING = r"silent_ones: say what is held of people in name, born, tags, note"


class Trial(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData()


def test_a_model_with_an_undeclared_column_does_not_load() -> None:
    """D10: all of its columns that do not say what they hold are named at once."""
    with pytest.raises(UndeclaredColumns, match=SAYS_NOTHING):

        class Silent(Trial):
            __tablename__ = "silent_ones"
            name: Mapped[ShortText] = column()
            born: Mapped[date | None] = column(default=None)
            tags: Mapped[list[str]] = mapped_column(ARRAY(String))
            note: Mapped[str] = mapped_column(Text)


def test_what_cannot_hold_words_need_not_speak() -> None:
    class Wordless(Trial):
        __tablename__ = "wordless_ones"
        other: Mapped[UUID]
        many: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
        count: Mapped[int] = column(default=0)
        at: Mapped[datetime] = column()
        done: Mapped[bool] = column(default=False)

    entry = Registry.of(Trial.metadata.tables.values()).entries["wordless_ones"]
    assert set(entry.holds.values()) == {Holds.nothing}


class Client(Trial):
    __tablename__ = "trial_clients"
    __table_args__ = ({"info": {PERSON: Subject()}},)
    name: Mapped[ShortText] = column(holds=Holds.name)
    key: Mapped[str | None] = mapped_column(Text, info=holding(Holds.secret))
    note: Mapped[str | None] = mapped_column(Text, info=holding(Holds.text))


class Visit(Trial):
    __tablename__ = "trial_visits"
    __table_args__ = ({"info": {PERSON: About("client_id", Erasure.delete)}},)
    client_id: Mapped[UUID] = ref("trial.clients", part_of=True)
    guide_id: Mapped[UUID | None] = column(default=None)
    place: Mapped[ShortText] = column(holds=Holds.address)


def test_the_registry_tells_how_a_persons_rows_are_reached() -> None:
    entries = Registry.of(Trial.metadata.tables.values()).entries
    client, visit = entries["trial_clients"], entries["trial_visits"]
    assert (client.owner, client.personal) == ("id", ("name", "key"))
    assert client.texts == ("note",)
    assert "key" not in client.exported
    assert (visit.owner, visit.goes) == ("client_id", True)
    assert visit.parents == {"client_id": "trial_clients"}
    assert visit.pointers == ("guide_id",)


def test_every_column_of_every_registered_app_says_what_it_holds() -> None:
    """D10: nothing that the platform or an app can keep of a person is undeclared."""
    apps = {
        resource.table.name for app in registered_apps() for resource in app.resources
    }
    registry = Registry.of(TENANT_METADATA.tables.values())
    assert apps <= set(registry.entries)
    silent: list[Any] = [
        str(column_)
        for entry in registry.entries.values()
        for column_ in entry.table.columns
        if held(column_) is None
    ]
    assert silent == []
    assert "users" in {entry.name for entry in registry.subjects}
