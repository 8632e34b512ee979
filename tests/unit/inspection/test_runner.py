from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.inspection.fakes import FakeProbes, check, verdict

from roadworthy.contracts.checks import BlastRadius, Evidence, Kind, Severity, Status, Verdict
from roadworthy.inspection import runner
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.mapper import Mapped
from roadworthy.inspection.mapper.polarity import Sense
from roadworthy.inspection.model import Check, Item, Probes, Requirement, Strength
from roadworthy.inspection.observation import observe
from roadworthy.inspection.results import Inspection

CANARY = "canary-7f3b-not-for-reports"


def lines(*ids: str, **more: Any) -> list[Mapped]:
    return [Mapped(Item(line=i, section=(), text=name), (Requirement(name),), **more) for i, name in enumerate(ids, 1)]


def run(
    mapped: list[Mapped], checks: list[Check], probes: FakeProbes | None = None, limit_seconds: float = 10, **more: Any
) -> Inspection:
    catalogue = {c.requirements[0]: [k for k in checks if k.requirements == c.requirements] for c in checks}
    planned = runner.plan(mapped, catalogue, **more)
    return asyncio.run(
        runner.inspect(planned, probes or FakeProbes(), checklist="x", target="y", limit_seconds=limit_seconds)
    )


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({Strength.BEHAVIOUR: Status.FAIL, Strength.FILE: Status.PASS}, Status.FAIL),
        ({Strength.BEHAVIOUR: Status.PASS, Strength.CONFIGURATION: Status.FAIL}, Status.PASS),
        ({Strength.BEHAVIOUR: Status.UNKNOWN, Strength.CONFIGURATION: Status.PASS}, Status.PASS),
        ({Strength.BEHAVIOUR: Status.UNKNOWN, Strength.FILE: Status.UNKNOWN}, Status.UNKNOWN),
    ],
)
def test_the_strongest_evidence_that_saw_anything_wins(said: dict[Strength, Status], status: Status) -> None:
    checks = [check(f"db.engine.{s.name}", says=verdict(v), strength=s) for s, v in said.items()]
    assert run(lines("db.engine"), checks).lines[0].status is status


def test_among_equals_a_fail_wins() -> None:
    checks = [check("one", says=verdict(Status.PASS)), check("two", says=verdict(Status.FAIL))]
    assert run(lines("db.engine"), checks).lines[0].status is Status.FAIL


@pytest.mark.parametrize(
    ("second", "any_of", "status"),
    [
        (Status.PASS, False, Status.PASS),
        (Status.FAIL, False, Status.FAIL),
        (Status.UNKNOWN, False, Status.UNKNOWN),
        (Status.NOT_APPLICABLE, False, Status.PASS),
        (Status.FAIL, True, Status.PASS),
    ],
)
def test_a_line_needs_all_it_claims_or_one_of_its_alternatives(*, second: Status, any_of: bool, status: Status) -> None:
    mapped = [
        Mapped(Item(line=1, section=(), text="a"), (Requirement("db.engine"), Requirement("db.pool")), any_of=any_of)
    ]
    found = run(mapped, [check(), check("pool", "db.pool", verdict(second))])
    assert found.lines[0].status is status


def test_of_each_group_of_alternatives_one_is_enough() -> None:
    asked = tuple(Requirement(name) for name in ("db.engine", "db.pool", "redis.up"))
    mapped = [Mapped(Item(line=1, section=(), text="a"), asked, alternatives=(0, 0, 1))]
    one, other = check(says=verdict(Status.FAIL)), check("pool", "db.pool")
    assert run(mapped, [one, other, check("redis", "redis.up")]).lines[0].status is Status.PASS
    assert run(mapped, [one, other, check("redis", "redis.up", verdict(Status.FAIL))]).lines[0].status is Status.FAIL


@pytest.mark.parametrize(
    ("seen", "shown", "status"),
    [
        (Status.PASS, False, Status.FAIL),
        (Status.FAIL, False, Status.UNKNOWN),
        (Status.FAIL, True, Status.PASS),
        (Status.UNKNOWN, True, Status.UNKNOWN),
    ],
)
def test_a_line_that_claims_the_opposite_is_judged_the_other_way_round(
    *, seen: Status, shown: bool, status: Status
) -> None:
    item = Item(line=1, section=(), text="gzip is disabled")
    mapped = [Mapped(item, (Requirement("db.engine"),), sense=Sense.OPPOSITE, shown_by_failure=shown)]
    (line,) = run(mapped, [check(says=verdict(seen, "gzip answers"))]).lines
    assert line.status is status
    assert line.holds is (status is Status.PASS)
    assert "gzip answers" in line.summary


def test_what_is_asked_only_under_a_condition_does_not_fail() -> None:
    item = Item(line=1, section=(), text="Pooling (if needed)", conditional=True)
    (line,) = run([Mapped(item, (Requirement("db.engine"),))], [check(says=verdict(Status.FAIL, "no pool"))]).lines
    assert (line.status, line.summary) == (Status.UNKNOWN, "asked only 'if needed'; seen: no pool")
    (line,) = run([Mapped(item, (Requirement("db.engine"),))], [check()]).lines
    assert line.status is Status.PASS


