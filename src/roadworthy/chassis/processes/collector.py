"""The garbage collector of a process that serves."""

from __future__ import annotations

import gc

ALLOCATIONS = 20_000


def settle_collector() -> None:
    """Leave what is there now out of every later collection, and collect less often.

    A request leaves no cycles behind, but those under way look like garbage to come: with Python's own threshold of
    700 the collector took 4% of all processor time at 35,000 requests a second, and found nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, 50, 100)
