from __future__ import annotations

import random

import pytest

from roadworthy.chassis.limits.quota import LimitPolicy, Quota
from roadworthy.chassis.limits.window import SLICES, Window, Windows

MINUTE = Quota("minute", 60, 60)


def test_the_limit_is_admitted_and_not_one_more() -> None:
    windows = Windows((MINUTE,))
    admitted = [windows.take(1, 1000.0 + n * 0.01).admitted for n in range(61)]
    assert admitted == [1] * 60 + [0]


def test_a_refusal_says_when_to_come_back_and_then_there_is_room() -> None:
    windows = Windows((MINUTE,))
    assert windows.take(100, 1000.0).admitted == 60
    refusal = windows.take(1, 1030.0)
    assert (refusal.admitted, refusal.counts[0].left) == (0, 0)
    assert windows.take(1, 1030.0 + refusal.retry_seconds - 0.001).admitted == 0
    assert windows.take(1, 1030.0 + refusal.retry_seconds).admitted == 1


def test_a_slot_comes_free_within_a_twelfth_of_the_window() -> None:
    windows = Windows((MINUTE,))
    windows.take(60, 1004.9)
    assert windows.take(1, 1004.9 + 65).admitted == 1


@pytest.mark.parametrize("seed", range(5))
def test_no_window_wherever_it_starts_holds_more_than_the_limit(seed: int) -> None:
    source = random.Random(seed)
    quota = Quota("minute", 20, 60)
    windows = Windows((quota,))
    now, admitted = 0.0, []
    for _ in range(5000):
        now += source.expovariate(1.0)
        admitted += [now] * windows.take(source.randint(1, 3), now).admitted
    for first, start in enumerate(admitted):
        assert sum(1 for moment in admitted[first : first + 22] if moment < start + 60) <= 20


@pytest.mark.parametrize("seed", range(5))
def test_nor_where_requests_are_used_up_to_a_slice_later_than_they_were_counted(seed: int) -> None:
    source = random.Random(seed)
    windows = Windows((Quota("minute", 20, 60),), lookback=SLICES + 1)
    now, used = 0.0, []
    for _ in range(5000):
        now += source.expovariate(0.5)
        used += [now + source.uniform(0, 5) for _ in range(windows.take(source.randint(1, 3), now).admitted)]
    used.sort()
    for first, start in enumerate(used):
        assert sum(1 for moment in used[first : first + 22] if moment < start + 60) <= 20


def test_all_quotas_must_have_room_and_a_refusal_counts_nowhere() -> None:
    windows = Windows((Quota("minute", 10, 60), Quota("hour", 15, 3600)))
    assert windows.take(10, 0.0).admitted == 10
    assert windows.take(1, 1.0).admitted == 0
    second = windows.take(10, 70.0)
    assert (second.admitted, [count.left for count in second.counts]) == (5, [5, 0])
    assert windows.take(1, 140.0).retry_seconds == pytest.approx(3900 - 140)


def test_a_share_of_a_limit_is_never_nothing() -> None:
    assert Window(Quota("minute", 60, 60), share=0.25).limit == 15
    assert Window(Quota("minute", 1, 60), share=0.25).limit == 1


@pytest.mark.parametrize("wrong", [("Minute", 1, 1), ("minute", 0, 1), ("minute", 1, 0), ('a"b', 1, 1)])
def test_a_quota_that_could_not_be_counted_or_written_is_refused(wrong: tuple[str, int, int]) -> None:
    with pytest.raises(ValueError, match="lower-case"):
        Quota(*wrong)


def test_a_policy_needs_a_name_that_keys_can_carry() -> None:
    with pytest.raises(ValueError, match="lower-case"):
        LimitPolicy("a b", (MINUTE,))
