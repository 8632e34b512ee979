"""Stops taking connections before a server stops: what has knocked by then is let in, and nobody knocks afterwards.

A listening socket that closes resets the connections in its queue, with the requests that clients have sent on them.
A filter on the socket drops the first packet of new connections only, so that the queue runs empty before the end; the
client's kernel knocks again later, or its proxy goes to the next instance, and no request has been sent by then.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import socket
import struct
from itertools import islice
from pathlib import Path

SO_ATTACH_FILTER = 26
LOAD_BYTE, AND, JUMP_IF_EQUAL, RETURN = 0x30, 0x54, 0x15, 0x06  # classic BPF
FLAGS_OFFSET = 13  # in the TCP header
SYN, ACK = 0x02, 0x10
WHOLE_PACKET = 0xFFFF_FFFF
DESCRIPTORS_MAX = 65_536

logger = logging.getLogger(__name__)


def _program() -> bytes:
    """Drops packets that have SYN without ACK, passes the rest."""
    steps = (
        (LOAD_BYTE, 0, 0, FLAGS_OFFSET),
        (AND, 0, 0, SYN | ACK),
        (JUMP_IF_EQUAL, 0, 1, SYN),
        (RETURN, 0, 0, 0),
        (RETURN, 0, 0, WHOLE_PACKET),
    )
    return b"".join(struct.pack("HBBI", *step) for step in steps)


def shut_doors() -> int:
    """Take no new TCP connection on any listening socket of this process; returns how many sockets that were."""
    shut = 0
    for descriptor in _sockets():
        with socket.socket(fileno=os.dup(descriptor)) as door:
            if not _listens(door):
                continue
            try:
                _shut(door)
            except OSError as error:  # a kernel that won't: a stop then loses what is in the queue, as anywhere else
                logger.warning("new connections can't be kept from knocking: %s", error)
            else:
                shut += 1
    return shut


def _sockets() -> list[int]:
    found = []
    for path in islice(Path("/proc/self/fd").iterdir(), DESCRIPTORS_MAX):
        with contextlib.suppress(OSError):  # the descriptor of the listing itself
            if str(path.readlink()).startswith("socket:"):
                found.append(int(path.name))
    return found


def _listens(door: socket.socket) -> bool:
    try:
        return door.family in (socket.AF_INET, socket.AF_INET6) and bool(
            door.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
        )
    except OSError:
        return False


def _shut(door: socket.socket) -> None:
    program = ctypes.create_string_buffer(_program())
    length = len(_program()) // struct.calcsize("HBBI")
    door.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", length, ctypes.addressof(program)))
