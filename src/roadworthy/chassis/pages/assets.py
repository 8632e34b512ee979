"""Static files under names that carry their content's hash, so that browsers never ask twice."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import brotli
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from roadworthy.chassis.edge.compression import Negotiation
from roadworthy.chassis.errors import NotFound

URL_PREFIX = "/static"
HASH_LENGTH = 10
FILE_BYTES_MAX = 512 * 1024
COMPRESSED_FROM_BYTES = 512
IMMUTABLE = "public, max-age=31536000, immutable"
# Types that the standard library does not know on every machine.
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
COMPRESSIBLE = frozenset({".css", ".js", ".svg"})
NEGOTIATION = Negotiation((b"br", b"gzip"))
ICON_SECONDS = 86_400


class AssetNotFound(NotFound):
    """There is no such static file, or not in this version."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file in memory: its address, its type and its bytes, once compressed for each encoding that pays."""

    url: str
    media_type: str
    body: bytes
    encoded: Mapping[str, bytes] = field(repr=False)

    def answer(self, accept_encoding: str) -> tuple[bytes, str | None]:
        """The bytes to send to a client that accepts these encodings, and the name of the encoding."""
        coding = (NEGOTIATION.choose(accept_encoding.encode("latin-1")) or b"").decode()
        body = self.encoded.get(coding)
        return (body, coding) if body is not None else (self.body, None)


class Assets:
    """Every static file of some folders, by name: `chassis/app.css` is app.css of the folder called chassis."""

    def __init__(self, folders: Mapping[str, Path]) -> None:
        """Read the files of `folders`, by the first part of their names; a file has FILE_BYTES_MAX bytes at most."""
        found = [(f"{name}/{path.relative_to(folder).as_posix()}", path) for name, folder in folders.items()
                 for path in sorted(folder.rglob("*")) if path.is_file()]  # fmt: skip
        self._by_name = {name: _asset(name, path) for name, path in found}
        self._by_url = {asset.url: asset for asset in self._by_name.values()}

    def __iter__(self) -> Iterator[Asset]:
        return iter(self._by_name.values())

    def url(self, name: str) -> str:
        """The address of the file called `name`, which changes whenever the file does.

        Raises:
            AssetNotFound: there is none; a template names a file that is not shipped.
        """
        try:
            return self._by_name[name].url
        except KeyError:
            raise AssetNotFound(f"There is no static file called {name!r}.") from None

    def find(self, name: str) -> str | None:
        """The address of the file called `name`, if there is one."""
        asset = self._by_name.get(name)
        return asset.url if asset is not None else None

    def named(self, name: str) -> Asset:
        """The file called `name`."""
        return self._by_url[self.url(name)]

    def at(self, path: str) -> Asset | None:
        """The file at `path`, an address that `url` gave; None: not ours, or of another version."""
        return self._by_url.get(path)


def static_handlers(*apps: Assets) -> list[HTTPRouteHandler]:
    """Routes for the files of every app, and for /favicon.ico, which browsers ask for by that name."""

    @get(URL_PREFIX + "/{path:path}", sync_to_thread=False)
    def static_file(request: Request[Any, Any, Any]) -> Response[bytes]:
        asset = next((found for app in apps if (found := app.at(request.url.path))), None)
        if asset is None:
            raise AssetNotFound
        return asset_response(asset, request.headers.get("accept-encoding", ""), IMMUTABLE)

    @get("/favicon.ico", sync_to_thread=False)
    def favicon() -> Response[bytes]:
        return asset_response(apps[0].named("chassis/favicon.ico"), "", f"public, max-age={ICON_SECONDS}")

    return [static_file, favicon]


def asset_response(asset: Asset, accept_encoding: str, cache_control: str) -> Response[bytes]:
    """`asset` in the best encoding that the client takes."""
    body, encoding = asset.answer(accept_encoding)
    headers = {"cache-control": cache_control, "vary": "accept-encoding"}
    if encoding is not None:
        headers["content-encoding"] = encoding
    return Response(body, media_type=asset.media_type, headers=headers, status_code=HTTPStatus.OK)


def _asset(name: str, path: Path) -> Asset:
    body = path.read_bytes()
    assert len(body) <= FILE_BYTES_MAX, f"{name} has {len(body)} bytes; a static file has {FILE_BYTES_MAX} at most"
    digest = hashlib.sha256(body).hexdigest()[:HASH_LENGTH]
    pure = PurePosixPath(name)
    url = f"{URL_PREFIX}/{pure.with_suffix(f'.{digest}{pure.suffix}')}"
    media_type = TYPES.get(pure.suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return Asset(url, media_type, body, _encoded(pure.suffix, body))


def _encoded(suffix: str, body: bytes) -> dict[str, bytes]:
    if suffix not in COMPRESSIBLE or len(body) < COMPRESSED_FROM_BYTES:
        return {}
    return {"br": brotli.compress(body, quality=9), "gzip": gzip.compress(body, 9, mtime=0)}
