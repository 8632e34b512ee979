from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from roadworthy.chassis.pages import wording

NOW = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(seconds=-20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=1), "yesterday"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=21), "3 weeks ago"),
        (timedelta(days=97), "13 weeks ago"),
        (timedelta(days=120), "on November 4, 2025"),
    ],
)
def test_ages_read_as_people_say_them(age: timedelta, text: str) -> None:
    assert wording.ago(NOW - age, NOW) == text


def test_numbers_and_nouns_agree() -> None:
    assert wording.plural(0, "job") == "0 jobs"
    assert wording.plural(1, "job") == "1 job"
    assert wording.plural(1200, "company", "companies") == "1,200 companies"
    assert wording.number(184051) == "184,051"


def test_moments_are_machine_readable_in_utc() -> None:
    assert wording.iso(NOW) == "2026-03-04T15:30:00Z"


def test_plain_text_becomes_paragraphs_and_lists() -> None:
    text = "Hello\nthere\n\nWhat you bring:\n- A license\n- Time\n\n- Only a list"
    assert str(wording.prose(text)) == (
        "<p>Hello<br>there</p>\n"
        "<h3>What you bring</h3><ul><li>A license</li><li>Time</li></ul>\n"
        "<ul><li>Only a list</li></ul>"
    )


@given(st.text(alphabet="<>&\"'ab -\n", max_size=60))
def test_no_text_of_a_stranger_becomes_markup(text: str) -> None:
    made = str(wording.prose(text))
    for tag in ("<p>", "</p>", "<br>", "<h3>", "</h3>", "<ul>", "</ul>", "<li>", "</li>"):
        made = made.replace(tag, "")
    assert "<" not in made
    assert ">" not in made


@pytest.mark.parametrize(
    ("name", "letters"), [("Still & Salt Spa", "SS"), ("The Fern Room", "FR"), ("Kneadly", "K"), ("&", "?"), ("", "?")]
)
def test_names_have_initials(name: str, letters: str) -> None:
    assert wording.initials(name) == letters


def test_hues_repeat() -> None:
    assert {wording.hue(key) for key in range(100)} == set(range(6))
