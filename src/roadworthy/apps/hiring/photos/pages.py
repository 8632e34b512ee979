"""Photos under names that never stand for anything else, so that browsers ask once."""

from __future__ import annotations

from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from roadworthy.apps.hiring.photos.service import PREFIX, Photos
from roadworthy.chassis.pages.assets import IMMUTABLE


class PhotoPages:
    """The bytes of photos."""

    def __init__(self, photos: Photos) -> None:
        """Take the service to ask."""
        self._photos = photos

    def handlers(self) -> list[HTTPRouteHandler]:
        """The route of every photo."""

        @get(PREFIX + "/{file:str}", name="photo")
        async def photo(file: FromPath[str]) -> Response[Any]:
            body, media_type = await self._photos.body(file)
            return Response(body, media_type=media_type, headers={"cache-control": IMMUTABLE})

        return [photo]
