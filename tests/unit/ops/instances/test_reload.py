from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.settings import settings_from

from roadworthy.chassis.errors import StartupError
from roadworthy.ops.instances import record
from roadworthy.ops.instances.record import Instance
from roadworthy.ops.instances.reload import Units, roll


class Answering:
    """A port that says whether it is ready."""

    def __init__(self, stack: ExitStack) -> None:
        self.status = 200
        answering = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(answering.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)


@dataclass
class Keeping:
    there: Sequence[Instance]
    restarted: list[int] = field(default_factory=list)
    after: Callable[[Instance], None] = lambda _: None

    def instances(self) -> Sequence[Instance]:
        return self.there

    def restart(self, instance: Instance) -> None:
        self.restarted.append(instance.number)
        self.after(instance)


@pytest.fixture
def two() -> Iterator[tuple[Answering, Answering]]:
    with ExitStack() as stack:
        yield Answering(stack), Answering(stack)


def keeping(*ports: Answering) -> Keeping:
    return Keeping([Instance(number, one.port) for number, one in enumerate(ports, start=1)])


def test_each_is_replaced_in_turn(two: tuple[Answering, Answering]) -> None:
    there, said = keeping(*two), list[str]()
    roll(there, there.there, said.append, settle_seconds=0)
    assert there.restarted == [1, 2]
    assert [line.partition(":")[0] for line in said] == [
        f"instance {number} on port {one.port}" for number, one in enumerate(two, start=1)
    ]


def test_nobody_is_replaced_while_the_others_are_not_ready(two: tuple[Answering, Answering]) -> None:
    there = keeping(*two)
    two[1].status = 503
    with pytest.raises(StartupError, match="instance 2 is not ready"):
        roll(there, there.there, print, settle_seconds=0)
    assert there.restarted == []


def test_a_release_that_does_not_get_ready_stops_the_roll(
    two: tuple[Answering, Answering], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("roadworthy.ops.instances.reload.START_GRACE_SECONDS", 0.2)
    there = keeping(*two)

    def break_it(instance: Instance) -> None:
        two[instance.number - 1].status = 503

    there.after = break_it
    with pytest.raises(StartupError, match="answered 503"):
        roll(there, there.there, print, settle_seconds=0)
    assert there.restarted == [1]


def test_the_only_instance_is_replaced_only_when_asked_openly(two: tuple[Answering, Answering]) -> None:
    there = keeping(two[0])
    with pytest.raises(StartupError, match="only one instance"):
        roll(there, there.there, print)
    roll(there, there.there, print, alone=True)
    assert there.restarted == [1]


def test_systemd_is_asked_for_each_unit_in_turn(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    two: tuple[Answering, Answering],
) -> None:
    systemctl, told = tmp_path / "systemctl", tmp_path / "told"
    systemctl.write_text(f'#!/bin/sh\necho "$*" >> {told}\n')
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    units = Units(settings_from(instances=2, port=two[0].port))
    roll(units, [Instance(1, two[0].port), Instance(2, two[1].port)], print, settle_seconds=0)
    assert [one.number for one in units.instances()] == [1, 2]
    assert told.read_text().splitlines() == [
        "restart roadworthy-web@1.service",
        "restart roadworthy-web@2.service",
        "is-active --quiet roadworthy-web@1.service",
        "is-active --quiet roadworthy-web@2.service",
    ]
    systemctl.write_text("#!/bin/sh\necho Failed to connect to bus >&2\nexit 3\n")
    assert units.instances() == []
    assert capfd.readouterr().err == "", "whether systemd keeps anything is only a question"
    with pytest.raises(StartupError, match=r"restart roadworthy-web@1\.service failed"):
        units.restart(Instance(1, two[0].port))


def test_what_nobody_keeps_any_more_is_not_read(tmp_path: Path) -> None:
    lock = record.lock_of(tmp_path)
    assert lock.acquire()
    record.write(tmp_path, [Instance(1, 8001, 42)])
    assert record.read(tmp_path) == (Instance(1, 8001, 42),)
    lock.release()
    assert record.read(tmp_path) == ()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8001/health/ready"),
        ("0.0.0.0", "http://127.0.0.1:8001/health/ready"),
        ("10.0.0.5", "http://10.0.0.5:8001/health/ready"),
        ("::", "http://[::1]:8001/health/ready"),
    ],
)
def test_an_instance_is_asked_where_it_listens(host: str, url: str) -> None:
    assert Instance(1, 8001, host=host).ready_url == url