def test_a_missing_part_of_the_target_leaves_the_line_unknown_and_says_what_to_add() -> None:
    found = run(lines("db.engine"), [check(needs=frozenset({"postgres", "nginx"}))])
    (line,) = found.lines
    assert line.status is Status.UNKNOWN
    mend = line.answers[0].verdict.remediation
    assert mend
    assert "[postgres] dsn" in mend.text
    assert "[nginx]" in mend.text


def test_the_same_part_is_advised_once() -> None:
    (line,) = run(lines("db.engine"), [check(needs=frozenset({"http", "names"}))]).lines
    mend = line.answers[0].verdict.remediation
    assert mend
    assert mend.text.count("[http] url") == 1


def test_what_nothing_answers_is_unknown_or_people_s() -> None:
    found = run([*lines("db.engine", "team.approve"), Mapped(Item(3, (), "huh"), ())], [])
    assert [line.status for line in found.lines] == [Status.UNKNOWN, Status.HUMAN, Status.UNMAPPED]
    assert "no check" in found.lines[0].summary


async def hidden(_probes: Probes, _asked: Requirement) -> Verdict:
    raise Unobservable("the log cannot be read", "chmod o+r it")


async def broken(_probes: Probes, _asked: Requirement) -> Verdict:
    raise ValueError(f"password={CANARY}")


async def slow(_probes: Probes, _asked: Requirement) -> Verdict:
    await asyncio.sleep(60)
    raise AssertionError


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [(hidden, "cannot be read"), (broken, "itself broke (ValueError"), (slow, "within 0.01 seconds")],
)
def test_a_check_that_cannot_conclude_takes_no_other_with_it(behaviour: Any, words: str) -> None:
    bad = check("bad", "db.pool", behaviour, timeout_seconds=0.01)
    found = run(lines("db.pool", "db.engine"), [bad, check()])
    assert [line.status for line in found.lines] == [Status.UNKNOWN, Status.PASS]
    assert words in found.lines[0].summary
    assert CANARY not in found.lines[0].summary


@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL, Status.NOT_APPLICABLE])
def test_no_verdict_without_evidence(status: Status) -> None:
    found = run(lines("db.engine"), [check(says=Verdict(status, "trust me"))])
    assert found.lines[0].status is Status.UNKNOWN


def test_the_whole_has_a_time_limit() -> None:
    found = run(
        lines("db.pool", "db.engine"), [check("slow", "db.pool", slow, timeout_seconds=60), check()], None, 0.05
    )
    assert [line.status for line in found.lines] == [Status.UNKNOWN, Status.PASS]
    assert "ended after" in found.lines[0].summary


def test_provocations_come_last_and_one_at_a_time() -> None:
    order: list[str] = []

    def noting(name: str, **more: Any) -> Check:
        async def note(_probes: Probes, _asked: Requirement) -> Verdict:
            order.append(f"{name} begins")
            await asyncio.sleep(0)
            order.append(f"{name} ends")
            return verdict(Status.PASS)

        return check(name, more.pop("requirement"), note, **more)

    run(
        lines("rl.on", "rl.values", "db.engine"),
        [
            noting("burst", requirement="rl.on", provokes=True),
            noting("other", requirement="rl.values", provokes=True),
            noting("calm", requirement="db.engine"),
        ],
    )
    assert order == ["calm begins", "calm ends", "burst begins", "burst ends", "other begins", "other ends"]


def test_a_check_runs_once_however_many_lines_ask_the_same() -> None:
    ran: list[Requirement] = []

    async def count(_probes: Probes, asked: Requirement) -> Verdict:
        ran.append(asked)
        return verdict(Status.PASS)

    same = Mapped(Item(1, (), "a"), (Requirement("db.engine", {"engine": "postgresql"}, "'postgres'"),))
    again = Mapped(Item(2, (), "b"), (Requirement("db.engine", {"engine": "postgresql"}, "'postgresql'"),))
    other = Mapped(Item(3, (), "c"), (Requirement("db.engine", {"engine": "mysql"}),))
    found = run([same, again, other], [check(says=count)])
    assert len(ran) == 2
    assert all(line.status is Status.PASS for line in found.lines)


def test_disruptive_checks_wait_until_they_are_asked_for() -> None:
    cut = check(blast_radius=BlastRadius.DISRUPTIVE)
    found = run(lines("db.engine"), [cut])
    assert found.lines[0].status is Status.UNKNOWN
    assert "disruptive" in found.lines[0].summary
    allowed = run(lines("db.engine"), [cut], allowed=frozenset(BlastRadius))
    assert allowed.lines[0].status is Status.PASS


