"""What bounds a workload from below: PostgreSQL asked by pgbench, or a bare ASGI app that has every answer ready."""

from __future__ import annotations

import os
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.stage import PAGE, Filter, Stage
from benchmarks.workloads import Limit
from roadworthy.chassis.database.embedded import programs

CLIENTS, THREADS = 32, 2
TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
FAILED = re.compile(r"^number of failed transactions: (\d+)", re.MULTILINE)

COLUMNS = """j.id, j.title, j.employment_type, j.experience_level, j.salary_min, j.salary_max, j.salary_period,
    j.is_remote, j.is_featured, j.view_count, j.created_at, j.city_id, j.state_id,
    c.id, c.name, c.slug, c.industry, c.size, c.rating"""
# Names of cities and states are a few thousand rows that any service may hold: leaving them out raises the limit.
BY_ID = f"""\\set id random(1, {{jobs}})
select {COLUMNS}, j.description, j.is_active
    from hiring.jobs j join hiring.companies c on c.id = j.company_id where j.id = :id;
"""  # noqa: S608  # constants
LIST = f"""\\set n random(1, {{count}})
select {COLUMNS} from (
    select * from hiring.jobs
    where is_active and {{words}} and experience_level = '{{level}}'
        and state_id = (array[{{states}}]::smallint[])[:n]
    order by is_featured desc, created_at desc, id desc limit {PAGE + 1}
) j join hiring.companies c on c.id = j.company_id
order by j.is_featured desc, j.created_at desc, j.id desc;
"""  # noqa: S608  # constants
# The list in two ways: PostgreSQL chooses between its indexes, or it walks along the order until the page is full,
# which no estimate of how rare a word is can talk it out of. The faster one is the limit.
WAYS = {
    "chosen": "search @@ websearch_to_tsquery('english', '{word}')",
    "in_order": "ts_match_vq(search, websearch_to_tsquery('english', '{word}'))",
}


class LimitFailed(Exception):
    """pgbench ended without a figure, or with failed transactions."""


def candidates(limit: Limit, stage: Stage, folder: Path) -> list[list[str]]:
    """Options of pgbench that name scripts, written into `folder`: one set for each way to ask."""
    if limit is Limit.PGBENCH_BY_ID:
        return [_by_id(stage, folder)]
    return [_list(stage.filters, folder, way) for way in WAYS]


def _by_id(stage: Stage, folder: Path) -> list[str]:
    script = folder / "job_by_id.sql"
    script.write_text(BY_ID.format(jobs=stage.jobs), encoding="ascii")
    return [f"--file={script}"]


def _list(filters: Iterable[Filter], folder: Path, way: str) -> list[str]:
    # A script for each word and level, weighted so that every filter is equally likely.
    states: dict[tuple[str, str], list[int]] = defaultdict(list)
    for each in filters:
        states[each.word, each.level].append(each.state_id)
    return [
        f"--file={_list_script(folder / f'list_{way}_{word}_{level}.sql', way, word, level, ids)}@{len(ids)}"
        for (word, level), ids in states.items()
    ]


def _list_script(script: Path, way: str, word: str, level: str, state_ids: list[int]) -> Path:
    states, words = ",".join(map(str, state_ids)), WAYS[way].format(word=word)
    script.write_text(LIST.format(count=len(state_ids), words=words, level=level, states=states), encoding="ascii")
    return script


def pgbench(dsn: str, files: list[str], seconds: float, *, seed: int) -> float:
    """Transactions a second with prepared statements on 32 connections.

    Raises:
        LimitFailed: with what pgbench said.
    """
    options = ["--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--jobs={THREADS}"]
    options += [f"--time={max(1, round(seconds))}", f"--random-seed={seed}", *files]
    at = urlsplit(dsn)
    environment = {
        **os.environ,
        "PGHOST": at.hostname or "",
        "PGPORT": str(at.port),
        "PGUSER": unquote(at.username or ""),
        "PGPASSWORD": unquote(at.password or ""),
        "PGDATABASE": at.path.removeprefix("/"),
    }
    command = [str(programs() / "pgbench"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    rate, failed = TPS.search(done.stdout), FAILED.search(done.stdout)
    if done.returncode != 0 or rate is None or (failed and failed[1] != "0"):
        raise LimitFailed((done.stdout + done.stderr).strip()[-2000:])
    return float(rate[1])
