from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.unit.inspection.fakes import check, inspection, line, verdict
from typer.testing import CliRunner

from roadworthy.cli import application
from roadworthy.contracts.checks import BlastRadius, Kind, Status, Verdict
from roadworthy.inspection import catalogue, command, runner
from roadworthy.inspection.command import ExitCode
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.model import Item

WAIVED = """
[[waiver]]
requirement = "health.endpoint"
owner = "Ana"
reason = "moves in May"
until = 2020-01-01
"""
NOWHERE = '[http]\nurl = "http://127.0.0.1:9"\n'


@pytest.fixture
def checklist(tmp_path: Path) -> Path:
    path = tmp_path / "CHECKLIST.md"
    path.write_text("# Launch checklist\n- [x] Health check answers (/health)\n- [ ] Team approval\n")
    (tmp_path / "target.toml").write_text(NOWHERE)
    return path


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([Status.PASS, Status.PASS], ExitCode.GOOD),
        ([Status.PASS, Status.FAIL], ExitCode.FAILED),
        ([Status.PASS] * 3 + [Status.UNKNOWN], ExitCode.GOOD),
        ([Status.PASS] * 2 + [Status.UNMAPPED], ExitCode.TOO_LITTLE_SEEN),
        ([Status.FAIL, Status.UNKNOWN, Status.UNKNOWN], ExitCode.FAILED),
        ([], ExitCode.TOO_LITTLE_SEEN),
    ],
)
def test_exit_codes(statuses: list[Status], expected: ExitCode) -> None:
    lines = [line(Item(i, (), "x"), status) for i, status in enumerate(statuses)]
    people = line(Item(99, (), "sign", kind=Kind.HUMAN), Status.HUMAN)
    assert command.exit_code(inspection(*lines, people), command.MIN_COVERAGE_PERCENT) is expected


def test_a_service_that_is_not_there_is_inspected_and_reported(checklist: Path, tmp_path: Path) -> None:
    report, out = tmp_path / "report.json", tmp_path / "out.md"
    wanted = command.Wanted(checklist, tmp_path / "target.toml", json=report, out=out)
    assert command.execute(wanted) in {ExitCode.FAILED, ExitCode.TOO_LITTLE_SEEN}
    assert json.loads(report.read_text())["summary"]["human"] == 1
    assert "- [ ] Health check answers" in out.read_text()
    assert checklist.read_text().startswith("# Launch checklist\n- [x]")


def test_the_output_may_be_the_input_and_is_left_alone_when_nothing_changed(checklist: Path, tmp_path: Path) -> None:
    wanted = command.Wanted(checklist, tmp_path / "target.toml", out=checklist)
    command.execute(wanted)
    before = checklist.stat()
    command.execute(wanted)
    assert checklist.stat().st_mtime_ns == before.st_mtime_ns
    assert checklist.stat().st_ino == before.st_ino


