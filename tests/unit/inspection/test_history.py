from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.inspection.fakes import inspection, line

from roadworthy.contracts.checks import Status
from roadworthy.inspection import command, history
from roadworthy.inspection.model import Item
from roadworthy.inspection.writing import Unwritable

FOUND = inspection(line(Item(1, (), "x"), Status.PASS))


def test_the_newest_are_kept_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    folder = tmp_path / "inspections"
    for n in range(history.KEPT + 3):
        moment = f"2026-03-{n // 24 + 1:02d}T{n % 24:02d}:00:00Z"
        history.keep(folder, replace(FOUND, started_at=moment), {"json": b"{}", "html": b"<p>"})
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 2 * history.KEPT
    assert names[0] == "20260301T030000Z-checklist.html"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("checklist", "name"),
    [
        ("docs/PRODUCTION_CHECKLIST.md", "production-checklist"),
        ("../../etc/Größe & Co.md", "gr-e-co"),
        ("☺.md", "checklist"),
        (f"{'a' * 300}.md", "a" * history.NAME_LIMIT_CHARACTERS),
    ],
)
def test_a_name_says_which_checklist_it_was(checklist: str, name: str) -> None:
    assert history.name_of(replace(FOUND, checklist=checklist)) == f"20260301T100000Z-{name}"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "inspections").write_text("a file")
    with pytest.raises(Unwritable):
        history.keep(tmp_path / "inspections", FOUND, {"json": b"{}"})


def test_only_what_up_runs_has_a_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / ".roadworthy"
    state.mkdir()
    checklist, target = Path("CHECKLIST.md"), state / "target.toml"
    target.touch()
    assert command.Wanted(checklist).state is None
    (state / command.UP_LOCK).touch()
    assert command.Wanted(checklist).state == Path(".roadworthy")
    assert command.Wanted(checklist, target).state == state
    assert command.Wanted(checklist, tmp_path / "target.toml").state is None
    assert command.Wanted(checklist, url="https://elsewhere.example").state is None
