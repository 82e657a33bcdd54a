"""The resource: files as callers list and delete them; content goes its own ways."""

from insula.kernel.resource.declaration import Resource
from insula.kernel.resource.unit import WorkContext
from insula.kernel.services.files.models import File

files = Resource(
    File,
    filters=(
        File.subject_id,
        File.subject_type,
        File.folder,
        File.state,
        File.content_type,
        File.owner_id,
    ),
    sort=(File.created_at, File.name, File.size),
    search=(File.name,),
    title=File.name,
    hidden=(File.storage_key, File.edition),
    without=("create", "update"),
    kernel=True,
)


@files.action("revoke-links")
async def revoke_links(_: WorkContext, file: File) -> File:
    """Have every link that was made to this file so far open nothing any more."""
    file.edition += 1
    return file
