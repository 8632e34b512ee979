"""What a restart of Redis takes is said as it is."""

from __future__ import annotations

import pytest

from roadworthy.inspection.catalogue.shared_memory import NOTHING, _lost


@pytest.mark.parametrize(
    ("aof", "snapshots", "words"),
    [(True, "", "no snapshots"), (False, "3600 1", "no append-only file"), (False, "", NOTHING)],
)
def test_what_is_lost(*, aof: bool, snapshots: str, words: str) -> None:
    assert words in _lost(aof=aof, snapshots=snapshots)
