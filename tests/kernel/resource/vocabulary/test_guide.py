"""The guide to the words: its examples are one app, which is put together and made."""

import re
import sys
from pathlib import Path
from types import ModuleType
from typing import ClassVar

import pytest
from sqlalchemy import MetaData

from insula.kernel.database.schema import ddl
from insula.kernel.database.walls import Roles
from insula.sdk import TenantModel
from insula.server.platform import Platform
from tests.house import House

GUIDE = Path(__file__).parents[4] / "docs/guides/declaring-resources.md"
pytestmark = pytest.mark.anyio
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


class GuideModel(TenantModel, kw_only=True, repr=False, eq=False):
    __abstract__ = True
    metadata: ClassVar[MetaData] = MetaData()


class Contact(GuideModel):
    """Stands for the table of the app ``people``."""

    __tablename__ = "people_contacts"


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The guide's examples as a module, its tables in a place of their own."""
    module = ModuleType("guide_to_declaring")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    vars(module)["GuideModel"] = GuideModel
    text = "\n".join(PYTHON.findall(GUIDE.read_text()))
    text = text.replace("(TenantModel)", "(GuideModel)")
    exec(compile(text, str(GUIDE), "exec"), vars(module))  # noqa: S102  # our own page
    return module


async def test_the_examples_are_an_app(the_house: House, guide: ModuleType) -> None:
    first = the_house.platform
    platform = Platform(first.settings, first.cluster, (*first.apps, guide.app))
    names = {it.name for it in platform.engine.operations()}
    for verb in ("create", "replace", "finalize", "pay", "void"):
        assert f"billing.invoices.{verb}" in names
    assert "billing.lines.place" in names
    made = ddl(Roles(), list(GuideModel.metadata.tables.values()))
    for part in (
        "GENERATED ALWAYS AS (quantity * price_minor) STORED",
        "net_minor IS NULL OR currency IS NOT NULL",
        "REFERENCES people_contacts (tenant_id, id) ON DELETE RESTRICT",
        "ON DELETE SET NULL (product_id)",
        'COLLATE "C"',
        "daterange(first_on, last_on, '[]')",
        "deleted_at IS NULL AND (vip IS true)",
    ):
        assert part in made, part
