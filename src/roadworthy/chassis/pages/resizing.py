"""The child process that turns one picture from anywhere into the sizes and formats that pages use.

It reads the picture from standard input and writes the variants to standard output, as msgpack. What it decodes comes
from strangers, so it runs with little memory, little time, and no way to open files; see `pictures.py`.
"""

from __future__ import annotations

import io
import resource
import sys

import msgspec
from PIL import AvifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

MEMORY_BYTES_MAX = 1024**3
CPU_SECONDS_MAX = 20
PIXELS_MAX = 40_000_000
SIDE_MIN = 16
TAKEN = ("JPEG", "PNG", "WEBP", "AVIF")
WIDTHS = (400, 800, 1200)
# Quality at which a spa's photograph looks like the original beside it on a dense screen.
FORMATS = {"avif": {"quality": 62, "speed": 7}, "webp": {"quality": 80, "method": 4}}
PLUGINS = (AvifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin)


class Made(msgspec.Struct, frozen=True):
    """One variant: its size in pixels, its format, its bytes."""

    width: int
    height: int
    format: str
    body: bytes


class Outcome(msgspec.Struct, frozen=True):
    """The variants, or why there are none."""

    made: list[Made] = []
    refused: str | None = None


def main() -> None:
    """Read, make, write."""
    limit()
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome_of(sys.stdin.buffer.read())))


def limit() -> None:
    """Take from this process what decoding a picture does not need."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS_MAX, CPU_SECONDS_MAX))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    Image.preinit()  # plugins are files: the last that are opened
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def outcome_of(body: bytes) -> Outcome:
    """The variants of a picture, upright, without its metadata, never larger than it is."""
    Image.MAX_IMAGE_PIXELS = PIXELS_MAX
    try:
        with Image.open(io.BytesIO(body), formats=TAKEN) as opened:
            if opened.width * opened.height > PIXELS_MAX:
                return Outcome(refused=f"it has {opened.width} x {opened.height} pixels, more than {PIXELS_MAX:,}")
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except MemoryError:
        return Outcome(refused="it takes too much memory to decode")
    except Exception as error:  # noqa: BLE001  # decoders raise whatever they like about what strangers send
        return Outcome(refused=f"it can't be read as {', '.join(TAKEN)}: {error}"[:300])
    if min(picture.size) < SIDE_MIN:
        return Outcome(refused=f"it is smaller than {SIDE_MIN} pixels")
    return Outcome(made=[made for width in _widths(picture.width) for made in _variants(picture, width)])


def _widths(own: int) -> list[int]:
    """The widths below the picture's own, and that one where it lies between them."""
    return sorted({min(width, own) for width in WIDTHS})


def _variants(picture: Image.Image, width: int) -> list[Made]:
    height = max(1, round(picture.height * width / picture.width))
    sized = picture.resize((width, height), Image.Resampling.LANCZOS) if width != picture.width else picture
    found = []
    for format_, options in FORMATS.items():
        out = io.BytesIO()
        sized.save(out, format_.upper(), **options)
        found.append(Made(width, height, format_, out.getvalue()))
    return found


if __name__ == "__main__":
    main()
