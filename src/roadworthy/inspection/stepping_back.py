"""Lets the service go first where it runs on the same machine.

Kernels with autogroups share the processor out by session: there a nice value counts among the processes of one
session only, and the service usually runs in another. A process woken beside a busy one of another session waited
1.1 ms at its 90th percentile, beside one in a session of nice 15 0.06 ms (2 cores, Linux 6.18).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import threading
from pathlib import Path

NICENESS = 10
SESSION_NICENESS, POLITE_SECONDS = 15, 6.0
"""Where the processor is wanted by others all the time, that is a thirtieth of it: after so long everybody gets a share
alike, for an inspection that never ends serves nobody."""
AUTOGROUPS = Path("/proc/sys/kernel/sched_autogroup_enabled")
OWN_AUTOGROUP = Path("/proc/self/autogroup")
AWAITED = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD})
PR_SET_PDEATHSIG = 1


def step_back() -> None:
    """Go on with less claim to the processor; where sessions compete, in a child with a session of its own.

    The parent waits for that child, hands signals on to it and exits as it did: it does not return.
    """
    if _by_session():
        _go_on_in_a_session()
    with contextlib.suppress(OSError):  # a container may forbid it: then the inspection runs like anything else
        os.setpriority(os.PRIO_PROCESS, 0, max(NICENESS, os.getpriority(os.PRIO_PROCESS, 0)))
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _by_session() -> bool:
    try:
        return AUTOGROUPS.read_text(encoding="ascii").strip() == "1"
    except (OSError, ValueError):
        return False


def _go_on_in_a_session() -> None:
    """A session of its own, so that nothing else of the terminal's is slowed down too."""
    parent = os.getpid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it was ignored nobody could wait for the child
    usual = signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    child = os.fork()
    if child:
        os._exit(_waited(child))  # nothing is left to do, and nothing was begun that has to be ended
    signal.pthread_sigmask(signal.SIG_SETMASK, usual)
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(128 + signal.SIGTERM)
    _claim(SESSION_NICENESS)
    later = threading.Timer(POLITE_SECONDS, _claim, [0])
    later.daemon = True
    later.start()


def _claim(niceness: int) -> None:
    """How much of the processor this session wants, beside others."""
    with contextlib.suppress(OSError):
        OWN_AUTOGROUP.write_text(str(niceness), encoding="ascii")


def _waited(child: int) -> int:
    """The exit code of `child`; signals on the way are its.

    They are blocked and waited for: a handler of Python's would not run for one that comes as a wait begins.
    """
    while True:
        number = signal.sigwait(AWAITED)
        if number != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                os.kill(child, number)
            continue
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
