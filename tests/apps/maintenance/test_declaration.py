"""What the app declares holds together, before any database sees it."""

import json
from typing import Any

import pytest
from openapi_spec_validator import validate

from insula.apps.maintenance.checklists import Checklist
from insula.apps.maintenance.manifest import app
from insula.apps.maintenance.work_orders import PENDING, WorkOrder, WorkState
from insula.kernel.database.columns import spec
from insula.kernel.database.model import LONGEST_NAME
from insula.kernel.database.schema import ddl
from insula.kernel.database.walls import Roles
from insula.kernel.http.openapi import document
from insula.kernel.resource.declaration import DeclarationError, Resource
from insula.kernel.resource.listing import BadQuery
from insula.kernel.resource.shape import Shape
from tests.apps.maintenance.plant import Plant

RESOURCES = {resource.plural: resource for resource in app.resources}


@pytest.fixture(params=RESOURCES)
def resource(request: pytest.FixtureRequest) -> Resource[Any]:
    """Each resource of the app."""
    return RESOURCES[request.param]


def test_its_tables_are_the_apps_own(resource: Resource[Any]) -> None:
    assert resource.app == app.name
    assert resource.table.name == f"maintenance_{resource.plural}"


def test_all_names_are_short_enough_for_postgresql(resource: Resource[Any]) -> None:
    constraints = [str(it.name) for it in resource.table.constraints]
    indexes = [str(it.name) for it in resource.table.indexes]
    names = [resource.table.name, *constraints, *indexes]
    assert max(map(len, names)) <= LONGEST_NAME


def test_every_reference_is_to_a_table_of_the_app(resource: Resource[Any]) -> None:
    targets = {spec(column.info).target for column in resource.table.columns}
    assert targets - {None} <= {it.table.name for it in app.resources}


def test_every_field_has_a_shape_and_a_description(resource: Resource[Any]) -> None:
    shape = Shape(resource.model, resource.hidden)
    assert set(shape.facets) == set(resource.table.columns.keys())
    assert resource.model.__doc__
    assert all(action.summary for action in resource.actions.values())


def test_all_tables_are_made_behind_walls() -> None:
    statements = ddl(Roles(), [it.table for it in app.resources])
    assert statements.count("CREATE TABLE") == len(RESOURCES)
    assert statements.count("FORCE ROW LEVEL SECURITY") == len(RESOURCES)


def test_every_state_but_the_last_can_be_left() -> None:
    moves = spec(WorkOrder.__table__.c.state.info).moves
    ends = {state for state in WorkState if not moves.get(state)}
    assert ends == {WorkState.verified, WorkState.cancelled}
    assert all(WorkState.cancelled in moves[state] for state in PENDING)


def test_no_action_takes_the_name_of_what_every_resource_offers() -> None:
    with pytest.raises(DeclarationError, match="'read' has a meaning already"):
        RESOURCES["meters"].action("read")


def test_a_scope_is_on_a_declared_filter() -> None:
    with pytest.raises(DeclarationError, match="scope 'urgent' is on no filter"):
        RESOURCES["work_orders"].scope("urgent", WorkOrder.priority, 1)


async def test_an_unknown_scope_is_refused_with_those_there_are(plant: Plant) -> None:
    with pytest.raises(BadQuery, match="no scope is 'late'; scopes: pending"):
        await plant.every("work_orders", scope="late")


async def test_more_rows_than_fit_on_a_page_are_all_found(plant: Plant) -> None:
    async with plant.work() as work:
        await work.add_missing([Checklist(name=f"No. {it}") for it in range(1001)])
    async with plant.work() as work:
        found = [row.name async for row in work.each(Checklist)]
    assert len(set(found)) == len(found) == 1001


def test_what_it_documents_is_openapi(plant: Plant) -> None:
    operations = list(plant.engine.operations())
    made = document(operations, title="Insula", version="1")
    validate(json.loads(json.dumps(made)))
