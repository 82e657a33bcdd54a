"""Copies of images hold the picture and nothing else, and no image is a bomb."""

import io
import struct
import zlib

import pytest
from PIL import Image

from insula.kernel.storage.images import VARIANTS, NoImage, make_variants

pytestmark = pytest.mark.anyio
SECRET = "canary of 52.5200 north"


def photo(kind: str, size: tuple[int, int] = (2000, 1000)) -> io.BytesIO:
    """A picture, turned and with a word about where it was taken."""
    about = Image.Exif()
    about[0x0112] = 6  # to be turned by 90 degrees
    about[0x010E] = SECRET
    written = io.BytesIO()
    Image.new("RGB", size, "red").save(
        written, kind, exif=about, comment=SECRET.encode()
    )
    return written


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp"])
async def test_what_a_camera_wrote_does_not_get_into_a_copy(kind: str) -> None:
    """Neither the place nor the device; but the picture stands upright."""
    original = photo(kind)
    assert SECRET.encode() in original.getvalue()
    for name, content in (await make_variants(f"image/{kind}", original)).items():
        assert SECRET.encode() not in content
        with Image.open(io.BytesIO(content)) as copy:
            assert copy.format == "WEBP"
            assert not copy.getexif()
            assert copy.size == (VARIANTS[name] // 2, VARIANTS[name])


async def test_a_small_picture_is_not_blown_up() -> None:
    written = io.BytesIO()
    Image.new("RGBA", (20, 10)).save(written, "png")
    for content in (await make_variants("image/png", written)).values():
        with Image.open(io.BytesIO(content)) as copy:
            assert (copy.size, copy.mode) == ((20, 10), "RGBA")


async def test_a_palette_with_a_clear_colour_stays_clear() -> None:
    written = io.BytesIO()
    Image.new("P", (9, 9)).save(written, "gif", transparency=0)
    thumb = (await make_variants("image/gif", written))["thumb"]
    with Image.open(io.BytesIO(thumb)) as copy:
        assert copy.mode == "RGBA"


def bomb(width: int, height: int) -> io.BytesIO:
    """A PNG of some bytes whose header promises that many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + data + chunk(b"IEND", b""))


@pytest.mark.parametrize("size", [(50_000, 50_000), (100_000, 2), (8_000, 8_000)])
async def test_a_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    """Pitfall 37: a few bytes that would fill the memory."""
    with pytest.raises(NoImage):
        await make_variants("image/png", bomb(*size))


@pytest.mark.parametrize(
    "content", [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a\x00\x01", b"\xff\xd8\xff"]
)
async def test_what_cannot_be_decoded_is_no_image(content: bytes) -> None:
    for kind in ("image/png", "image/jpeg", "image/gif", "image/webp"):
        with pytest.raises(NoImage):
            await make_variants(kind, io.BytesIO(content))


async def test_a_picture_of_another_kind_is_not_decoded() -> None:
    """What was sniffed chooses the one decoder that gets to see the bytes."""
    with pytest.raises(NoImage):
        await make_variants("image/png", photo("jpeg", (8, 8)))
    assert await make_variants("application/pdf", photo("jpeg", (8, 8))) == {}
