"""The resources of SCIM; what a directory says is read and written through SCIM alone."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.services.scim.models import ScimGroup, ScimToken, ScimUser

WRITES = ("create", "update", "delete")

tokens = Resource(
    ScimToken,
    kernel=True,
    sort=(ScimToken.created_at,),
    hidden=(ScimToken.hash,),
    without=WRITES,  # offered with a proof of who asks, and told to every process
)
users = Resource(ScimUser, kernel=True, without=("list", "read", *WRITES))
groups = Resource(ScimGroup, kernel=True, without=("list", "read", *WRITES))
