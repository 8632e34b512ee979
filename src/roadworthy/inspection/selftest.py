"""Proves that every check can see: it must fail where its defect is planted, and pass on the mended twin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from roadworthy.contracts.checks import Status
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import LENT, Servers
from roadworthy.inspection.model import Check, Fixture, FixtureUnavailable

GRACE_SECONDS = 30.0
"""A fixture may start a server or make a certificate before its check runs."""


class Outcome(StrEnum):
    """What became of a fixture."""

    AS_EXPECTED = "as expected"
    WRONG = "wrong"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class Proof:
    """One fixture of one check: `expected` and `seen` are statuses, `words` say what was seen or what is missing."""

    check: str
    fixture: str
    expected: Status
    outcome: Outcome
    seen: Status | None
    words: str
    seconds: float


async def self_test(
    checks: Sequence[Check], servers: Servers, on_proof: Callable[[Proof], None] = lambda _: None
) -> Sequence[Proof]:
    """Open every fixture of `checks` in turn, in the `servers` lent, and run its check against it."""
    token = LENT.set(servers)
    proofs: list[Proof] = []
    try:
        for check in checks:
            for name, fixture, expected in (
                ("must_fail", check.fixtures.must_fail, Status.FAIL),
                ("mended", check.fixtures.mended, Status.PASS),
            ):
                proofs.append(await prove(check, name, fixture, expected))
                on_proof(proofs[-1])
    finally:
        LENT.reset(token)
    return proofs


async def prove(check: Check, name: str, fixture: Fixture, expected: Status) -> Proof:
    """Run `check` against one `fixture`."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(check.timeout_seconds + GRACE_SECONDS), fixture.open() as probes:
            verdict = await check.run(probes, fixture.requirement)
        seen, words = verdict.status, verdict.summary
    except FixtureUnavailable as missing:
        return Proof(check.id, name, expected, Outcome.NOT_RUN, None, str(missing), time.monotonic() - began)
    except Unobservable as hidden:
        seen, words = Status.UNKNOWN, hidden.problem
    except TimeoutError:
        seen, words = Status.UNKNOWN, "no verdict in time"
    except Exception as defect:  # noqa: BLE001 - a broken check is what the self-test is there to show
        seen, words = Status.UNKNOWN, f"the check itself broke: {type(defect).__name__}: {defect}"
    outcome = Outcome.AS_EXPECTED if seen == expected else Outcome.WRONG
    return Proof(check.id, name, expected, outcome, seen, words, time.monotonic() - began)
