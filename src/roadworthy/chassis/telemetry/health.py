"""What the service needs, whether it is there, and what that makes of the service."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

FRESH_SECONDS = 1.0
PROBE_TIMEOUT_SECONDS = 2.0


class Need(StrEnum):
    """What becomes of the service without a dependency."""

    REQUIRED = "required"
    """Nothing useful is left: readiness is red."""
    DEGRADED = "degraded"
    """The service goes on with less, and says so."""
    OPTIONAL = "optional"
    """Nobody notices but the reader of the health document."""


class State(StrEnum):
    """Of the service as a whole."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something outside the process. `probe` returns when it is there, and raises when it is not."""

    name: str
    need: Need
    probe: Callable[[], Awaitable[object]]


class DependencyReport(msgspec.Struct, frozen=True):
    """What one probe found. `problem` is the kind of failure only: health is public, addresses are not."""

    status: str
    need: Need
    latency_ms: float
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The state of the service and of each dependency at one moment (`at`, monotonic seconds)."""

    state: State
    dependencies: Mapping[str, DependencyReport]
    at: float


@dataclass(slots=True)
class Health:
    """Looks at every dependency at once, at most once a second, however many ask.

    `facts` are read at each answer and named in it: how the service works at the moment, e.g. where limits are kept.
    """

    dependencies: Sequence[Dependency]
    version: str
    facts: Mapping[str, Callable[[], str]] = field(default_factory=dict)
    probe_timeout_seconds: float = PROBE_TIMEOUT_SECONDS
    fresh_seconds: float = FRESH_SECONDS
    draining: bool = False
    _started: float = field(default_factory=time.monotonic)
    _last: Report | None = None
    _looking: asyncio.Task[Report] | None = None

    async def report(self) -> Report:
        """The last report if it is fresh, else a new one; simultaneous callers share one look."""
        if self._last is not None and time.monotonic() - self._last.at < self.fresh_seconds:
            return self._last
        return await asyncio.shield(self.look())

    def look(self) -> asyncio.Task[Report]:
        """Begin to look now, for those who watch without asking; whoever asks meanwhile shares this look."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="health")
        return self._looking

    def up(self) -> Mapping[tuple[str, ...], float]:
        """1 for each dependency (its name, its need) that was there when last looked at, 0 for one that was not."""
        found = self._last.dependencies if self._last is not None else {}
        return {(name, one.need): one.status == "up" for name, one in found.items()}

    async def ready(self) -> bool:
        """Whether new requests should be sent here."""
        return not self.draining and (await self.report()).state is not State.DOWN

    async def document(self) -> tuple[int, bytes]:
        """HTTP status and JSON body of the health document."""
        report = await self.report()
        body = {
            "status": report.state,
            "version": self.version,
            "uptime_seconds": round(time.monotonic() - self._started),
            "draining": self.draining,
            "dependencies": report.dependencies,
            **{name: read() for name, read in self.facts.items()},
        }
        return 503 if report.state is State.DOWN else 200, msgspec.json.encode(body)

    async def close(self) -> None:
        """Give up a look that is under way: what it looks at is about to be closed."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> Report:
        found = await asyncio.gather(*(self._probe(dependency) for dependency in self.dependencies))
        reports = {dependency.name: report for dependency, report in zip(self.dependencies, found, strict=True)}
        self._last = Report(_overall(found), reports, time.monotonic())
        return self._last

    async def _probe(self, dependency: Dependency) -> DependencyReport:
        started = time.perf_counter()
        problem = None
        try:
            async with asyncio.timeout(self.probe_timeout_seconds):
                await dependency.probe()
        except TimeoutError:
            problem = f"no answer within {self.probe_timeout_seconds:g} s"
        except Exception as error:  # noqa: BLE001  # whatever a driver raises, it means: not there
            problem = type(error).__name__
        milliseconds = round((time.perf_counter() - started) * 1000, 1)
        return DependencyReport("down" if problem else "up", dependency.need, milliseconds, problem)


def _overall(reports: Sequence[DependencyReport]) -> State:
    missed = {report.need for report in reports if report.status == "down"}
    if Need.REQUIRED in missed:
        return State.DOWN
    return State.DEGRADED if Need.DEGRADED in missed else State.OK
