"""The web server: Granian, with a process a core, each of which ends when the one that started it does."""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.log import LogLevels

from roadworthy.chassis.edge.lifespan import DRAIN_SIGNAL
from roadworthy.chassis.processes.lifetime import die_with_parent, raise_open_files_limit
from roadworthy.chassis.telemetry.logs import GRANIAN_LOGGING

# Granian counts connections, not requests: with its default of 1024/workers, 1,100 idle clients blocked the rest.
CONNECTIONS_A_PROCESS = 16_384
BACKLOG = 4096


def serve(
    make_app: Callable[[], Any],
    *,
    host: str,
    port: int,
    processes: int,
    drain_seconds: float,
    unready_seconds: float = 0.0,
) -> None:
    """Serve the ASGI application that `make_app` makes in each of `processes`, until SIGTERM or SIGINT.

    A stop turns readiness red, goes on answering for `unready_seconds` (a second signal cuts that short), stops
    listening, and lets requests under way finish for `drain_seconds`. A process that dies is replaced; when one dies
    again within seconds, all end and SystemExit(1) is raised. Call it in the main thread, with nothing forked before.
    """
    raise_open_files_limit()
    server = Granian(
        "",
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=processes,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=BACKLOG,
        backpressure=CONNECTIONS_A_PROCESS,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, math.ceil(drain_seconds)),
        log_level=LogLevels.warning,
        log_dictconfig=GRANIAN_LOGGING,
    )
    if unready_seconds:
        server.on_startup(lambda: _be_unready_first(unready_seconds))
    gc.collect()
    gc.freeze()  # what is imported by now stays shared between the processes: the collector never touches its pages
    server.serve(target_loader=partial(_in_process, make_app, os.getpid()), wrap_loader=False)


def _be_unready_first(seconds: float) -> None:
    """Put the wait before the server's own handling of a stop: once it stops, it no longer accepts a connection."""
    own = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        if stopping.is_set():  # the wait is over, or somebody does not want to wait
            handler = own[signal.Signals(number)]
            assert callable(handler)
            handler(number, frame)
            return
        stopping.set()
        for process in multiprocessing.active_children():
            if process.pid is not None:
                os.kill(process.pid, DRAIN_SIGNAL)
        later = threading.Timer(seconds, os.kill, (os.getpid(), number))
        later.daemon = True  # a second signal ends the process before
        later.start()

    for number in own:
        signal.signal(number, stop)


def _in_process(make_app: Callable[[], Any], parent: int) -> Any:
    # A killed main process would leave Granian's processes serving.
    die_with_parent(signal.SIGKILL, parent)
    return make_app()
