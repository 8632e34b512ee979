"""Ports that nobody has."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket


def free_ports(count: int) -> int:
    """The first of `count` ports in a row; below those that the kernel hands out by itself."""
    start = 15_000 + os.getpid() % 1000 * 8
    for first in itertools.chain(range(start, 32_000, count), range(15_000, start, count)):
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first
    raise AssertionError(f"no {count} free ports in a row")
