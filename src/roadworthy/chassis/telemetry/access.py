"""The access log: a record a request, encoded in batches, written beside the event loop."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime

import msgspec

from roadworthy.chassis.telemetry.output import LogOutput

BATCH = 256
PENDING_BYTES_MAX = 8 * 1024 * 1024


class AccessRecord(msgspec.Struct, gc=False):
    """One answered request. The query is left out: it is where tokens and names of people stand.

    `bytes` is the length of the answer's body, `duration_ms` the time from the request's head to the answer's end.
    """

    timestamp: str
    level: str
    event: str
    method: str
    path: str
    route: str
    status: int
    duration_ms: float
    bytes: int
    client: str
    request_id: str


class Clock:
    """The time as it stands in log lines, to the millisecond: `latest` is good `until` then (monotonic seconds).

    `datetime.now(UTC)` and its encoding were a sixth of what the edge costs a kept answer.
    """

    __slots__ = ("_ahead_seconds", "latest", "until")

    def __init__(self) -> None:
        """Note how far the calendar is ahead of the steady clock."""
        self.until = 0.0
        self.latest = ""
        self.adjust()

    def adjust(self) -> None:
        """Follow the system's clock, which somebody may have set; to be called now and then."""
        self._ahead_seconds = time.time() - time.monotonic()

    def text(self, now: float) -> str:
        """The time at `now` (monotonic seconds), e.g. 2026-01-02T03:04:05.678Z."""
        if now >= self.until:
            milliseconds = math.floor((now + self._ahead_seconds) * 1000)
            moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
            self.latest = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
            self.until = (milliseconds + 1) / 1000 - self._ahead_seconds
        return self.latest


class AccessLog:
    """Takes records by `records.append`; the caller calls `encode` when `BATCH` have gathered, and `flush` on a timer.

    What can't be written in time is dropped beyond `PENDING_BYTES_MAX`, and counted in `dropped`.
    """

    __slots__ = (
        "_encoder",
        "_for_people",
        "_output",
        "_pending",
        "_pending_bytes",
        "_writing",
        "clock",
        "dropped",
        "records",
    )

    def __init__(self, output: LogOutput, *, for_people: bool = False) -> None:
        """Write to `output`: JSON lines, or lines `for_people`."""
        self.records: list[AccessRecord] = []
        self.dropped = 0
        self.clock = Clock()
        self._output = output
        self._for_people = for_people
        self._encoder = msgspec.json.Encoder()
        self._pending: list[tuple[bytes, int]] = []
        self._pending_bytes = 0
        self._writing: asyncio.Task[None] | None = None

    def encode(self) -> None:
        """Turn the gathered records into bytes that wait to be written."""
        records = self.records
        if not records:
            return
        lines = _for_people(records) if self._for_people else self._encoder.encode_lines(records)
        if self._pending_bytes + len(lines) > PENDING_BYTES_MAX:
            self.dropped += len(records)
        else:
            self._pending.append((lines, len(records)))
            self._pending_bytes += len(lines)
        records.clear()

    def flush(self) -> None:
        """Hand what waits to a thread, unless the last hand-over is still being written."""
        self.clock.adjust()
        self.encode()
        if self._pending and (self._writing is None or self._writing.done()):
            self._writing = asyncio.create_task(asyncio.to_thread(self._write, *self._take()), name="access-log")

    async def close(self) -> None:
        """Write everything that is left."""
        if self._writing is not None:
            await self._writing
        self.encode()
        if self._pending:
            self._write(*self._take())

    def _take(self) -> tuple[bytes, int]:
        lines = b"".join(chunk for chunk, _ in self._pending)
        records = sum(count for _, count in self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        return lines, records

    def _write(self, lines: bytes, records: int) -> None:
        try:
            self._output.write(lines)
        except OSError:  # disk full, pipe gone: requests go on, and the metric says what was lost
            self.dropped += records


def _for_people(records: list[AccessRecord]) -> bytes:
    return "".join(
        f"{record.timestamp[11:19]} {record.status} {record.method:4} {record.path}"
        f"  {record.duration_ms:.1f} ms  {record.bytes} B  {record.client}  {record.request_id}\n"
        for record in records
    ).encode(errors="backslashreplace")
