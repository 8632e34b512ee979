"""Metrics that cost a request one list append, and are written for Prometheus once a second."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from roadworthy.chassis.telemetry.store import MetricStore, key_of

BUCKETS_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SERIES_MAX = 1000
OTHER = "(other)"
SWEEP_SECONDS = 15.0
RENDER_FRESH_SECONDS = 0.5

Labels: TypeAlias = tuple[str, ...]
Read: TypeAlias = Callable[[], Mapping[Labels, float]]


class Histogram:
    """How long something took, for one set of labels."""

    __slots__ = ("changed", "counts", "total_seconds")

    def __init__(self) -> None:
        """Start with nothing observed; the last count is of what exceeds every bucket."""
        self.counts = [0] * (len(BUCKETS_SECONDS) + 1)
        self.total_seconds = 0.0
        self.changed = False

    def fold(self, seconds: list[float]) -> None:
        """Add observations, many at once: sorted by C, they cost a fifth of one bisection each."""
        seconds.sort()
        counts, below = self.counts, 0
        for number, bound in enumerate(BUCKETS_SECONDS):
            upto = bisect_right(seconds, bound, below)
            counts[number] += upto - below
            below = upto
        counts[-1] += len(seconds) - below
        self.total_seconds += sum(seconds)
        self.changed = True


class RequestSeries:
    """Requests of one method, route and status; `pending` takes the duration of each, in seconds."""

    __slots__ = ("count", "histogram", "labels", "pending")

    def __init__(self, labels: Labels, histogram: Histogram) -> None:
        """Count under `labels`, observe in `histogram`, which other statuses of the route share."""
        self.labels = labels
        self.histogram = histogram
        self.count = 0
        self.pending: list[float] = []

    def fold(self) -> None:
        """Move what is pending into the count and the histogram."""
        pending = self.pending
        if pending:
            self.count += len(pending)
            self.histogram.fold(pending)
            pending.clear()


class Counter:
    """A number that only grows, by labels."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        """Start with no label set."""
        self.values: dict[Labels, float] = {}

    def add(self, amount: float = 1.0, *labels: str) -> None:
        """Count `amount` under `labels`, given in the order declared; label sets beyond the bound go to (other)."""
        values = self.values
        if labels not in values and len(values) >= SERIES_MAX:
            labels = (OTHER,) * len(labels)
        values[labels] = values.get(labels, 0.0) + amount


class _Metric:
    """A declared metric, and the keys under which its values were written last."""

    __slots__ = ("description", "keys", "kind", "labels", "name", "read", "written")

    def __init__(self, kind: str, name: str, description: str, labels: Labels, read: Read) -> None:
        self.kind = kind
        self.name = name
        self.description = description
        self.labels = labels
        self.read = read
        self.keys: dict[Labels, str] = {}
        self.written: dict[Labels, float] = {}

    def write(self, store: MetricStore) -> None:
        for values, number in self.read().items():
            if self.written.get(values) != number:
                store.write(self.kind, self.key(values), number)
                self.written[values] = number

    def key(self, values: Labels) -> str:
        key = self.keys.get(values)
        if key is None:
            family = self.name.removesuffix("_total") if self.kind == "counter" else self.name
            pairs = dict(zip(self.labels, values, strict=True))
            key = self.keys[values] = key_of(family, self.name, pairs, self.description)
        return key


class Metrics:
    """Every metric of this process. `flush` writes them; `render` answers for all processes."""

    def __init__(self, folder: Path) -> None:
        """Share `folder` with the service's other processes."""
        self._store = MetricStore(folder)
        self._metrics: list[_Metric] = []
        self._requests: dict[Labels, RequestSeries] = {}
        self._histograms: dict[Labels, Histogram] = {}
        self._histogram_keys: dict[Labels, list[str]] = {}
        self._swept_at = -SWEEP_SECONDS
        self._rendered: tuple[float, bytes] = (-RENDER_FRESH_SECONDS, b"")
        self._rendering: asyncio.Task[bytes] | None = None
        self.read_counter("http_requests_total", "HTTP requests answered.", ("method", "route", "status"), self._counts)

    def counter(self, name: str, description: str, labels: Labels = ()) -> Counter:
        """Declare a counter; `name` ends in _total."""
        counter = Counter()
        self.read_counter(name, description, labels, lambda: counter.values)
        return counter

    def read_counter(self, name: str, description: str, labels: Labels, read: Read) -> None:
        """Declare a counter that is kept elsewhere; `read` is called at each flush."""
        assert name.endswith("_total"), name
        self._metrics.append(_Metric("counter", name, description, labels, read))

    def gauge(
        self,
        name: str,
        description: str,
        labels: Labels,
        read: Read,
        *,
        across: Literal["livesum", "livemax", "livemin"] = "livesum",
    ) -> None:
        """Declare a value that goes up and down; `across` says how living processes' values become one."""
        self._metrics.append(_Metric(f"gauge_{across}", name, description, labels, read))

    def requests(self, method: str, route: str, status: str) -> RequestSeries:
        """The series that counts these requests. Label sets beyond the bound share one."""
        labels = (method, route, status)
        series = self._requests.get(labels)
        if series is None:
            if len(self._requests) >= SERIES_MAX:
                labels = (OTHER, OTHER, status)
            histogram = self._histograms.setdefault(labels[:2], Histogram())
            series = self._requests.setdefault(labels, RequestSeries(labels, histogram))
        return series

    def fold(self) -> None:
        """Take in pending durations, so that no list of them grows long."""
        for series in self._requests.values():
            series.fold()

    def flush(self) -> None:
        """Write what changed since the last flush."""
        self.fold()
        for metric in self._metrics:
            metric.write(self._store)
        for labels, histogram in self._histograms.items():
            self._write_histogram(labels, histogram)

    async def render(self) -> bytes:
        """All processes' metrics in the Prometheus text format; simultaneous scrapes share one reading."""
        if time.monotonic() - self._rendered[0] < RENDER_FRESH_SECONDS:
            return self._rendered[1]
        if self._rendering is None or self._rendering.done():
            self._rendering = asyncio.create_task(self._render(), name="metrics")
        return await asyncio.shield(self._rendering)

    def close(self) -> None:
        """Write once more and leave the folder."""
        self.flush()
        self._store.close()

    async def _render(self) -> bytes:
        self.flush()
        if time.monotonic() - self._swept_at >= SWEEP_SECONDS:
            await asyncio.to_thread(self._store.sweep)
            self._swept_at = time.monotonic()
        text = await asyncio.to_thread(self._store.render)
        self._rendered = (time.monotonic(), text)
        return text

    def _counts(self) -> Mapping[Labels, float]:
        return {labels: series.count for labels, series in self._requests.items()}

    def _write_histogram(self, labels: Labels, histogram: Histogram) -> None:
        if not histogram.changed:
            return
        histogram.changed = False
        keys = self._histogram_keys.get(labels)
        if keys is None:
            keys = self._histogram_keys[labels] = _histogram_keys(dict(zip(("method", "route"), labels, strict=True)))
        for key, value in zip(keys, (*histogram.counts, histogram.total_seconds), strict=True):
            self._store.write("histogram", key, value)


def _histogram_keys(labels: Mapping[str, str]) -> list[str]:
    name, description = "http_request_duration_seconds", "Time from the request's head to its answer's end."
    bounds = [*(str(bound) for bound in BUCKETS_SECONDS), "+Inf"]
    buckets = [key_of(name, f"{name}_bucket", {**labels, "le": bound}, description) for bound in bounds]
    return [*buckets, key_of(name, f"{name}_sum", labels, description)]
