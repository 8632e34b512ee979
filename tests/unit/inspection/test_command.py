from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.inspection.fakes import inspection, line
from typer.testing import CliRunner

from roadworthy.cli import application
from roadworthy.contracts.checks import Kind, Status
from roadworthy.inspection import command
from roadworthy.inspection.command import ExitCode
from roadworthy.inspection.errors import InspectionError
from roadworthy.inspection.model import Item

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
