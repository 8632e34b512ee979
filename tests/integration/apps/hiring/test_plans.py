"""What makes lists fast is how they are planned: a plan that changes fails here, not under load."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import combinations
from typing import Any

import pytest
from msgspec import structs
from tests.integration.apps.hiring.board import draw_jobs, fill

from roadworthy.apps.hiring.facets.repository import facets_statement
from roadworthy.apps.hiring.jobs.domain import JobFilter, Position
from roadworthy.apps.hiring.jobs.repository import BY_ID, Plan, arguments_of, list_statement, shape_of
from roadworthy.apps.hiring.searching.repository import Step, search_statement
from roadworthy.chassis.database.pool import Database

pytestmark = pytest.mark.anyio

VALUES: dict[str, Any] = {
    "state_id": 1,
    "city_id": 10,
    "company": "company-1",
    "experience": "mid",
    "salary_min": 20,
    "salary_period": "hour",
    "remote": True,
    "featured": False,
    "posted_since": datetime(2026, 5, 1, tzinfo=UTC),
    "after": Position(is_featured=True, created_at=datetime(2026, 5, 2, tzinfo=UTC), id=5),
}
LEADERS = {"company": "jobs_company_order", "city_id": "jobs_city_order", "state_id": "jobs_state_order"}


@pytest.fixture
async def board(database_url: str, database: Database) -> Database:
    await fill(database_url, draw_jobs(300))
    return database


async def plan(board: Database, statement: str, *arguments: Any) -> dict[str, Any]:
    """The plan that is used for any arguments; a table this small would be read whole, so that is forbidden."""
    async with board.transaction() as connection:
        await connection.execute("set local plan_cache_mode = force_generic_plan")
        await connection.execute("set local enable_seqscan = off; set local enable_bitmapscan = off")
        found = json.loads(await connection.fetchval(f"explain (format json) {statement}", *arguments))
    whole: dict[str, Any] = found[0]["Plan"]
    return whole


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def shapes() -> list[tuple[str, ...]]:
    return [shape for size in range(4) for shape in combinations(VALUES, size)]


async def test_every_list_walks_an_index_in_order_and_fetches_only_what_matches(board: Database) -> None:
    for names in shapes():
        wanted = JobFilter(**{name: VALUES[name] for name in names})
        shape = shape_of(wanted)
        whole = await plan(board, list_statement(shape, Plan.IN_ORDER), *arguments_of(shape, [wanted]))
        (page,) = [node for node in nodes(whole) if node["Node Type"] == "Limit" and "jobs" in str(node)]
        (scan,) = [node for node in nodes(page) if node.get("Relation Name") == "jobs"]
        assert scan["Node Type"] in {"Index Scan", "Index Only Scan"}, (names, scan)
        assert not [node for node in nodes(page) if "Sort" in node["Node Type"]], names
        leaders = [name for name in names if name in LEADERS]
        if (
            len(leaders) < 2 and "company" not in leaders and not {"after", "posted_since"} & set(names)
        ):  # else a tiny table leaves a choice
            assert scan["Index Name"] == (LEADERS[leaders[0]] if leaders else "jobs_order")
            assert "Filter" not in scan, (names, scan["Filter"])


async def test_companies_are_looked_up_and_never_read_whole(board: Database) -> None:
    shape = ("state_id",)
    for statement, arguments in (
        (BY_ID, [[1, 2]]),
        (list_statement(shape, Plan.IN_ORDER), arguments_of(shape, [JobFilter(state_id=1)])),
    ):
        whole = await plan(board, statement, *arguments)
        (scan,) = [node for node in nodes(whole) if node.get("Relation Name") == "companies"]
        assert scan["Index Name"] == "companies_pkey"
        assert not [node for node in nodes(whole) if "Hash" in node["Node Type"]]


async def test_a_walk_ignores_the_word_index_and_a_lookup_uses_it(board: Database) -> None:
    wanted = JobFilter(words="sauna", state_id=1)
    shape = shape_of(wanted)
    walk = await plan(board, list_statement(shape, Plan.WALK), *arguments_of(shape, [wanted]))
    assert [node["Index Name"] for node in nodes(walk) if node.get("Relation Name") == "jobs"] == ["jobs_state_order"]
    assert not [node for node in nodes(walk) if "Bitmap" in node["Node Type"]]
    async with board.transaction() as connection:
        await connection.execute("set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off")
        await connection.execute("set local enable_indexscan = off")
        statement = list_statement(shape, Plan.BY_WORDS)
        found = await connection.fetchval(f"explain (format json) {statement}", *arguments_of(shape, [wanted]))
    assert "jobs_words" in found


def names_of(whole: dict[str, Any]) -> set[str]:
    return {node["Index Name"] for node in nodes(whole) if "Index Name" in node}


async def test_a_search_walks_in_order_and_stops_when_its_page_is_full(board: Database) -> None:
    wanted = JobFilter(words="sauna", state_id=1)
    shape = shape_of(wanted)
    for step in (Step.TITLE_WALK, Step.COMPANY_WALK, Step.TEXT_WALK):
        walk = await plan(board, search_statement(shape, step), *arguments_of(shape, [wanted]))
        (page,) = [node for node in nodes(walk) if node["Node Type"] == "Limit" and node.get("Plans", [{}])[0] != {}][
            :1
        ]
        assert "jobs_state_order" in names_of(page)
        assert not [node for node in nodes(page) if "Sort" in node["Node Type"] or "Bitmap" in node["Node Type"]]


async def test_what_is_looked_up_is_found_by_the_index_of_its_words(board: Database) -> None:
    wanted = JobFilter(words="sauna", experience="mid", after=VALUES["after"], after_rank=2)
    expected = {Step.TITLES: "jobs_title_words", Step.HEADS: "jobs_head_words", Step.TEXTS: "jobs_words"}
    for step, name in expected.items():
        asked = wanted if step is Step.HEADS else structs.replace(wanted, after_rank=None)
        shape = shape_of(asked)
        async with board.transaction() as connection:
            await connection.execute("set local plan_cache_mode = force_generic_plan; set local enable_seqscan = off")
            await connection.execute("set local enable_indexscan = off")
            statement = search_statement(shape, step)
            found = json.loads(
                await connection.fetchval(f"explain (format json) {statement}", *arguments_of(shape, [asked]))
            )
        assert name in names_of(found[0]["Plan"]), step


async def test_near_a_city_each_city_is_walked_by_itself(board: Database) -> None:
    wanted = JobFilter(cities=(10, 11, 20), experience="mid")
    shape = shape_of(wanted)
    whole = await plan(board, list_statement(shape, Plan.NEAR), *arguments_of(shape, [wanted]))
    (scan,) = [node for node in nodes(whole) if node.get("Relation Name") == "jobs"]
    assert scan["Index Name"] == "jobs_city_order"
    assert "Filter" not in scan


async def test_facets_fetch_no_row(board: Database) -> None:
    wanted = JobFilter(state_id=1, employment_type="full_time", posted_since=VALUES["posted_since"])
    shape = shape_of(wanted)
    await board.execute("vacuum analyze hiring.jobs")
    whole = await plan(board, facets_statement(shape), 1, "full_time", VALUES["posted_since"])
    (scan,) = [node for node in nodes(whole) if node.get("Relation Name") == "jobs"]
    assert (scan["Node Type"], scan["Index Name"]) == ("Index Only Scan", "jobs_facets")
