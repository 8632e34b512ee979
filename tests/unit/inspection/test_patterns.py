"""No pattern takes the square of a long run's length: a tree of others could hold the inspector for hours.

A regular expression can't be interrupted by asyncio and holds every thread, so no time limit of a check helps.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from tests.unit.inspection import growth

from roadworthy.inspection.probes import comments, repo

CHILD_LIMIT_SECONDS = 150
PATTERNS = 900
"""There are over a thousand: finding far fewer means that they are no longer found."""


def test_no_pattern_takes_the_square() -> None:
    child = subprocess.run(
        [sys.executable, "-m", "tests.unit.inspection.growth"],
        capture_output=True, text=True, timeout=CHILD_LIMIT_SECONDS, check=False,
    )  # fmt: skip
    *slow, tried = child.stdout.splitlines() or ["nothing", child.stderr]
    assert not slow
    assert int(tried) > PATTERNS


@pytest.fixture
def stopped() -> Iterator[None]:
    """Patterns are stopped as they are in the child."""
    before = signal.signal(signal.SIGVTALRM, growth._stop)
    yield
    signal.signal(signal.SIGVTALRM, before)


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("square", [r"(?m)^\s*x", r"\w+\.service", r"a.*b", r"\([^)]*\)", r"(?s)<!--.*?-->"])
def test_squares_are_found(square: str) -> None:
    assert growth.squares(re.compile(square))


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize(
    "line", [r"(?m)^[ \t]*x", r"(?<!\w)\w{1,200}\.service", r"a.{0,200}b", r"(?s)<!--.*?(?:-->|\Z)"]
)
def test_what_is_bounded_is_let_be(line: str) -> None:
    assert not growth.squares(re.compile(line))


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("language", ["python", "ruby", "php", "javascript", "go"])
@pytest.mark.parametrize("atom", ["/*", "<!--", "'", '"', "`", '"""', "\\", "#", "//", "=begin\n", "'\n", "*/", "`\n"])
def test_comments_are_found_in_a_time_by_length(language: str, atom: str) -> None:
    text = (atom * 100_000)[:100_000]
    assert len(comments.blank(text, language)) == len(text)
    assert growth.seconds(comments._lexer_of(language), text) < growth.LIMIT_SECONDS


def test_runs_in_files_are_cut_short() -> None:
    text = "a = 1\n" + "\n" * 9_000 + "b = 2\n" + "-" * 9_000
    short = repo._calmed(text)
    assert len(short) < 2 * repo.RUN_CHARACTERS + 20
    assert "a = 1" in short
    assert "b = 2" in short
    assert repo._calmed("a = 1\n\n\n") == "a = 1\n\n\n"
