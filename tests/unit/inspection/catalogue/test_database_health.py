"""What figures of PostgreSQL mean: which index is waste, which counter nears its end, which table is unguarded."""

from __future__ import annotations

import pytest

from roadworthy.inspection.catalogue.counters import near_end
from roadworthy.inspection.catalogue.index_waste import broken, unused
from roadworthy.inspection.catalogue.integrity import problems_of

INDEX = {
    "schema": "public", "table": "visits", "index": "visits_city", "valid": True, "sole": False, "guards": False,
    "scans": 0, "bytes": 8 * 1024**2, "same_as": None, "being_built": False,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changed", "is_unused", "is_broken"),
    [
        ({}, True, False),
        ({"scans": 1}, False, False),
        ({"sole": True}, False, False),
        ({"guards": True}, False, False),
        ({"bytes": 8192}, False, False),
        ({"valid": False}, False, True),
        ({"valid": False, "being_built": True}, False, False),
        ({"same_as": "visits_other"}, False, True),
        ({"same_as": "visits_other", "guards": True}, False, False),
    ],
)
def test_which_index_is_waste(changed: dict[str, object], is_unused: bool, is_broken: bool) -> None:
    row = {**INDEX, **changed}
    assert (bool(unused([row])), bool(broken([row]))) == (is_unused, is_broken)


@pytest.mark.parametrize(
    ("at", "most", "kind", "cycle", "ends"),
    [
        (2_000_000_000, 2**63 - 1, "integer", False, True),
        (2_000_000_000, 2**63 - 1, "bigint", False, False),
        (2_000_000_000, 2**31 - 1, None, False, True),
        (2_000_000_000, 2**31 - 1, "integer", True, False),
        (None, 2**31 - 1, "integer", False, False),
        (30_000, 2**63 - 1, "smallint", False, True),
    ],
)
def test_which_sequence_nears_its_end(at: int | None, most: int, kind: str | None, cycle: bool, ends: bool) -> None:
    row = {"schema": "public", "name": "s", "at": at, "most": most, "type": kind, "cycle": cycle}
    assert bool(near_end([row])) is ends


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({}, ""),
        ({"kinds": "c", "has_unique": False}, "no key"),
        ({"kinds": "", "has_unique": True}, ""),
        ({"unproven": ["visits_city_fkey"]}, "never validated"),
        ({"loose": ["city_id"]}, "by name only"),
    ],
)
def test_what_is_not_guarded(changed: dict[str, object], words: str) -> None:
    row = {"schema": "public", "table": "visits", "kinds": "pf", "unproven": [], "loose": [], "has_unique": True}
    assert words in " ".join(problems_of({**row, **changed}))
    assert bool(words) is bool(problems_of({**row, **changed}))
