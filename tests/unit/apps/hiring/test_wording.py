from __future__ import annotations

from dataclasses import dataclass

import pytest

from roadworthy.apps.hiring import wording


@dataclass
class Paid:
    salary_min: int | None
    salary_max: int | None
    salary_period: str | None


@pytest.mark.parametrize(
    ("paid", "long", "short"),
    [
        (Paid(24, 36, "hour"), "$24–$36 an hour", "$24–$36 an hour"),  # noqa: RUF001 - a range takes an en dash
        (Paid(54_000, 72_000, "year"), "$54,000–$72,000 a year", "$54k–$72k a year"),  # noqa: RUF001 - see above
        (Paid(54_500, 54_500, "year"), "$54,500 a year", "$54.5k a year"),
        (Paid(20, None, "hour"), "from $20 an hour", "from $20 an hour"),
        (Paid(None, 9_000, "year"), "up to $9,000 a year", "up to $9,000 a year"),
        (Paid(None, None, None), "", ""),
    ],
)
def test_pay_reads_as_an_advertisement_says_it(paid: Paid, long: str, short: str) -> None:
    assert wording.salary(paid) == long
    assert wording.salary(paid, short=True) == short


def test_an_unknown_word_is_shown_as_it_is() -> None:
    assert wording.terms("full_time") == "Full time"
    assert wording.terms("on_call") == "on_call"
    assert wording.level("lead") == "Lead"
