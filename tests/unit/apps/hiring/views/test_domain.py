import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.apps.hiring.views.domain import Tally, is_view

BROWSER = (b"user-agent", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")


@pytest.mark.parametrize("headers", [[], [BROWSER], [(b"host", b"robots.example"), BROWSER]])
def test_somebody_looking_is_a_view(headers: list[tuple[bytes, bytes]]) -> None:
    assert is_view("GET", headers)


@pytest.mark.parametrize(
    ("method", "header"),
    [
        ("HEAD", BROWSER),
        ("GET", (b"user-agent", b"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")),
        ("GET", (b"user-agent", b"facebookexternalhit/1.1")),
        ("GET", (b"sec-purpose", b"prefetch;prerender")),
        ("GET", (b"purpose", b"prefetch")),
    ],
)
def test_robots_and_prefetching_are_not(method: str, header: tuple[bytes, bytes]) -> None:
    assert not is_view(method, [(b"accept", b"*/*"), header])


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 5))), st.integers(1, 40), st.integers(1, 10))
def test_a_tally_gives_back_what_it_was_given_and_drops_what_it_says(
    views: list[tuple[int, int]], limit: int, chunk: int
) -> None:
    tally = Tally(limit)
    for job_id, number in views:
        tally.add(job_id, number)
    taken = list(tally.take(chunk))
    assert sum(sum(part.values()) for part in taken) + tally.dropped == sum(number for _, number in views)
    assert all(0 < len(part) <= chunk for part in taken)
    assert sum(map(len, taken)) == len({job_id for part in taken for job_id in part}) <= limit
    assert len(tally) == 0
