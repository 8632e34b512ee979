"""Signals that ask a program to stop, heard whatever its main thread is doing."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable

STOPS = frozenset({signal.SIGTERM, signal.SIGINT})


class Stops:
    """Asks to stop, one after the other, as a thread of their own hears of them.

    Python runs a signal's handler in the main thread, at its next step: a signal that comes while that thread is about
    to wait for something is not heard before the wait ends. With two signals at once, a tenth of all stops got lost.
    """

    def __init__(self) -> None:
        """Begin to listen. Call it in the main thread; what handled these signals before is no longer called."""
        self._reading, writing = os.pipe()
        os.set_blocking(writing, False)
        for number in STOPS:
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def wait(self, timeout_seconds: float | None = None) -> bool:
        """Whether somebody asked to stop, by a signal of their own, within `timeout_seconds`; None waits for ever."""
        while select.select([self._reading], [], [], timeout_seconds)[0]:
            if STOPS.intersection(os.read(self._reading, 1)):
                return True
        return False


def when_stopped(react: Callable[[Stops], None]) -> None:
    """Call `react` in a thread of its own; it waits for the stops. Call this in the main thread."""
    threading.Thread(target=react, args=(Stops(),), name="stops", daemon=True).start()


def forget_stops() -> None:
    """In a process forked from one that listens: leave its signals to whoever handles them here."""
    signal.set_wakeup_fd(-1)
