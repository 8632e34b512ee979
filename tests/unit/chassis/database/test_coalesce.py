import asyncio
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.chassis.database.coalesce import Lookup, TooManyReads

pytestmark = pytest.mark.anyio

NEVER = 3600.0


class Source:
    """Answers keys below 100 with their square, when it is let; notes what it was asked and how much at once."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []
        self.running = self.most_running = 0
        self.asked_twice = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def load(self, group: str, keys: Sequence[int]) -> Mapping[int, int]:
        self.asked.append((group, tuple(keys)))
        if len(self.asked) == 2:
            self.asked_twice.set()
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await self.gate.wait()
            await asyncio.sleep(0)
        finally:
            self.running -= 1
        if -1 in keys:
            raise ValueError("minus one")
        return {key: key * key for key in keys if key < 100}


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_reads_at_the_same_time_are_one_query() -> None:
    source = Source()
    lookup = Lookup(source.load)
    answers = await asyncio.gather(*(lookup.get("a", key) for key in (1, 2, 3, 2, 500)))
    assert answers == [1, 4, 9, 4, None]
    assert source.asked == [("a", (1, 2, 3, 500))]


async def test_groups_never_share_a_query() -> None:
    source = Source()
    lookup = Lookup(source.load)
    answers = await asyncio.gather(*(lookup.get(*asked) for asked in (("a", 1), ("b", 1), ("a", 2))))
    assert answers == [1, 1, 4]
    assert source.asked == [("a", (1, 2)), ("b", (1,))]


async def test_while_a_query_is_in_flight_the_next_one_gathers() -> None:
    source = Source()
    lookup = Lookup(source.load, patience_seconds=NEVER)
    source.gate.clear()
    reads = []
    for key in range(5):
        reads.append(asyncio.ensure_future(lookup.get("a", key)))
        await settle()
    assert source.asked == [("a", (0,))]
    source.gate.set()
    assert await asyncio.gather(*reads) == [0, 1, 4, 9, 16]
    assert source.asked[1:] == [("a", (1, 2, 3, 4))]


async def test_no_read_waits_for_a_query_that_hangs() -> None:
    source = Source()
    lookup = Lookup(source.load, in_flight_limit=2, patience_seconds=0.001)
    source.gate.clear()
    hanging = asyncio.ensure_future(lookup.get("a", 1))
    await settle()
    gate, source.gate = source.gate, asyncio.Event()  # the first query waits for the old one
    source.gate.set()
    assert [await lookup.get("a", key) for key in (2, 3, 4)] == [4, 9, 16]
    assert not hanging.done()
    gate.set()
    assert await hanging == 1


async def test_beside_a_query_that_hangs_others_run_one_after_the_other() -> None:
    source = Source()
    lookup = Lookup(source.load, batch_limit=1, in_flight_limit=3, patience_seconds=NEVER)
    source.gate.clear()
    first = asyncio.ensure_future(lookup.get("a", 1))
    await settle()
    others = [asyncio.ensure_future(lookup.get("a", key)) for key in (2, 3)]
    await settle()
    assert source.asked == [("a", (1,))]
    source.gate.set()
    assert await asyncio.gather(first, *others) == [1, 4, 9]
    assert source.most_running == 1


async def test_when_everything_hangs_reads_wait_and_then_go_on() -> None:
    source = Source()
    lookup = Lookup(source.load, batch_limit=1, in_flight_limit=2, patience_seconds=0.0)
    source.gate.clear()
    reads = [asyncio.ensure_future(lookup.get("a", key)) for key in range(4)]
    await source.asked_twice.wait()
    await settle()
    assert source.most_running == 2
    assert lookup.waiting == 2
    source.gate.set()
    assert await asyncio.gather(*reads) == [0, 1, 4, 9]
    assert source.most_running == 2


async def test_an_answer_is_never_older_than_its_question() -> None:
    source = Source()
    lookup = Lookup(source.load, patience_seconds=NEVER)
    source.gate.clear()
    first = asyncio.ensure_future(lookup.get("a", 1))
    await settle()
    second = asyncio.ensure_future(lookup.get("a", 1))
    await settle()
    source.gate.set()
    await asyncio.gather(first, second)
    assert source.asked == [("a", (1,)), ("a", (1,))]  # the second was not given the answer already on its way


async def test_an_error_reaches_everyone_in_its_batch_and_no_one_else() -> None:
    source = Source()
    lookup = Lookup(source.load)
    answers = await asyncio.gather(lookup.get("a", -1), lookup.get("a", 1), lookup.get("b", 2), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["minus one", "minus one", "4"]
    assert await lookup.get("a", 3) == 9


async def test_a_cancelled_reader_takes_nobody_along() -> None:
    source = Source()
    lookup = Lookup(source.load)
    source.gate.clear()
    reads = [asyncio.create_task(_read(lookup, key)) for key in (1, 1, 2)]
    await settle()
    reads[0].cancel()
    await settle()
    source.gate.set()
    answers = await asyncio.gather(*reads, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [1, 4]


async def test_what_no_one_waits_for_any_more_is_not_asked() -> None:
    source = Source()
    lookup = Lookup(source.load, in_flight_limit=1, patience_seconds=NEVER)
    source.gate.clear()
    reads = [asyncio.create_task(_read(lookup, key)) for key in (1, 2, 3)]
    await settle()
    late = [asyncio.create_task(_read(lookup, key)) for key in (4, 5)]
    gone = asyncio.create_task(_read(lookup, 6, "b"))
    await settle()
    late[0].cancel()
    gone.cancel()
    await settle()
    source.gate.set()
    assert await asyncio.gather(*reads, late[1]) == [1, 4, 9, 25]
    assert source.asked == [("a", (1, 2, 3)), ("a", (5,))]


async def test_a_popular_group_does_not_starve_the_others() -> None:
    source = Source()
    lookup = Lookup(source.load, batch_limit=2, in_flight_limit=1)
    await asyncio.gather(*(lookup.get("popular", key) for key in range(6)), lookup.get("rare", 1))
    assert [group for group, _ in source.asked] == ["popular", "rare", "popular", "popular"]
    assert [keys for _, keys in source.asked] == [(0, 1), (1,), (2, 3), (4, 5)]


async def test_the_line_has_an_end() -> None:
    source = Source()
    lookup = Lookup(source.load, waiting_limit=3, in_flight_limit=1)
    source.gate.clear()
    reads = [asyncio.ensure_future(lookup.get("a", key)) for key in range(3)]
    with pytest.raises(TooManyReads):
        lookup.get("a", 9)
    await settle()  # these are with the database now, and make room for others
    more = asyncio.ensure_future(lookup.get("a", 3))
    source.gate.set()
    assert await asyncio.gather(*reads, more) == [0, 1, 4, 9]


async def test_readers_of_a_source_that_is_cancelled_are_cancelled() -> None:
    async def cancelled(_group: str, _keys: Sequence[int]) -> Mapping[int, int]:
        raise asyncio.CancelledError

    lookup = Lookup(cancelled)
    with pytest.raises(asyncio.CancelledError):
        await lookup.get("a", 1)


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 120), st.integers(0, 3)), max_size=60),
    st.integers(1, 5),
    st.integers(1, 3),
)
def test_whatever_comes_when_everyone_gets_their_answer_within_the_limits(
    reads: list[tuple[str, int, int]], batch_limit: int, in_flight_limit: int
) -> None:
    async def run() -> None:
        source = Source()
        lookup = Lookup(source.load, batch_limit=batch_limit, in_flight_limit=in_flight_limit)

        async def read(group: str, key: int, turns: int) -> None:
            for _ in range(turns):
                await asyncio.sleep(0)
            assert await lookup.get(group, key) == (key * key if key < 100 else None)

        await asyncio.gather(*(read(*one) for one in reads))
        assert source.most_running <= in_flight_limit
        assert all(len(keys) <= batch_limit and len(set(keys)) == len(keys) for _, keys in source.asked)
        assert lookup.waiting == 0

    asyncio.run(run())


async def _read(lookup: Lookup[str, int, int], key: int, group: str = "a") -> int | None:
    return await lookup.get(group, key)
