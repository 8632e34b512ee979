"""What is only said is never ticked: every tree of lies, each line that it lies about, from end to end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.unready.lies import LIES, TRUTHS, Lie
from tests.unready.planting import inspected, tree

TARGET = '[repository]\npath = "tree"\n'


@pytest.mark.parametrize("truth", [pytest.param(one, id=one.name) for one in TRUTHS])
def test_what_is_done_is_ticked(truth: Lie, tmp_path: Path) -> None:
    """Else the lies would be refused for another reason than that they are lies."""
    tree(tmp_path / "tree", truth.files)
    seen = inspected(tmp_path, "Production", truth.lines, TARGET)
    assert [line for line, status in seen.status.items() if status != "pass"] == [], seen.words


@pytest.mark.parametrize("lie", [pytest.param(one, id=one.name) for one in LIES])
def test_what_is_only_said_is_not_ticked(lie: Lie, tmp_path: Path) -> None:
    own = {name: text for name, text in lie.files.items() if name != ".git"}
    folder = tree(tmp_path / "tree", own)
    if ".git" in lie.files:
        shutil.rmtree(folder / ".git")
        (folder / ".git").write_text(lie.files[".git"])
    seen = inspected(tmp_path, "Production", lie.lines, TARGET)
    assert set(seen.status) == set(lie.lines)
    assert [line for line, status in seen.status.items() if status in {"pass", "not_applicable"}] == [], seen.words
