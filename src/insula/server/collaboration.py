"""Collaboration: what people hang on the rows of any app, and how they like to see them."""

from collections.abc import Callable

from insula.kernel.access.operation import Operation
from insula.kernel.resource.app import App
from insula.kernel.resource.engine import Engine
from insula.kernel.services.comments.manifest import service as comments
from insula.kernel.services.comments.operations import CommentOperations
from insula.kernel.services.saved_views.manifest import service as saved_views
from insula.kernel.services.saved_views.operations import SavedViewOperations
from insula.kernel.services.tags.manifest import service as tags
from insula.kernel.services.tags.operations import TagOperations
from insula.kernel.services.timeline.manifest import Timeline


class Collaboration:
    """The services of tags, comments, timelines and saved views."""

    def __init__(self, engine: Callable[[], Engine]) -> None:
        self._engine = engine
        self.timeline = Timeline(engine)
        self.saved_views = SavedViewOperations(engine)

    @property
    def apps(self) -> tuple[App, ...]:
        """All of them, as the engine wants them."""
        return comments, saved_views, tags, self.timeline.service

    def operations(self) -> tuple[Operation, ...]:
        """What their resources do not offer by themselves."""
        return (
            *TagOperations(self._engine).operations(),
            *CommentOperations(self._engine).operations(),
            *self.timeline.operations(),
            *self.saved_views.operations(),
        )
