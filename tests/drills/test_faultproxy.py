"""The fault proxy does what each fault says: a drill behind one that does nothing would prove nothing."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.drills.faultproxy import FAULTS, NONE, Fault, FaultProxy

ANSWER = b"0123456789" * 500


@pytest.fixture
def proxy() -> Iterator[FaultProxy]:
    """Before a server that sends ANSWER to whoever says anything, and closes."""

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    client.recv(100)
                    client.sendall(ANSWER)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        with FaultProxy(listener.getsockname()) as proxy:
            yield proxy
        listener.shutdown(socket.SHUT_RDWR)


def ask(proxy: FaultProxy, timeout_seconds: float = 5.0) -> tuple[bytes, float, int, bool]:
    """What came, in how many seconds, in how many parts; whether the end was a reset."""
    started, got, parts = time.monotonic(), b"", 0
    with socket.create_connection(("127.0.0.1", proxy.port), timeout_seconds) as client:
        try:
            client.sendall(b"?")
            while part := client.recv(65536):
                got, parts = got + part, parts + 1
        except ConnectionResetError:
            return got, time.monotonic() - started, parts, True
    return got, time.monotonic() - started, parts, False


def fault(name: str) -> Fault:
    return next(one for one in FAULTS if one.name == name)


def test_without_a_fault_everything_passes(proxy: FaultProxy) -> None:
    assert ask(proxy)[0] == ANSWER


def test_each_fault_does_what_it_says(proxy: FaultProxy) -> None:
    proxy.set(fault("latency"))
    got, seconds, _, _ = ask(proxy)
    assert (got, seconds >= 0.2) == (ANSWER, True)
    proxy.set(fault("down"))
    assert ask(proxy)[0] == b""
    proxy.set(Fault("bandwidth", bytes_per_second=20_000))
    got, seconds, _, _ = ask(proxy)
    assert (got, seconds >= 0.2) == (ANSWER, True)
    proxy.set(fault("reset"))
    assert ask(proxy)[::3] == (b"", True)
    proxy.set(fault("limit"))
    got, _, _, reset = ask(proxy)
    assert (len(got), reset) == (600, False)
    proxy.set(Fault("slow close", slow_close_seconds=0.3))
    got, seconds, _, _ = ask(proxy)
    assert (got, seconds >= 0.3) == (ANSWER, True)
    proxy.set(Fault("slicer", slice_bytes=1000))
    assert ask(proxy)[0] == ANSWER
    proxy.set(fault("black hole"))
    with pytest.raises(TimeoutError):
        ask(proxy, 0.3)
    proxy.set(NONE)
    assert ask(proxy)[0] == ANSWER
