from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator

import httpx
import pytest
from PIL import Image
from tests.integration.apps.hiring.test_pages import BROWSER, served

from roadworthy.apps.hiring.demo import load_demo
from roadworthy.apps.hiring.photos.repository import PhotoRepository
from roadworthy.apps.hiring.photos.tasks import photos_task
from roadworthy.chassis.database.pool import Database
from roadworthy.chassis.service import Resources
from roadworthy.chassis.settings import Settings

pytestmark = pytest.mark.anyio

SMALL = (640, 427)


def drawn(size: tuple[int, int], format_: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, format_)
    return out.getvalue()


@pytest.fixture
async def visitor(database_url: str, database: Database, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    await load_demo(database_url, lambda *_: None, scale=0.001)
    await database.execute("update hiring.photos set refused = 'not for this test' where name not in ('pool', 'sauna')")
    await database.execute("update hiring.photos set original = $1 where name in ('pool', 'sauna')", drawn(SMALL))
    await database.execute("update hiring.companies set photos = '{pool.svg,tea.svg,../passwd}' where id = 1")
    transport = httpx.ASGITransport(served(Resources(settings, database, None)))
    async with httpx.AsyncClient(transport=transport, base_url="http://board", headers=BROWSER) as client:
        yield client


async def test_a_photo_is_offered_in_formats_and_sizes_under_names_for_ever(
    visitor: httpx.AsyncClient, database: Database
) -> None:
    slug = await database.fetchval("select slug from hiring.companies where id = 1")
    await photos_task(PhotoRepository(database)).run()
    page = (await visitor.get(f"/companies/{slug}")).text
    assert page.count("<picture>") == 1
    assert 'alt="Drawing: tea"' in page  # refused, so the drawing stays
    assert "passwd" not in page
    sets = dict(re.findall(r'<source type="image/(\w+)" srcset="([^"]+)"', page))
    assert list(sets) == ["avif", "webp"]
    for format_, srcset in sets.items():
        widths = []
        for candidate in srcset.split(", "):
            address, width = candidate.split()
            answer = await visitor.get(address)
            assert answer.headers["content-type"] == f"image/{format_}"
            assert "immutable" in answer.headers["cache-control"]
            with Image.open(io.BytesIO(answer.content)) as shown:
                assert (shown.format, f"{shown.width}w") == (format_.upper(), width)
                assert abs(shown.width / shown.height - SMALL[0] / SMALL[1]) < 0.01
            widths.append(width)
        assert widths == ["400w", "640w"]  # never larger than the original
    (plain,) = re.findall(r'<img src="(/photos/[^"]+)"', page)
    assert plain.endswith(".webp")

    await database.execute(
        "update hiring.photos set original = $1, digest = null where name = 'pool'", drawn((500, 500))
    )
    await photos_task(PhotoRepository(database)).run()
    assert (await visitor.get(plain)).status_code == 200  # whoever has the old page still sees its photo
    names = await database.fetch("select distinct digest from hiring.photos where digest is not null")
    assert len(names) == 2


async def test_a_company_is_shown_by_its_first_photo_where_people_choose(
    visitor: httpx.AsyncClient, database: Database
) -> None:
    await photos_task(PhotoRepository(database)).run()
    await database.execute("update hiring.companies set photos = '{sauna.svg,pool.svg}' where id = 1")
    await database.execute("update hiring.companies set photos = '{tea.svg}' where id <> 1")
    job = await database.fetchval("select id from hiring.jobs where company_id = 1 limit 1")
    digest = await database.fetchval("select digest from hiring.photos where name = 'sauna'")
    for address in ("/", f"/jobs/{job}"):
        page = (await visitor.get(address)).text
        assert page.count("<picture>") == 1, address
        assert f"/photos/{digest}-640.webp" in page, address


async def test_what_is_no_photo_is_refused_once_and_the_next_is_made(
    visitor: httpx.AsyncClient, database: Database
) -> None:
    del visitor  # its data are wanted
    await database.execute(
        "update hiring.photos set original = '\\x4749463839', created_at = '2000-01-01' where name = 'pool'"
    )
    await photos_task(PhotoRepository(database)).run()
    rows = {row[0]: (row[1], row[2]) for row in await database.fetch("select name, digest, refused from hiring.photos")}
    assert rows["pool"][0] is None
    assert "can't be read" in rows["pool"][1]
    assert rows["sauna"][0] is not None
    assert rows["sauna"][1] is None


@pytest.mark.parametrize(
    "file",
    ["x", "0123456789abcdef-400.avif", "0123456789abcdef-400.exe", "0123456789ABCDEF-400.webp", "%2e%2e%2fpool.webp"],
)
async def test_no_other_address_is_a_photo(visitor: httpx.AsyncClient, file: str) -> None:
    assert (await visitor.get(f"/photos/{file}")).status_code == 404
