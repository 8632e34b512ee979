"""The web server: Granian, with a process a core, each of which ends when the one that started it does."""

from __future__ import annotations

import contextlib
import gc
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels

from roadworthy.chassis.edge.lifespan import DOORS_SIGNAL, DRAIN_SIGNAL
from roadworthy.chassis.processes.lifetime import die_with_parent, raise_open_files_limit
from roadworthy.chassis.processes.stopping import Stops, forget_stops, when_stopped
from roadworthy.chassis.telemetry.logs import GRANIAN_LOGGING

# Granian counts connections, not requests: with its default of 1024/workers, 1,100 idle clients blocked the rest.
CONNECTIONS_A_PROCESS = 16_384
BACKLOG = 4096
# Its default is 417 kB: headers of 200 kB were taken as if nothing were.
HEADERS_BYTES_MAX = 64 * 1024
INTERRUPT_AGAIN_SECONDS = 0.5
# Long enough for the connections that wait to be let in, and for their requests to be read.
DOORS_SECONDS = 0.2


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
        http1_settings=HTTP1Settings(max_buffer_size=HEADERS_BYTES_MAX),
        backlog=BACKLOG,
        backpressure=CONNECTIONS_A_PROCESS,
        respawn_failed_workers=True,
        workers_kill_timeout=max(1, math.ceil(drain_seconds)),
        log_level=LogLevels.warning,
        log_dictconfig=GRANIAN_LOGGING,
    )
    # A process that has not begun to listen to it yet must not die of it.
    signal.signal(DRAIN_SIGNAL, signal.SIG_IGN)
    signal.signal(DOORS_SIGNAL, signal.SIG_IGN)
    server.on_startup(lambda: when_stopped(partial(_stop, server.signal_handler_interrupt, unready_seconds)))
    gc.collect()
    gc.freeze()  # what is imported by now stays shared between the processes: the collector never touches its pages
    server.serve(target_loader=partial(_in_process, make_app, os.getpid()), wrap_loader=False)


def _stop(interrupt: Callable[[], None], unready_seconds: float, stops: Stops) -> None:
    """Wait for a stop, and let the balancer see that it comes: once Granian stops, it accepts no connection."""
    stops.wait()
    _tell_processes(DRAIN_SIGNAL)
    stops.wait(unready_seconds)  # a second signal cuts it short
    _tell_processes(DOORS_SIGNAL)
    time.sleep(DOORS_SECONDS)
    while True:
        interrupt()
        time.sleep(INTERRUPT_AGAIN_SECONDS)  # Granian forgets one that comes while it replaces a process


def _tell_processes(what: signal.Signals) -> None:
    for process in multiprocessing.active_children():
        if process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, what)


def _in_process(make_app: Callable[[], Any], parent: int) -> Any:
    # A killed main process would leave Granian's processes serving.
    forget_stops()
    die_with_parent(signal.SIGKILL, parent)
    return make_app()
