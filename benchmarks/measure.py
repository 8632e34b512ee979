"""One workload after another: servers started fresh, warmed up, and loaded in turns."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from benchmarks import contenders, limits, load
from benchmarks.complete import verify_complete
from benchmarks.contenders import Variant
from benchmarks.equality import verify, verify_fresh
from benchmarks.load import Load
from benchmarks.results import Record, Rounds, machine, memory_record, record
from benchmarks.servers import Server
from benchmarks.stage import Stage
from benchmarks.workloads import QUICK_WORKLOADS, WORKLOADS, Limit, Workload

TRIAL_CONNECTIONS = 128
TRIAL_SEED = 90_000
WARM_UP_SEED = 80_000
COLLECT_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How long everything takes."""

    rounds: int
    seconds: float
    warm_up_seconds: float
    trial_rounds: int
    workloads: tuple[Workload, ...]
    tried: tuple[str, ...]


FULL = Pace(3, seconds=10, warm_up_seconds=4, trial_rounds=2, workloads=WORKLOADS, tried=("job_by_id", "job_list"))
QUICK = Pace(3, seconds=2, warm_up_seconds=1, trial_rounds=1, workloads=QUICK_WORKLOADS, tried=("job_by_id",))
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Trials:
    """Answers a second of each way to run the reference, by workload; the fastest is what ours is held against."""

    rps: dict[str, dict[Variant, float]]

    def fastest(self, workload: Workload) -> Variant:
        """The way that suits a workload best, or the one most like it that was tried."""
        figures = self._of(workload)
        return max(figures, key=figures.__getitem__)

    def named(self, workload: Workload) -> dict[str, float]:
        """For the results."""
        return {variant.name: round(rps, 1) for variant, rps in self._of(workload).items()}

    def _of(self, workload: Workload) -> dict[Variant, float]:
        return self.rps.get(workload.name.removesuffix("_cached"), self.rps["job_by_id"])


