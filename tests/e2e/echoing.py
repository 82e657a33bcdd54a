"""An app that echoes: a reaction and a unique job, each of which leaves one event behind.

The processes of an installation find it as they find any app: by its entry point.
"""

from pathlib import Path
from uuid import UUID

from insula.kernel.resource.unit import WorkContext
from insula.sdk import App, Command, Event, Reaction, StoredEvent, Task

ENTRY_POINT = "[insula.apps]\necho = tests.e2e.echoing:APP\n"
ROOT = Path(__file__).parents[2]


class Echoed(Event):
    """The reaction ran."""

    name = "echo.reacted"
    asset_id: UUID


class Noted(Event):
    """The job ran."""

    name = "echo.noted"
    asset_id: UUID


class Note(Command):
    """Of which asset to take note."""

    asset_id: UUID


async def note(ctx: WorkContext, command: Note) -> None:
    """Leave an event behind, once."""
    ctx.emit(Noted(asset_id=command.asset_id))


NOTE = Task(name="echo.note", command=Note, run=note)


async def react(ctx: WorkContext, event: StoredEvent) -> None:
    """Leave an event and a job behind, once."""
    if event.resource_id is not None:
        ctx.emit(Echoed(asset_id=event.resource_id))
        asked = Note(asset_id=event.resource_id)
        ctx.enqueue(NOTE, asked, unique=f"echo:{event.resource_id}")


APP = App(
    name="echo",
    title="Echo",
    version="1.0.0",
    folder=Path(__file__).parent,
    resources=(),
    always=True,
    tasks=(NOTE,),
    events=(Echoed, Noted),
    reactions=(Reaction(event="maintenance.asset.created", run=react, name="echo"),),
)


def publish(folder: Path) -> str:
    """Make the app known as an installed package would be; the path to look on."""
    info = folder / "insula_echo-1.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: insula-echo\n")
    (info / "entry_points.txt").write_text(ENTRY_POINT)
    return f"{folder}:{ROOT}"
