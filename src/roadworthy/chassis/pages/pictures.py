"""Pictures in the sizes and formats that pages use, made where a hostile one can do no harm."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from dataclasses import dataclass
from http import HTTPStatus

import msgspec

from roadworthy.chassis.errors import RoadworthyError

# The module is named, not imported: Pillow is loaded in the child alone.
CHILD = "roadworthy.chassis.pages.resizing"
ORIGINAL_BYTES_MAX = 10 * 1024**2
TIMEOUT_SECONDS = 30.0
RECIPE = b"1"  # changes with widths, formats and qualities, and with it every address
DIGEST_LENGTH = 16


class PictureRefused(RoadworthyError):
    """The picture can't be used."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Variant(msgspec.Struct, frozen=True):
    """One variant: its size in pixels, its format (`avif`, `webp`), its bytes."""

    width: int
    height: int
    format: str
    body: bytes


class _Outcome(msgspec.Struct, frozen=True):
    made: list[Variant] = []
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """What a `<picture>` needs: what it shows, its largest size, and (address, width) of each variant by format."""

    shows: str
    width: int
    height: int
    sources: dict[str, list[tuple[str, int]]]

    def srcset(self, format_: str) -> str:
        """`/a-400.avif 400w, /a-800.avif 800w`."""
        return ", ".join(f"{address} {width}w" for address, width in self.sources[format_])

    def plain(self, format_: str = "webp") -> str:
        """The address for a browser that chooses none: the middle size."""
        variants = self.sources[format_]
        return variants[len(variants) // 2][0]


def digest_of(original: bytes) -> str:
    """What names the variants of `original`: another original, or another recipe, has other names."""
    return hashlib.sha256(RECIPE + original).hexdigest()[:DIGEST_LENGTH]


async def make_variants(original: bytes) -> list[Variant]:
    """Every variant of a picture, made in a child process with little memory and time.

    Raises:
        PictureRefused: it is too large, is no picture, or took the child's memory or time; with the reason.
    """
    if len(original) > ORIGINAL_BYTES_MAX:
        raise PictureRefused(f"it has {len(original):,} bytes; a picture has {ORIGINAL_BYTES_MAX:,} at most")
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-m", CHILD, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env={}
    )
    try:
        output, _ = await asyncio.wait_for(child.communicate(original), TIMEOUT_SECONDS)
    except TimeoutError:
        raise PictureRefused(f"it was not done in {TIMEOUT_SECONDS:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode != 0:
        raise PictureRefused("making its sizes took more memory or time than a picture may")
    outcome = msgspec.msgpack.decode(output, type=_Outcome)
    if outcome.refused is not None:
        raise PictureRefused(outcome.refused)
    return outcome.made
