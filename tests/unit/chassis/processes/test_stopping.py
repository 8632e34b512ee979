from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import os, signal, threading
from roadworthy.chassis.processes.stopping import Stops

signal.signal(signal.SIGHUP, lambda *_: None)
stops = Stops()
assert not stops.wait(0.01)
os.kill(os.getpid(), signal.SIGHUP)
assert not stops.wait(0.01), "a signal that asks for something else"
for number in (signal.SIGTERM, signal.SIGINT):
    os.kill(os.getpid(), number)
print([stops.wait(5), stops.wait(5), stops.wait(0.01)])
"""


def test_stops_are_heard_each_for_itself_and_nothing_else_is() -> None:
    heard = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=False)
    assert (heard.stdout.strip(), heard.stderr) == ("[True, True, False]", "")
