"""Images: smaller copies, written anew, so that nothing of the original's file survives."""

import asyncio
import io
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from PIL import Image, ImageOps

VARIANTS: Mapping[str, int] = {"thumb": 160, "small": 480, "large": 1280}
"""Names of the copies, and the longest side of each in pixels."""
VARIANT_TYPE = "image/webp"
READABLE: Mapping[str, str] = {
    "image/png": "PNG",
    "image/jpeg": "JPEG",
    "image/gif": "GIF",
    "image/webp": "WEBP",
}
"""Content types that copies are made of, and the one decoder that may read each."""
MOST_PIXELS = 50_000_000
"""Of 4 bytes each while one is decoded: what a camera makes, and 200 MB at most."""
LONGEST_SIDE = 16_000
QUALITY = 80

_workers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
"""One at a time: a decoder needs a core and much memory, and requests go on."""


class NoImage(ValueError):
    """It cannot be read as the image that it says to be, or is too large for it."""


async def make_variants(content_type: str, file: BinaryIO) -> Mapping[str, bytes]:
    """The copies of an image; none of what is no image. Raises ``NoImage``."""
    decoder = READABLE.get(content_type)
    if decoder is None:
        return {}
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_workers, _variants, decoder, file)


def _variants(decoder: str, file: BinaryIO) -> Mapping[str, bytes]:
    file.seek(0)
    try:
        with Image.open(file, formats=[decoder]) as image:
            _check(image)
            # A JPEG is decoded at a fraction of its size where that is enough.
            image.draft("RGB", (2 * max(VARIANTS.values()),) * 2)
            upright = _plain(image)
        return {name: _webp(upright, side) for name, side in VARIANTS.items()}
    except NoImage:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NoImage("the image cannot be read") from error


def _check(image: Image.Image) -> None:
    """Refuse by what the header says, before a pixel is decoded."""
    width, height = image.size
    if width * height > MOST_PIXELS or max(width, height) > LONGEST_SIDE:
        raise NoImage(f"{width} x {height} pixels are too many")


def _plain(image: Image.Image) -> Image.Image:
    """The first picture as it is to be seen, without anything that was said about it."""
    upright = ImageOps.exif_transpose(image)
    clear = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
    plain = upright.convert("RGBA" if clear else "RGB")
    plain.info.clear()
    return plain


def _webp(image: Image.Image, side: int) -> bytes:
    copy = image.copy()
    copy.thumbnail((side, side))
    written = io.BytesIO()
    copy.save(
        written, "WEBP", quality=QUALITY, method=4, exif=b"", icc_profile=b"", xmp=b""
    )
    return written.getvalue()
