from __future__ import annotations

import asyncio
import io
import struct
import zlib

import pytest
from PIL import Image

from roadworthy.chassis.pages import pictures
from roadworthy.chassis.pages.pictures import Picture, PictureRefused, digest_of, make_variants
from roadworthy.chassis.pages.resizing import outcome_of


def encoded(size: tuple[int, int], format_: str = "PNG", mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, 90).save(out, format_, **options)
    return out.getvalue()


def bomb() -> bytes:
    """A PNG of a few hundred bytes that says it has ten thousand million pixels."""
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    parts = (
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_variants_are_made_in_a_process_of_their_own() -> None:
    made = asyncio.run(make_variants(encoded((1000, 500))))
    assert [(each.width, each.height, each.format) for each in made] == [
        (400, 200, "avif"),
        (400, 200, "webp"),
        (800, 400, "avif"),
        (800, 400, "webp"),
        (1000, 500, "avif"),
        (1000, 500, "webp"),
    ]
    assert [Image.open(io.BytesIO(each.body)).size for each in made] == [(each.width, each.height) for each in made]


def test_a_photo_stands_upright_and_tells_nothing_of_its_camera() -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Secret Camera"
    outcome = outcome_of(encoded((300, 100), "JPEG", exif=exif.tobytes()))
    assert {(each.width, each.height) for each in outcome.made} == {(100, 300)}
    assert not any(b"Secret Camera" in each.body for each in outcome.made)


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (b"", "can't be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "can't be read"),
        (encoded((50, 50), "GIF", "P"), "can't be read"),
        (encoded((2000, 1500), "JPEG")[:800], "can't be read"),
        (encoded((4, 4)), "smaller than 16 pixels"),
        (bomb(), "pixels"),
    ],
)
def test_what_is_no_usable_photo_is_refused_with_the_reason(original: bytes, reason: str) -> None:
    outcome = outcome_of(original)
    assert outcome.made == []
    assert outcome.refused is not None
    assert reason in outcome.refused


def test_limits_hold_outside_the_child_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PictureRefused, match=r"10,485,760 at most"):
        asyncio.run(make_variants(b"x" * (pictures.ORIGINAL_BYTES_MAX + 1)))
    monkeypatch.setattr(pictures, "TIMEOUT_SECONDS", 0.001)
    with pytest.raises(PictureRefused, match="not done in"):
        asyncio.run(make_variants(encoded((1000, 500))))
    monkeypatch.undo()
    monkeypatch.setattr(pictures, "CHILD", "no.such.module")
    with pytest.raises(PictureRefused, match="more memory or time"):
        asyncio.run(make_variants(encoded((1000, 500))))


def test_a_picture_names_its_addresses_by_width() -> None:
    sources = {"webp": [("/a-400.webp", 400), ("/a-800.webp", 800), ("/a-1200.webp", 1200)]}
    picture = Picture("A pool", 1200, 800, sources)
    assert picture.srcset("webp") == "/a-400.webp 400w, /a-800.webp 800w, /a-1200.webp 1200w"
    assert picture.plain() == "/a-800.webp"
    assert digest_of(b"one") != digest_of(b"other")
