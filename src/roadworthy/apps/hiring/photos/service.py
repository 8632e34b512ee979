"""Photos for pages: what is there of each, and the bytes by their address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.photos.repository import Listed, PhotoRepository
from roadworthy.chassis.cache.memo import Memo
from roadworthy.chassis.errors import NotFound
from roadworthy.chassis.pages.pictures import Picture

PREFIX = "/photos"
FILE = re.compile(r"(?P<digest>[0-9a-f]{16})-(?P<width>[1-9][0-9]{0,4})\.(?P<format>avif|webp)")
FORMATS = ("avif", "webp")
KEPT_SECONDS = 60.0
KEPT_MAX = 1_000
PHOTOS_MAX = 12
COMPANIES_MAX = 24


class PhotoNotFound(NotFound):
    """There is no such photo, or not in this size."""


class Photos:
    """Photos that have been made ready; a minute old at most."""

    def __init__(self, repository: PhotoRepository) -> None:
        """Take where photos are kept."""
        self._repository = repository
        self._kept: Memo[tuple[str, ...], dict[str, Picture]] = Memo(
            self._load, seconds=KEPT_SECONDS, entries_max=KEPT_MAX
        )
        self._firsts: Memo[tuple[int, ...], dict[int, Picture]] = Memo(
            self._load_firsts, seconds=KEPT_SECONDS, entries_max=KEPT_MAX
        )

    async def pictures(self, names: Sequence[str]) -> dict[str, Picture]:
        """The photos of these names that are ready, by name; of the first `PHOTOS_MAX` names."""
        wanted = tuple(names[:PHOTOS_MAX])
        return await self._kept.get(wanted) if wanted else {}

    async def firsts(self, company_ids: Sequence[int]) -> dict[int, Picture]:
        """The first photo of each of these companies, where it is ready; of COMPANIES_MAX companies."""
        wanted = tuple(company_ids[:COMPANIES_MAX])
        return await self._firsts.get(wanted) if wanted else {}

    async def body(self, file: str) -> tuple[bytes, str]:
        """Bytes and media type of the variant whose address ends in `file`.

        Raises:
            PhotoNotFound: there is none.
        """
        match = FILE.fullmatch(file)
        if match is None:
            raise PhotoNotFound
        found = await self._repository.body(Audience.PUBLIC, match["digest"], int(match["width"]), match["format"])
        if found is None:
            raise PhotoNotFound
        return found, f"image/{match['format']}"

    async def _load(self, names: tuple[str, ...]) -> dict[str, Picture]:
        rows = await self._repository.listed(Audience.PUBLIC, names)
        return {name: _picture(list(variants)) for name, variants in groupby(rows, attrgetter("name"))}

    async def _load_firsts(self, company_ids: tuple[int, ...]) -> dict[int, Picture]:
        rows = await self._repository.firsts(Audience.PUBLIC, company_ids)
        return {id_: _picture([row[1] for row in found]) for id_, found in groupby(rows, itemgetter(0))}


def _picture(variants: Sequence[Listed]) -> Picture:
    largest = max(variants, key=attrgetter("width"))
    sources = {
        format_: [(f"{PREFIX}/{v.digest}-{v.width}.{format_}", v.width) for v in variants if v.format == format_]
        for format_ in FORMATS
    }
    return Picture(largest.shows, largest.width, largest.height, sources)
