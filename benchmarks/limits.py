"""What bounds a workload from below: PostgreSQL asked by pgbench, or a bare ASGI app that has every answer ready."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from benchmarks.stage import PAGE, Filter, Search, Stage
from benchmarks.workloads import Limit
from roadworthy.chassis.database.embedded import programs

CLIENTS, THREADS = 32, 2
SECONDS_MIN = 2  # on a busy machine, connecting alone took one
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
# One statement for every filter: a random number picks word, level and state. Both the function behind @@ and the one
# plan for all make it walk along the order until the page is full, whatever is believed of how rare a word is; on the
# demo data PostgreSQL's own choice between its indexes was a third slower.
LIST = f"""\\set n random(1, {{count}})
select {COLUMNS} from (
    select * from hiring.jobs
    where is_active
        and ts_match_vq(search, (
            select websearch_to_tsquery('english', (array[{{words}}])[(array[{{word_at}}]::smallint[])[:n]])
        ))
        and experience_level = (select (array[{{levels}}])[(array[{{level_at}}]::smallint[])[:n]])
        and state_id = (select (array[{{state_ids}}]::smallint[])[:n])
    order by is_featured desc, created_at desc, id desc limit {PAGE + 1}
) j join hiring.companies c on c.id = j.company_id
order by j.is_featured desc, j.created_at desc, j.id desc;
"""  # noqa: S608  # constants
# What such a service would ask: everything that has the words, ranked by where they stand, the first page of it.
SEARCH = f"""\\set n random(1, {{count}})
select {COLUMNS} from (
    select j.*, case when ts_filter(search, '{{{{a}}}}') @@ query then 1
            when ts_filter(search, '{{{{a,b}}}}') @@ query then 2
            when ts_filter(search, '{{{{a,b,c}}}}') @@ query then 3 else 4 end as rank
    from hiring.jobs j, websearch_to_tsquery('english', (array[{{words}}])[(array[{{word_at}}]::smallint[])[:n]]) query
    where is_active and search @@ query
        and state_id = coalesce((array[{{state_ids}}]::smallint[])[:n], state_id)
    order by rank, is_featured desc, created_at desc, id desc limit {PAGE + 1}
) j join hiring.companies c on c.id = j.company_id
order by j.rank, j.is_featured desc, j.created_at desc, j.id desc;
"""  # noqa: S608  # constants
ONE_PLAN = "-c plan_cache_mode=force_generic_plan"


class LimitFailed(Exception):
    """pgbench ended without a figure, or with failed transactions."""


def script(limit: Limit, stage: Stage, folder: Path) -> Path:
    """What pgbench runs, as a file in `folder`."""
    texts = {
        Limit.PGBENCH_BY_ID: lambda: BY_ID.format(jobs=stage.jobs),
        Limit.PGBENCH_SEARCH: lambda: _search(stage.searches),
    }
    text = texts.get(limit, lambda: _list(stage.filters))()
    file = folder / f"{limit.name}.sql"
    file.write_text(text, encoding="ascii")
    return file


def _list(filters: Sequence[Filter]) -> str:
    words, levels = sorted({each.word for each in filters}), sorted({each.level for each in filters})
    return LIST.format(
        count=len(filters),
        words=", ".join(f"'{word}'" for word in words),
        word_at=",".join(str(1 + words.index(each.word)) for each in filters),
        levels=", ".join(f"'{level}'" for level in levels),
        level_at=",".join(str(1 + levels.index(each.level)) for each in filters),
        state_ids=",".join(str(each.state_id) for each in filters),
    )


def _search(searches: Sequence[Search]) -> str:
    words = sorted({each.words for each in searches})
    return SEARCH.format(
        count=len(searches),
        words=", ".join(f"'{word}'" for word in words),
        word_at=",".join(str(1 + words.index(each.words)) for each in searches),
        state_ids=",".join("null" if each.state_id is None else str(each.state_id) for each in searches),
    )


def pgbench(dsn: str, file: Path, seconds: float, *, seed: int) -> float:
    """Transactions a second with prepared statements on 32 connections.

    Raises:
        LimitFailed: with what pgbench said.
    """
    options = ["--no-vacuum", "--protocol=prepared", f"--client={CLIENTS}", f"--jobs={THREADS}"]
    options += [f"--time={max(SECONDS_MIN, round(seconds))}", f"--random-seed={seed}", f"--file={file}"]
    at = urlsplit(dsn)
    environment = {
        **os.environ,
        "PGHOST": at.hostname or "",
        "PGPORT": str(at.port),
        "PGUSER": unquote(at.username or ""),
        "PGPASSWORD": unquote(at.password or ""),
        "PGDATABASE": at.path.removeprefix("/"),
        "PGOPTIONS": ONE_PLAN,
    }
    command = [str(programs() / "pgbench"), *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    rate, failed = TPS.search(done.stdout), FAILED.search(done.stdout)
    if done.returncode != 0 or rate is None or (failed and failed[1] != "0"):
        raise LimitFailed(f"{done.stderr}\n{done.stdout}".strip()[:2000])
    return float(rate[1])
