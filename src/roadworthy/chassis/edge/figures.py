"""What the caches tell Prometheus."""

from __future__ import annotations

from roadworthy.chassis.cache.cache import Cache
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.edge.cached import ResponseCache
from roadworthy.chassis.telemetry.metrics import Metrics


def observe_responses(metrics: Metrics, cache: ResponseCache, kept: Cache) -> None:
    """Hits and misses of the kept answers, in the process and in the shared tier below it."""
    tiers: dict[str, ResponseCache | SecondLevel] = {"process": cache}
    if kept.shared is not None:
        tiers["shared"] = kept.shared
    metrics.read_counter(
        "response_cache_hits_total",
        "Answers found in the response cache; the shared tier's count functions' results as well.",
        ("tier",),
        lambda: {(name,): tier.hits for name, tier in tiers.items()},
    )
    metrics.read_counter(
        "response_cache_misses_total",
        "Answers looked for in the response cache and not found.",
        ("tier",),
        lambda: {(name,): tier.misses for name, tier in tiers.items()},
    )
    metrics.read_counter(
        "response_cache_stale_total", "Old answers given while they were made anew.", (), lambda: {(): cache.stale}
    )
    metrics.read_counter(
        "response_cache_evictions_total", "Answers that had to make room.", (), lambda: {(): cache.evictions}
    )
    metrics.gauge("response_cache_bytes", "What is kept.", (), lambda: {(): cache.size_bytes})


def observe_cache(metrics: Metrics, kept: Cache) -> None:
    """Hits and misses of each cached function, and what they all take."""
    functions = kept.functions
    metrics.read_counter(
        "function_cache_hits_total",
        "Results found in the process, old ones given while they were made anew included.",
        ("function",),
        lambda: {(name,): function.hits + function.stale for name, function in functions.items()},
    )
    metrics.read_counter(
        "function_cache_misses_total",
        "Results not found in the process.",
        ("function",),
        lambda: {(name,): function.misses for name, function in functions.items()},
    )
    metrics.gauge("function_cache_bytes", "What is kept.", (), lambda: {(): kept.results.size_bytes})
    metrics.gauge(
        "cache_changes_heard",
        "1 where every process hears of changes by the others, 0 where one does not.",
        (),
        lambda: {} if kept.hears is None else {(): kept.hears},
        across="livemin",
    )
    metrics.read_counter("cache_tags_dropped_total", "Tags dropped.", (), lambda: {(): kept.tags.dropped})
