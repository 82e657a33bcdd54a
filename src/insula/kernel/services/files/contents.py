"""Contents: how a file is handed out, so that no browser runs what is in it."""

from collections.abc import AsyncIterator, Mapping

from insula.kernel.access.operation import Reply
from insula.kernel.foundation.errors import Conflict, NotFound
from insula.kernel.services.files.models import File, FileState
from insula.kernel.services.files.names import disposition
from insula.kernel.services.files.ranges import asked_span
from insula.kernel.storage.disks import Disk
from insula.kernel.storage.images import VARIANT_TYPE, VARIANTS
from insula.kernel.storage.places import BadPlace
from insula.kernel.storage.sniffing import OCTETS
from insula.kernel.storage.stores import NoSuchObject

SANDBOX = b"default-src 'none'; sandbox; frame-ancestors 'none'"
"""Should a browser show it after all, it is a page of no origin that may do nothing."""
ACTIVE = frozenset({"text/html", "image/svg+xml", "application/xml"})
"""Types that are not even named when they are handed out (pitfall 38)."""


class FileQuarantined(Conflict):
    """Something harmful was found in this file, so nobody can have it."""

    code = "FILE_QUARANTINED"


class ContentMissing(Conflict):
    """The content of this file is not where it belongs: tell whoever runs the platform."""

    code = "FILE_CONTENT_MISSING"


def hand_out(
    disk: Disk, file: File, variant: str, headers: Mapping[bytes, bytes], *, shown: str
) -> Reply:
    """The answer with a file's content, or with a copy of it.

    ``shown`` is ``attachment`` or ``inline``. Only a copy, which was written by us
    from pixels, is ever shown inline: what somebody sent might be a page.
    """
    if file.state is not FileState.ready:
        raise FileQuarantined
    if variant:
        if variant not in VARIANTS or variant not in file.variants:
            raise NotFound
        name, kind = f"{file.storage_key}.{variant}", VARIANT_TYPE
        size = int(file.variants[variant])
    else:
        name, kind, size = file.storage_key, file.content_type, file.size
        shown = "attachment"
    etag = f'"{file.sha256[:32]}{variant and "-"}{variant}"'
    span = None
    if headers.get(b"if-range", etag.encode()) == etag.encode():
        span = asked_span(headers.get(b"range"), size)
    start, end = (0, size) if span is None else (span.start, span.end)
    said = [
        (b"content-disposition", disposition(_called(file, variant), shown)),
        (b"content-security-policy", SANDBOX),
        (b"accept-ranges", b"bytes"),
        (b"content-length", b"%d" % (end - start)),
    ]
    if span is not None:
        said.append((b"content-range", b"bytes %d-%d/%d" % (start, end - 1, size)))
    return Reply(
        status=200 if span is None else 206,
        stream=_read(disk, name, start, end),
        content_type=OCTETS if kind in ACTIVE else kind,
        etag=etag,
        headers=said,
    )


def _called(file: File, variant: str) -> str:
    return f"{file.name}.{variant}.webp" if variant else file.name


async def _read(disk: Disk, name: str, start: int, end: int) -> AsyncIterator[bytes]:
    """The content; nothing is opened for somebody who asks for the headers alone."""
    if start == end:
        return
    try:
        chunks = await disk.read(name, start, end)
    except (NoSuchObject, BadPlace):
        raise ContentMissing from None
    async for chunk in chunks:
        yield chunk