class Bench:
    """A run of every workload on one stage."""

    def __init__(self, stage: Stage, folder: Path, pace: Pace, tell: Tell) -> None:
        """`folder` takes logs and lists of paths; `tell` hears of each step as it begins."""
        self._stage, self._folder, self._pace, self._tell = stage, folder, pace, tell
        self._conditions = {**machine(), "generator": load.generator(), "jobs": stage.jobs}
        self._conditions |= {"rounds": pace.rounds, "seconds_a_round": pace.seconds, "filters": len(stage.filters)}

    @property
    def steps(self) -> int:
        """How often `tell` will be called."""
        pace = self._pace
        trials = len(pace.tried) * len(contenders.variants()) * (1 + pace.trial_rounds)
        return 1 + trials + len(pace.workloads) * pace.rounds * 3

    def run(self) -> Iterator[Record]:
        """A record as soon as a workload is done, memory last.

        Raises:
            SomethingIsOff, AnswersDiffer: it would not be a fair comparison; nothing was measured.
            NotReady, LoadFailed, LimitFailed: a server or a generator failed, with what it said.
        """
        self._verify()
        trials = self._try_variants()
        records = []
        for workload in self._pace.workloads:
            records.append(self._measure(workload, trials))
            yield records[-1]
        yield memory_record(records, self._conditions)

    def _verify(self) -> None:
        self._tell("comparing answers")
        plain = contenders.variants()[0]
        with (
            contenders.ours(self._stage, self._folder, cached=False) as ours,
            contenders.reference(self._stage, self._folder, plain, cached=False) as reference,
        ):
            verify_complete(ours, self._folder / contenders.ACCESS_LOG)
            self._conditions["answers_compared"] = verify(ours, reference, self._stage)
            asyncio.run(verify_fresh((ours, reference), self._stage))

    def _try_variants(self) -> Trials:
        """All ways to run the reference side by side, loaded in turns; the best of each one's rounds counts."""
        workloads = {each.name: each for each in self._pace.workloads if each.connections == TRIAL_CONNECTIONS}
        with ExitStack() as stack:
            servers = {
                variant: stack.enter_context(contenders.reference(self._stage, self._folder, variant, cached=False))
                for variant in contenders.variants()
            }
            return Trials({name: self._tried(workloads[name], servers) for name in self._pace.tried})

    def _tried(self, workload: Workload, servers: Mapping[Variant, Server]) -> dict[Variant, float]:
        paths, best = workload.write_paths(self._stage, self._folder), dict.fromkeys(servers, 0.0)
        for number in range(self._pace.trial_rounds + 1):
            for variant, server in servers.items():
                self._tell(f"trying the reference on {workload.name}: {variant.name}")
                if number == 0:
                    self._warm_up(server, paths, TRIAL_CONNECTIONS)
                    continue
                seen = self._load(server, paths, TRIAL_CONNECTIONS, self._pace.seconds, TRIAL_SEED + number)
                best[variant] = max(best[variant], seen.rps)
        return best

    def _measure(self, workload: Workload, trials: Trials) -> Record:
        variant, paths = trials.fastest(workload), workload.write_paths(self._stage, self._folder)
        with (
            contenders.ours(self._stage, self._folder, cached=workload.cached, worker=True) as ours,
            contenders.reference(self._stage, self._folder, variant, cached=workload.cached) as reference,
            self._limit(workload, ours, paths) as limit_rps,
        ):
            for server in (ours, reference):
                self._warm_up(server, paths, workload.connections)
            rounds = self._rounds(workload, paths, (ours, reference), limit_rps)
        return record(workload, rounds, trials.named(workload), variant.name, self._conditions)

    def _rounds(
        self, workload: Workload, paths: Path, servers: tuple[Server, Server], limit_rps: Callable[[int], float]
    ) -> Rounds:
        """Ours, the reference, the limit, and again, so that what else the machine does hits all three."""
        rounds = Rounds()
        for number in range(1, self._pace.rounds + 1):
            for server, loads in zip(servers, (rounds.ours, rounds.reference), strict=True):
                self._tell(f"{workload.title}, round {number}: {server.name}")
                with self._watching_memory(server, rounds):
                    loads.append(self._load(server, paths, workload.connections, self._pace.seconds, number))
            self._tell(f"{workload.title}, round {number}: limit")
            rounds.limit_rps.append(limit_rps(number))
        return rounds

    @contextmanager
    def _limit(self, workload: Workload, ours: Server, paths: Path) -> Iterator[Callable[[int], float]]:
        """What measures a workload's limit for a round."""
        if workload.limit is Limit.BARE_ASGI:
            with contenders.bare(_collected(ours, paths, self._folder), self._folder) as server:
                self._warm_up(server, paths, workload.connections)
                yield lambda seed: self._load(server, paths, workload.connections, self._pace.seconds, seed).rps
        else:
            script = limits.script(workload.limit, self._stage, self._folder)
            limits.pgbench(self._stage.dsn, script, self._pace.warm_up_seconds, seed=WARM_UP_SEED)
            yield lambda seed: limits.pgbench(self._stage.dsn, script, self._pace.seconds, seed=seed)

    @contextmanager
    def _watching_memory(self, server: Server, rounds: Rounds) -> Iterator[None]:
        """Look at a server's memory while it works."""
        timer = threading.Timer(self._pace.seconds / 2, partial(_note_memory, server, rounds))
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _warm_up(self, server: Server, paths: Path, connections: int) -> None:
        self._load(server, paths, connections, self._pace.warm_up_seconds, WARM_UP_SEED)

    def _load(self, server: Server, paths: Path, connections: int, seconds: float, seed: int) -> Load:
        return load.run(server.url, paths, connections=connections, seconds=seconds, seed=seed)


def _note_memory(server: Server, rounds: Rounds) -> None:
    name = "ours_pss_mb" if server.name == "ours" else "reference_pss_mb"
    setattr(rounds, name, max(getattr(rounds, name), server.pss_mb()))


def _collected(server: Server, paths: Path, folder: Path) -> Path:
    """A file with what `server` answers to each path, as JSON."""
    bodies = {}
    with httpx.Client(base_url=server.url, timeout=COLLECT_TIMEOUT_SECONDS) as client:
        for path in paths.read_text(encoding="ascii").splitlines():
            bodies[path] = client.get(path).raise_for_status().text
    answers = folder / "answers.json"
    answers.write_text(json.dumps(bodies), encoding="utf-8")
    return answers
