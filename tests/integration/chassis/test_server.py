"""The web server as clients and operators meet it: stops, kills, crowds of idle connections."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.processes import free_port, started, wait_until

from roadworthy.chassis.processes.doors import shut_doors

APP = """
import asyncio, os, sys
from roadworthy.chassis.server import serve

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/slow":
        open(sys.argv[2], "w").close()
        await asyncio.sleep(1)
    if scope["path"] == "/die":
        os._exit(9)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

serve(lambda: app, host="127.0.0.1", port=int(sys.argv[1]), processes=2, drain_seconds=60)
"""
IDLE_CLIENTS = 1_100


class Server:
    def __init__(self, process: subprocess.Popen[bytes], port: int, marker: Path) -> None:
        self.process, self.port, self.marker = process, port, marker

    def get(self, path: str = "/") -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        with contextlib.closing(connection):
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    def answers(self) -> bool:
        try:
            return bool(self.get())
        except OSError:
            return False

    def all_answer(self) -> bool:
        """Whether each process has; one that is still starting does not hear a signal."""
        return self.answers() and {self.get() for _ in range(20)} == {str(worker.pid) for worker in self.processes()}

    def processes(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    port, marker = free_port(), tmp_path / "slow-has-begun"
    command = [sys.executable, "-c", APP, str(port), str(marker)]
    with started(command, os.environ, tmp_path / "log", tmp_path) as process:
        server = Server(process, port, marker)
        wait_until(server.all_answer, (tmp_path / "log").read_text)
        yield server


def test_a_stop_lets_the_request_under_way_finish(server: Server) -> None:
    answers: list[str] = []
    client = threading.Thread(target=lambda: answers.append(server.get("/slow")))
    client.start()
    wait_until(server.marker.exists, "the request did not arrive")

    server.process.send_signal(signal.SIGTERM)

    assert server.process.wait(30) == 0
    client.join()
    assert answers


@pytest.mark.parametrize("_attempt", range(3))
def test_stops_that_come_at_once_and_while_it_starts_are_heard(tmp_path: Path, _attempt: int) -> None:
    port = free_port()
    command = [sys.executable, "-c", APP, str(port), str(tmp_path / "marker")]
    with started(command, os.environ, tmp_path / "log", tmp_path) as process:
        wait_until(Server(process, port, tmp_path / "marker").answers, (tmp_path / "log").read_text)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0


def test_an_idle_connection_does_not_hold_up_a_stop(server: Server) -> None:
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)) as idle:
        idle.request("GET", "/")
        idle.getresponse().read()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(45) == 0  # less than drain_seconds: nobody had to be killed


def test_a_killed_main_process_takes_its_processes_along(server: Server) -> None:
    workers = server.processes()
    server.process.kill()
    _, alive = psutil.wait_procs(workers, timeout=10)
    assert alive == []


def test_a_process_that_dies_is_replaced(server: Server) -> None:
    before = {worker.pid for worker in server.processes()}
    with pytest.raises((OSError, http.client.HTTPException)):
        server.get("/die")
    wait_until(lambda: len({worker.pid for worker in server.processes()} - before) == 1, "nobody took its place")
    wait_until(server.answers, "the server does not answer")


def test_a_crowd_of_idle_clients_blocks_nobody(server: Server) -> None:
    with contextlib.ExitStack() as crowd:
        for _ in range(IDLE_CLIENTS):
            crowd.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        assert server.get()


def test_who_has_knocked_is_let_in_and_nobody_knocks_at_a_shut_door() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door, socket.create_server(("127.0.0.1", 0)) as opened_later:
        opened_later.close()
        early = socket.create_connection(door.getsockname(), 5)
        early.sendall(b"early")
        assert shut_doors() == 1
        with early, pytest.raises(TimeoutError):
            socket.create_connection(door.getsockname(), 0.3)
        inside, _ = door.accept()
        with inside:
            assert inside.recv(5) == b"early"
    with socket.create_server(("127.0.0.1", 0)) as another, socket.create_connection(another.getsockname(), 5):
        pass
