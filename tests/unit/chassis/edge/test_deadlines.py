from __future__ import annotations

from dataclasses import dataclass, field

from roadworthy.chassis.edge.deadlines import Deadlines


@dataclass(eq=False)
class Work:
    started_at: float
    expired: list[float] = field(default_factory=list)

    def expire(self) -> None:
        self.expired.append(self.started_at)


def test_what_is_overdue_is_expired_once_and_what_is_done_never() -> None:
    deadlines, early, done, later = Deadlines(3.0), Work(1.0), Work(1.5), Work(2.5)
    for work in (early, done, later):
        deadlines.watch(work)
    deadlines.forget(done)
    assert deadlines.expire(3.9) == 0
    assert deadlines.expire(4.6) == 1
    assert deadlines.expire(9.0) == 1
    assert (early.expired, done.expired, later.expired) == ([1.0], [], [2.5])


def test_one_that_came_late_ends_in_time_although_younger_ones_came_before_it() -> None:
    deadlines, young, old = Deadlines(3.0), Work(5.0), Work(2.2)
    deadlines.watch(young)
    deadlines.watch(old)
    assert deadlines.expire(5.3) == 1
    assert (young.expired, old.expired) == ([], [2.2])
    assert deadlines.expire(8.1) == 1


def test_one_that_came_late_and_is_done_is_forgotten() -> None:
    deadlines, young, old = Deadlines(3.0), Work(5.0), Work(2.2)
    deadlines.watch(young)
    deadlines.watch(old)
    deadlines.forget(old)
    assert deadlines.expire(100.0) == 1
    assert old.expired == []