def test_secrets_seen_by_probes_are_masked_by_value_wherever_a_check_put_them() -> None:
    evidence = observe("what", "x", "y")
    leaky = Verdict(
        Status.FAIL, f"found {CANARY}", (Evidence(CANARY, f"it is {CANARY}!", "now", CANARY, evidence.digest),)
    )
    found = run(lines("db.engine"), [check(says=leaky)], FakeProbes(hidden=frozenset({CANARY})))
    assert CANARY not in repr(found.lines[0].answers[0].verdict)


def test_figures_of_an_inspection() -> None:
    drill = Mapped(Item(5, (), "load", kind=Kind.DRILL), (Requirement("load.test"),))
    found = run(
        [*lines("db.engine", "db.pool", "redis.up"), Mapped(Item(4, (), "huh"), ()), drill],
        [
            check(says=verdict(Status.PASS)),
            check("p", "db.pool", verdict(Status.FAIL)),
            check("r", "redis.up", verdict(Status.UNKNOWN)),
        ],
    )
    assert found.verified == 2
    assert found.coverage == pytest.approx(2 / 4)
    assert found.counts[Status.UNMAPPED] == 1


def test_the_most_severe_come_first_and_no_check_twice() -> None:
    severities = {
        "db.engine": Severity.LOW,
        "db.pool": Severity.CRITICAL,
        "redis.up": Severity.HIGH,
        "rl.on": Severity.HIGH,
    }
    checks = [check(name, name, verdict(Status.FAIL), severity=s) for name, s in severities.items()]
    found = run([*lines(*severities), *lines("db.pool")], checks)
    assert [line.mapped.requirements[0].id for line in found.mend_first] == ["db.pool", "redis.up", "rl.on"]


def test_a_line_of_which_a_part_was_not_understood_does_not_hold() -> None:
    (one,) = lines("db.engine")
    partly = Mapped(one.item, one.requirements, unread=("ddos protection",))
    found = run([partly], [check()])
    assert found.lines[0].status is Status.UNKNOWN
    assert "ddos protection" in found.lines[0].summary
    assert run([partly], [check(says=verdict(Status.FAIL))]).lines[0].status is Status.FAIL


def test_what_compares_with_a_baseline_that_nobody_gave_is_not_even_tried() -> None:
    (one,) = lines("db.engine")
    found = run([Mapped(one.item, one.requirements, unmeasurable="no baseline")], [check()])
    assert (found.lines[0].status, found.lines[0].summary, found.lines[0].answers) == (
        Status.UNKNOWN,
        "no baseline",
        (),
    )


def test_reading_a_tree_may_take_longer_than_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "READING_LIMIT_SECONDS", 5.0)

    async def unhurried(probes: Any, requirement: Requirement) -> Verdict:  # noqa: ARG001 - a check's signature
        await asyncio.sleep(0.05)
        return verdict(Status.PASS)

    reading = check("reading", "db.pool", unhurried, timeout_seconds=0.01, needs=frozenset({"repo"}))
    asking = check("asking", "db.engine", unhurried, timeout_seconds=0.01)
    found = run(lines("db.pool", "db.engine"), [reading, asking], FakeProbes(repo=object()))
    assert [line.status for line in found.lines] == [Status.PASS, Status.UNKNOWN]


def test_what_nobody_asks_is_looked_at_last_and_decides_nothing() -> None:
    seen: list[str] = []

    def says(name: str, status: Status) -> Any:
        async def run(_: Probes, __: Requirement) -> Verdict:
            seen.append(name)
            return verdict(status, name)

        return run

    checks = [
        check("db.engine.fake", says=says("asked", Status.PASS)),
        check("db.pool.fake", "db.pool", says("provoked", Status.PASS), provokes=True),
        check("cross.timeouts.fake", "cross.timeouts", says("disagrees", Status.FAIL)),
        check("cross.bodies.fake", "cross.bodies", says("agrees", Status.PASS)),
        check("cross.alerts.fake", "cross.alerts", says("unseen", Status.UNKNOWN)),
        check("cross.connections.fake", "cross.connections", says("no", Status.FAIL), needs=frozenset({"postgres"})),
    ]
    found = run(lines("db.engine", "db.pool"), checks)
    assert [one.verdict.summary for one in found.findings] == ["disagrees"]
    assert [line.status for line in found.lines] == [Status.PASS, Status.PASS]
    assert (seen[0], seen[-1]) == ("asked", "provoked")
    assert set(seen[1:-1]) == {"disagrees", "agrees", "unseen"}


def test_what_a_line_asks_is_no_finding() -> None:
    checks = [check("cross.timeouts.fake", "cross.timeouts", verdict(Status.FAIL))]
    found = run(lines("cross.timeouts"), checks)
    assert (found.lines[0].status, found.findings) == (Status.FAIL, ())


def test_findings_lose_their_secrets() -> None:
    checks = [check("cross.bodies.fake", "cross.bodies", verdict(Status.FAIL, f"sees {CANARY}", CANARY))]
    found = run(lines("db.engine"), checks, FakeProbes(hidden=frozenset({CANARY})))
    assert CANARY not in repr(found.findings)
