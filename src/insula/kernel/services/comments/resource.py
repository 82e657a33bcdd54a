"""The resource of comments: how they are written down; callers reach them by their row."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.services.comments.models import Comment

comments = Resource(
    Comment,
    kernel=True,
    without=("list", "read", "create", "update", "delete"),
)
