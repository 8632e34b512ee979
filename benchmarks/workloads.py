"""What is measured, and the bars it must clear."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from benchmarks.stage import Stage

HOT_SET = 64  # lists that job_list_cached asks for again and again
HOT_SET_SEED = 2026


class Limit(StrEnum):
    """What a workload is held against besides the reference."""

    PGBENCH_BY_ID = "pgbench -M prepared -c 32 -j 2: the job by id"
    PGBENCH_LIST = "pgbench -M prepared -c 32 -j 2: the list"
    PGBENCH_SEARCH = "pgbench -M prepared -c 32 -j 2: the search as one plain statement"
    BARE_ASGI = "a bare ASGI app that returns the same bytes on the same server"


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the results; bars are None where none is asked for."""

    name: str
    connections: int
    paths: Callable[[Stage], Iterable[str]]
    limit: Limit
    ratio_bar: float | None = None
    share_bar: float | None = None
    share_aim: float | None = None
    cached: bool = False

    @property
    def title(self) -> str:
        """As the table calls it."""
        return f"{self.name} @ {self.connections}"

    def write_paths(self, stage: Stage, folder: Path) -> Path:
        """A file with a path on each line, for the load generator."""
        file = folder / f"{self.name}.paths"
        file.write_text("".join(f"{path}\n" for path in self.paths(stage)), encoding="ascii")
        return file


def every_job(stage: Stage) -> Iterable[str]:
    """Each job by its id."""
    return (f"/api/jobs/{number}" for number in range(1, stage.jobs + 1))


def every_list(stage: Stage) -> Iterable[str]:
    """Each combination of a state, a word and a level that fills its page."""
    return (each.path for each in stage.filters)


def every_search(stage: Stage) -> Iterable[str]:
    """Words and pairs of words, ranked, in a state or anywhere."""
    return (each.path for each in stage.searches)


def hot_lists(stage: Stage) -> Iterable[str]:
    """A few of them, asked for so often that every side has them ready."""
    return (each.path for each in random.Random(HOT_SET_SEED).sample(stage.filters, HOT_SET))


WORKLOADS = (
    Workload("job_by_id", 128, every_job, Limit.PGBENCH_BY_ID, ratio_bar=10, share_bar=0.22, share_aim=0.31),
    Workload("job_by_id", 1000, every_job, Limit.PGBENCH_BY_ID, ratio_bar=10, share_bar=0.22, share_aim=0.31),
    Workload("job_list", 128, every_list, Limit.PGBENCH_LIST, ratio_bar=6, share_bar=0.18, share_aim=0.36),
    Workload("job_list", 1000, every_list, Limit.PGBENCH_LIST, ratio_bar=6, share_bar=0.18, share_aim=0.36),
    Workload("job_search", 128, every_search, Limit.PGBENCH_SEARCH, ratio_bar=5),
    Workload("job_list_cached", 128, hot_lists, Limit.BARE_ASGI, share_bar=0.8, cached=True),
)
# Lists on 1,000 connections take the reference longer than a short round lasts: it would get no answer in.
QUICK_WORKLOADS = tuple(each for each in WORKLOADS if (each.name, each.connections) != ("job_list", 1000))
MEMORY_BAR_MB = 150.0
