from __future__ import annotations

import pytest

from roadworthy.chassis.database.slow import normalised


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("select  a\n from t", "select a from t"),
        ("select * from t where name = 'O''Brien' and id = 42", "select * from t where name = ? and id = ?"),
        ("select $1, t2.c3 from t2 limit 1.5", "select $1, t2.c3 from t2 limit ?"),
        ("set x = ''", "set x = ?"),
    ],
)
def test_a_statement_is_shown_without_its_values(sql: str, shown: str) -> None:
    assert normalised(sql) == shown


def test_a_statement_without_end_is_cut() -> None:
    assert len(normalised("select a, " * 10_000)) == 2_000
