from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path

import pytest

from roadworthy.chassis.telemetry import access as module
from roadworthy.chassis.telemetry.access import AccessLog, AccessRecord, Clock
from roadworthy.chassis.telemetry.output import LogOutput

pytestmark = pytest.mark.anyio

MOMENT = "2026-01-02T03:04:05.678Z"


def record(path: str = "/api/jobs") -> AccessRecord:
    return AccessRecord(MOMENT, "info", "request", "GET", path, "/api/jobs", 200, 1.234, 10, "192.0.2.1", "abc")


class Blocked:
    """A disk that takes its time."""

    def __init__(self) -> None:
        self.release = threading.Event()
        self.written: list[bytes] = []

    def write(self, lines: bytes) -> None:
        self.release.wait(10)
        self.written.append(lines)


async def test_records_become_json_lines(tmp_path: Path) -> None:
    log = AccessLog(LogOutput(tmp_path / "access.log"))
    log.records += [record(), record('/a"b\n\u2028')]
    log.flush()
    await log.close()
    first, second = (json.loads(line) for line in (tmp_path / "access.log").read_bytes().splitlines())
    assert first == {
        "timestamp": "2026-01-02T03:04:05.678Z",
        "level": "info",
        "event": "request",
        "method": "GET",
        "path": "/api/jobs",
        "route": "/api/jobs",
        "status": 200,
        "duration_ms": 1.234,
        "bytes": 10,
        "client": "192.0.2.1",
        "request_id": "abc",
    }
    assert second["path"] == '/a"b\n\u2028'


async def test_a_slow_disk_holds_up_nobody_and_what_it_can_not_take_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENDING_BYTES_MAX", 1000)
    disk = Blocked()
    log = AccessLog(disk)  # type: ignore[arg-type]  # what it needs of an output is `write`
    log.records.append(record())
    log.flush()
    for _ in range(10):
        log.records.append(record())
        log.flush()
    assert log.dropped == 6
    disk.release.set()
    await log.close()
    assert sum(lines.count(b"\n") for lines in disk.written) == 5


async def test_a_full_disk_is_counted_too() -> None:
    class Full:
        def write(self, _lines: bytes) -> None:
            raise OSError(28, os.strerror(28))

    log = AccessLog(Full())  # type: ignore[arg-type]  # what it needs of an output is `write`
    log.records += [record(), record()]
    log.flush()
    await log.close()
    assert log.dropped == 2


async def test_people_get_a_line_they_can_read(tmp_path: Path) -> None:
    log = AccessLog(LogOutput(tmp_path / "access.log"), for_people=True)
    log.records.append(record())
    await log.close()
    assert (tmp_path / "access.log").read_text() == "03:04:05 200 GET  /api/jobs  1.2 ms  10 B  192.0.2.1  abc\n"


def test_the_clock_tells_the_time_to_the_millisecond_and_follows_the_systems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_767_323_045.6789)
    monkeypatch.setattr(time, "monotonic", lambda: 100.0)
    clock = Clock()
    assert clock.text(100.0) == "2026-01-02T03:04:05.678Z"
    assert clock.text(100.0001) is clock.text(100.0002)
    assert clock.text(101.0015) == "2026-01-02T03:04:06.680Z"
    monkeypatch.setattr(time, "time", lambda: 1_767_323_045.6789 + 3600)
    clock.adjust()
    assert clock.text(102.0) == "2026-01-02T04:04:07.678Z"
