"""The resource of saved views: how they are written down; whose they are is looked at apart."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.services.saved_views.models import SavedView

saved_views = Resource(
    SavedView,
    kernel=True,
    without=("list", "read", "create", "update", "delete"),
)
