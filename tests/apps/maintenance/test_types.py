"""The type checker finds what a declaration or an action gets wrong."""

import re
from pathlib import Path

from mypy import api

PROJECT = Path(__file__).parents[3]
IMPORTS = """\
from insula.apps.maintenance.assets import Asset
from insula.apps.maintenance.work_orders import WorkOrder, WorkState
from insula.sdk import Resource
"""
MISTAKES = {
    "Resource(Asset, filters=(Asset.nme,))": "attr-defined",
    "Asset(name='Pump')": "call-arg",
    "Asset(name='Pump', tag='P-1', tenant_id=1)": "call-arg",
    "WorkOrder(title='Repair', state=WorkState.done)": "call-arg",
    "WorkOrder(title=3)": "arg-type",
    "Asset(name='Pump', tag='P-1').state = 'down'": "assignment",
}


def test_the_type_checker_finds_every_mistake(tmp_path: Path) -> None:
    module = tmp_path / "mistakes.py"
    module.write_text(IMPORTS + "\n".join(MISTAKES))
    config = str(PROJECT / "pyproject.toml")
    output, _, _ = api.run(["--config-file", config, str(module)])
    lines = module.read_text().splitlines()
    found = re.findall(r"mistakes\.py:(\d+): error: .*\[(.+)\]", output)
    assert {lines[int(at) - 1]: code for at, code in found} == MISTAKES