def test_json_on_standard_output_is_alone_there(
    checklist: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    command.execute(command.Wanted(checklist, tmp_path / "target.toml", json=Path("-")))
    assert json.loads(capsysbinary.readouterr().out)["version"] == 1


@pytest.mark.parametrize("where", ["missing/report.json", "."])
def test_a_report_without_a_place_to_go_is_refused_before_anything_runs(
    checklist: Path, tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "open_probes", None)
    with pytest.raises(InspectionError) as refused:
        command.execute(command.Wanted(checklist, tmp_path / "target.toml", json=tmp_path / where))
    assert "cannot be written" in refused.value.problem


def test_a_document_that_asks_nothing(tmp_path: Path) -> None:
    (tmp_path / "poem.md").write_text("Roses are red.\n")
    with pytest.raises(InspectionError) as refused:
        command.execute(command.Wanted(tmp_path / "poem.md"))
    assert refused.value.remedy


def test_a_plan_needs_no_target(checklist: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(application(), ["inspect", str(checklist), "--plan"])
    assert result.exit_code == 0
    assert "health.endpoint" in result.output


def test_the_help_teaches() -> None:
    result = CliRunner().invoke(application(), ["inspect", "--help"], env={"COLUMNS": "160"})
    assert "[postgres] dsn" in result.output
    assert "Exit codes" in result.output


def test_the_inspector_needs_neither_the_product_nor_its_libraries() -> None:
    heavy = ["litestar", "granian", "sqlalchemy", "alembic", "roadworthy.chassis", "roadworthy.apps", "roadworthy.main"]
    code = f"import sys, roadworthy.cli.inspect; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_report_is_written_where_it_was_asked_for(checklist: Path, tmp_path: Path) -> None:
    paths: dict[str, Any] = {name: tmp_path / f"report.{name}" for name in ("json", "html", "sarif", "junit")}
    (tmp_path / "attestations.toml").write_text(WAIVED)
    command.execute(command.Wanted(checklist, tmp_path / "target.toml", **paths))
    written = {name: path.read_text() for name, path in paths.items()}
    assert json.loads(written["sarif"])["version"] == "2.1.0"
    assert written["junit"].startswith("<?xml")
    assert "<!doctype html>" in written["html"]
    assert all("moves in May" in text for text in written.values())


def test_two_reports_do_not_share_a_file(checklist: Path, tmp_path: Path) -> None:
    both = tmp_path / "report"
    with pytest.raises(InspectionError, match="several reports"):
        command.execute(command.Wanted(checklist, tmp_path / "target.toml", json=both, html=both))


@pytest.mark.parametrize("option", ["html", "sarif", "junit", "json"])
def test_a_report_is_never_written_over_what_is_read(checklist: Path, tmp_path: Path, option: str) -> None:
    for path in (checklist, tmp_path / "target.toml"):
        options: dict[str, Any] = {option: path}
        with pytest.raises(InspectionError, match="written over"):
            command.execute(command.Wanted(checklist, tmp_path / "target.toml", **options))


@pytest.mark.parametrize("option", ["html", "sarif", "junit", "out"])
def test_only_json_goes_to_standard_output(checklist: Path, tmp_path: Path, option: str) -> None:
    options: dict[str, Any] = {option: Path("-")}
    with pytest.raises(InspectionError, match="only --json"):
        command.execute(command.Wanted(checklist, tmp_path / "target.toml", **options))


def test_a_system_that_is_not_there_is_said_before_anything_else(
    checklist: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.execute(command.Wanted(checklist, tmp_path / "target.toml"))
    said = capsys.readouterr().out
    assert "127.0.0.1:9" in said.splitlines()[1]
    assert "curl -i http://127.0.0.1:9/" in " ".join(said.split("\n\n")[0].split())


def test_the_inspections_own_files_are_no_uncommitted_work(checklist: Path, tmp_path: Path) -> None:
    git = ["git", "-c", "user.name=Kim", "-c", "user.email=kim@shop.example"]
    checklist.write_text("# Launch checklist\n- [ ] All changes are committed\n")
    (tmp_path / "app.py").write_text("print(1)\n")
    for arguments in (["init", "-q"], ["add", "app.py", "CHECKLIST.md"], ["commit", "-q", "-m", "all"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True, timeout=30)
    (tmp_path / "target.toml").write_text('[repository]\npath = "."\n')
    report, page = tmp_path / "report.json", tmp_path / "report.html"

    def said() -> str:
        wanted = command.Wanted(checklist, tmp_path / "target.toml", json=report, html=page, out=checklist)
        command.execute(wanted)
        return str(json.loads(report.read_text())["items"][0]["checks"][0]["summary"])

    said()
    assert "differ" not in said(), "its own tick, description and reports"
    (tmp_path / "app.py").write_text("print(2)\n")
    assert "1 file differs from what is committed, the first: app.py" in said()


def test_an_interrupted_inspection_says_that_nothing_was_written(
    checklist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "inspect", interrupted)
    with pytest.raises(KeyboardInterrupt):
        command.execute(command.Wanted(checklist, tmp_path / "target.toml", out=checklist))
    assert "nothing was written" in capsys.readouterr().err
    assert checklist.read_text().startswith("# Launch checklist\n- [x]")


def test_bad_attestations_and_unknown_ids_stop_it_before_anything_runs(
    checklist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "open_probes", None)
    with pytest.raises(InspectionError, match="no such requirement"):
        command.execute(command.Wanted(checklist, tmp_path / "target.toml", require=("health.endpont",)))
    (tmp_path / "attestations.toml").write_text("[[waiver]]\n")
    with pytest.raises(InspectionError, match=r"attestations\.toml:1"):
        command.execute(command.Wanted(checklist, tmp_path / "target.toml"))


def test_disruptive_checks_run_only_when_allowed_and_with_a_warning(
    checklist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = list[str]()

    async def note(*_: object) -> Verdict:
        ran.append("ran")
        return verdict(Status.PASS)

    cutting = check("health.cut", "health.endpoint", note, blast_radius=BlastRadius.DISRUPTIVE)
    monkeypatch.setattr(catalogue, "BY_REQUIREMENT", {"health.endpoint": (cutting,)})
    command.execute(command.Wanted(checklist, tmp_path / "target.toml"))
    said = capsys.readouterr()
    assert not ran
    assert "--allow disruptive" in said.out
    command.execute(command.Wanted(checklist, tmp_path / "target.toml", allow=BlastRadius.DISRUPTIVE))
    assert ran
    assert "disrupt" in capsys.readouterr().err


def test_what_up_runs_is_inspected_into_its_history(
    checklist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / ".roadworthy"
    state.mkdir()
    (tmp_path / "target.toml").rename(state / "target.toml")
    (state / command.UP_LOCK).touch()
    command.execute(command.Wanted(checklist))
    assert "`make up` still running" in capsys.readouterr().out
    kept = sorted(path.suffix for path in (state / "inspections").iterdir())
    assert kept == [".html", ".json"]


def test_a_history_that_cannot_be_written_is_a_warning_and_no_failure(
    checklist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    state = tmp_path / ".roadworthy"
    state.mkdir()
    (tmp_path / "target.toml").rename(state / "target.toml")
    (state / command.UP_LOCK).touch()
    (state / "inspections").write_text("in the way")
    assert command.execute(command.Wanted(checklist)) is not ExitCode.TOOL_FAILED
    assert "the console will not show this run" in capsys.readouterr().err
