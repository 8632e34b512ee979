"""Views: how often people looked at a job."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice

BOTS = re.compile(rb"bot|crawl|spider|slurp|preview|externalhit|monitor|headless|lighthouse", re.IGNORECASE)
PREFETCH_HEADERS = frozenset((b"sec-purpose", b"purpose", b"x-purpose", b"x-moz"))
PREFETCH = re.compile(rb"prefetch|prerender|preview", re.IGNORECASE)
AGENTS_REMEMBERED = 1_024


def is_view(method: str, headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether a request is somebody looking: no HEAD, nothing fetched ahead of a click, no robot that says so."""
    if method != "GET":
        return False
    for name, value in headers:
        if name == b"user-agent":
            if _is_bot(value):
                return False
        elif name in PREFETCH_HEADERS and PREFETCH.search(value):
            return False
    return True


@lru_cache(AGENTS_REMEMBERED)
def _is_bot(agent: bytes) -> bool:
    return BOTS.search(agent) is not None


class Tally:
    """Views by job, of at most `limit` jobs; what does not fit is counted as dropped."""

    def __init__(self, limit: int) -> None:
        """Start empty."""
        self._limit = limit
        self._views: dict[int, int] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._views)

    def add(self, job_id: int, views: int = 1) -> None:
        """Count `views` of a job."""
        counted = self._views.get(job_id)
        if counted is not None:
            self._views[job_id] = counted + views
        elif len(self._views) < self._limit:
            self._views[job_id] = views
        else:
            self.dropped += views

    def add_all(self, views: Mapping[int, int]) -> None:
        """Count the `views` of several jobs."""
        for job_id, number in views.items():
            self.add(job_id, number)

    def take(self, chunk: int) -> Iterator[dict[int, int]]:
        """Empty the tally into mappings of at most `chunk` jobs."""
        views, self._views = self._views, {}
        numbers = iter(views.items())
        while part := dict(islice(numbers, chunk)):
            yield part
