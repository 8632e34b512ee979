from __future__ import annotations

import gzip
from pathlib import Path

import brotli
import pytest

from roadworthy.chassis.pages.assets import IMMUTABLE, Asset, AssetNotFound, Assets, static_handlers
from roadworthy.chassis.pages.rendering import FOLDER

SHEET = "p { color: teal }\n" * 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos").mkdir()
    (tmp_path / "site.css").write_text(SHEET)
    (tmp_path / "photos" / "sauna.svg").write_text("<svg/>")
    return tmp_path


def test_an_address_carries_the_hash_of_the_content(folder: Path) -> None:
    before = Assets({"app": folder}).url("app/site.css")
    assert before.startswith("/static/app/site.")
    assert before.endswith(".css")
    (folder / "site.css").write_text(SHEET + "p { margin: 0 }")
    assert Assets({"app": folder}).url("app/site.css") != before


def test_files_in_folders_keep_their_path(folder: Path) -> None:
    assert Assets({"app": folder}).url("app/photos/sauna.svg").startswith("/static/app/photos/sauna.")


def test_a_file_that_is_not_shipped_is_an_error_in_a_template_and_none_when_asked(folder: Path) -> None:
    assets = Assets({"app": folder})
    with pytest.raises(AssetNotFound, match=r"app/nothing\.css"):
        assets.url("app/nothing.css")
    assert assets.find("app/nothing.css") is None
    assert assets.at("/static/app/site.css") is None  # without its hash it would be cached for a year


@pytest.mark.parametrize(
    ("accepts", "encoding", "decode"),
    [
        ("gzip, deflate, br", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("", None, bytes),
        ("identity", None, bytes),
    ],
)
def test_each_client_gets_the_best_encoding_it_takes(
    folder: Path, accepts: str, encoding: str | None, decode: object
) -> None:
    body, name = Assets({"app": folder}).named("app/site.css").answer(accepts)
    assert name == encoding
    assert callable(decode)
    assert decode(body) == SHEET.encode()


def test_small_files_are_sent_as_they_are(folder: Path) -> None:
    assert Assets({"app": folder}).named("app/photos/sauna.svg").answer("br, gzip") == (b"<svg/>", None)


def test_files_have_a_limit(folder: Path) -> None:
    (folder / "huge.js").write_bytes(b"x" * (512 * 1024 + 1))
    with pytest.raises(AssertionError, match=r"app/huge\.js has 524289 bytes"):
        Assets({"app": folder})


def test_what_the_chassis_ships_is_light() -> None:
    assets = Assets({"chassis": FOLDER / "static"})
    sent = [len(assets.named(f"chassis/{name}").answer("br")[0]) for name in ("app.css", "htmx.min.js", "icons.svg")]
    assert sum(sent) < 24_000


def test_the_icon_and_the_static_files_have_routes() -> None:
    paths = [path for handler in static_handlers(Assets({"chassis": FOLDER / "static"})) for path in handler.paths]
    assert sorted(paths) == ["/favicon.ico", "/static/{path:path}"]
    assert "immutable" in IMMUTABLE


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("br;q=0, gzip", "gzip"), ("br;q=0, gzip;q=0", None), ("xbrx", None), ("notgzip", None), ("gzip;q=0.5, br", "br")],
)
def test_encodings_are_negotiated_as_the_edge_does(accepted: str, coding: str | None) -> None:
    asset = Asset("/static/a.css", "text/css", b"plain", {"br": b"b", "gzip": b"g"})
    assert asset.answer(accepted)[1] == coding
