from __future__ import annotations

import pytest

from roadworthy.apps.hiring.browsing.domain import Tally
from roadworthy.apps.hiring.browsing.repository import count_statement
from roadworthy.apps.hiring.jobs.repository import CONDITIONS


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (Tally(0, exact=True), "no jobs"),
        (Tally(1, exact=True), "1 job"),
        (Tally(340, exact=True), "340 jobs"),
        (Tally(1000, exact=False), "1,000+ jobs"),
        (Tally(1, exact=False), "1+ jobs"),
    ],
)
def test_a_tally_says_whether_it_is_exact(tally: Tally, words: str) -> None:
    assert tally.words() == words


def test_every_count_is_bounded() -> None:
    assert all("limit 1001" in count_statement((name,)) for name in CONDITIONS)
    assert "limit 1001" in count_statement(())
