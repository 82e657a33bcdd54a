"""Emptying: the operation that removes what is in the trash, now and for good."""

from pydantic import BaseModel

from insula.kernel.access.context import Context
from insula.kernel.access.operation import Call, Reply
from insula.kernel.services.audit.noting import note
from insula.kernel.services.files.service import Files
from insula.kernel.services.files.upkeep import Upkeep


class Emptied(BaseModel):
    """How many files are gone."""

    removed: int


class Emptying:
    """Makes room at once; without it the trash is emptied a month later."""

    def __init__(self, files: Files) -> None:
        self._files = files

    async def run(self, ctx: Context, _: Call) -> Reply:
        """Remove every file in the trash."""
        await note(ctx.session, ctx, "files.empty_trash", ("file", None))
        moment = self._files.clock()
        upkeep = Upkeep(ctx.session, self._files.disk(ctx.tenant.id), moment)
        emptied = Emptied(removed=await upkeep.empty_trash(before=moment))
        return Reply(emptied.model_dump_json().encode())
