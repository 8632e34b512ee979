from __future__ import annotations

from roadworthy.chassis.edge.shedding import EVERY_SECONDS, Shedding


class Load:
    """A process that answers `pace` requests a second, and is offered `offered`."""

    def __init__(self, shedding: Shedding) -> None:
        self.shedding = shedding
        self.now = 100.0
        self.in_flight = self.done = self.refused = 0

    def run(self, seconds: float, *, pace: int, offered: int) -> None:
        for _ in range(int(seconds / EVERY_SECONDS)):
            self.now += EVERY_SECONDS
            answered = min(self.in_flight + int(offered * EVERY_SECONDS), int(pace * EVERY_SECONDS))
            arrived = int(offered * EVERY_SECONDS)
            self.done += answered
            room = max(0, self.shedding.limit - (self.in_flight - answered))
            self.refused += max(0, arrived - room)
            self.in_flight = max(0, self.in_flight - answered + min(arrived, room))
            self.shedding.observe(self.now, self.in_flight, self.done)


def test_what_is_answered_in_time_is_never_refused() -> None:
    load = Load(Shedding(2000, 600, 0.25))
    load.run(10, pace=15_000, offered=14_900)
    assert (load.refused, load.shedding.limit) == (0, 2000)


def test_twice_the_load_is_bounded_by_the_declared_wait() -> None:
    load = Load(Shedding(8000, 600, 0.25))
    load.run(10, pace=10_000, offered=20_000)
    assert 2400 <= load.shedding.limit <= 2600
    assert load.in_flight / 10_000 <= 0.26
    done = load.done
    load.run(4, pace=10_000, offered=20_000)
    assert load.done - done == 40_000, "and it never runs out of work"


def test_the_first_ones_are_never_refused_however_slow_the_answers_are() -> None:
    load = Load(Shedding(2000, 600, 0.25))
    load.run(60, pace=10, offered=10)
    assert load.refused == 0
    load.run(20, pace=100, offered=2000)
    assert load.shedding.limit == 600


def test_it_recovers_when_the_load_is_gone() -> None:
    load = Load(Shedding(2000, 600, 0.25))
    load.run(10, pace=1000, offered=4000)
    assert load.shedding.limit == 600
    load.run(3, pace=1000, offered=0)
    assert load.shedding.limit == 2000


def test_one_slow_moment_is_no_overload() -> None:
    shedding = Shedding(2000, 600, 0.25)
    for number in range(20):
        shedding.observe(100 + number * EVERY_SECONDS, 1500, number * 3000)
    assert shedding.limit == 2000
    shedding.observe(105.0, 1500, 19 * 3000)
    assert shedding.limit >= 1000


def test_a_floor_above_the_bound_is_the_bound() -> None:
    shedding = Shedding(2, 600, 0.25)
    shedding.observe(100.0, 5, 0)
    shedding.observe(100.25, 5, 0)
    assert shedding.limit == 2
