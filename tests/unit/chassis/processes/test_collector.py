from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import gc
from roadworthy.chassis.processes.collector import ALLOCATIONS, settle_collector

settle_collector()
assert gc.isenabled()
assert gc.get_freeze_count() > 1000
assert gc.get_threshold()[0] == ALLOCATIONS

class Cycle:
    def __init__(self):
        self.itself = self

import weakref
gone = []
for _ in range(3 * ALLOCATIONS):
    weakref.finalize(Cycle(), gone.append, 1)
assert gone, "cycles are still collected"
"""


def test_cycles_are_still_collected_though_less_often() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)
