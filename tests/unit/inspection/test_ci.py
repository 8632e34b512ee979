"""The action and the guide's snippets are run or read, not believed."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from roadworthy.cli import load

ROOT = Path(__file__).parents[3]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
GUIDE = (ROOT / "docs/guide/ci.md").read_text()
SECONDS = 60


def step(name: str) -> dict[str, Any]:
    return next(one for one in ACTION["runs"]["steps"] if one["name"] == name)


@pytest.fixture
def runner(tmp_path: Path) -> dict[str, str]:
    """The environment that a runner gives the step: RUNNER_TEMP has the program installed."""
    binary = tmp_path / "temp/roadworthy/bin/roadworthy"
    binary.parent.mkdir(parents=True)
    binary.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m roadworthy "$@"\n')
    binary.chmod(0o755)
    (tmp_path / "list's $(touch pwned).md").write_text("- [ ] `/health` answers\n")
    (tmp_path / "target.toml").write_text('[http]\nurl = "http://127.0.0.1:9"\n')
    inputs = {
        name.upper().replace("-", "_"): value.get("default", "")
        for name, value in ACTION["inputs"].items()
        if not name.startswith("upload")
    }
    return os.environ | inputs | {
        "CHECKLIST": "list's $(touch pwned).md",
        "TARGET": "target.toml",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "ROADWORTHY_DOCS_URL": "https://git.example/o/r/blob/v1/docs/checks",
    }  # fmt: skip


def run(environment: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step("Inspect")["run"]]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
    )


def test_the_step_leaves_reports_outputs_and_a_summary(runner: dict[str, str], tmp_path: Path) -> None:
    done = run(runner, tmp_path)
    assert done.returncode == 0, done.stderr  # the last step decides, so that reports are uploaded first
    reports = tmp_path / "roadworthy-reports"
    assert {path.name for path in reports.iterdir()} == {"report.json", "report.html", "report.sarif", "report.xml"}
    assert (tmp_path / "output").read_text() == "exit-code=1\ncoverage=1.0\n"
    assert "1 of 1 line verified, 1 failed" in (tmp_path / "summary").read_text()
    (rule,) = json.loads((reports / "report.sarif").read_text())["runs"][0]["tool"]["driver"]["rules"]
    assert rule["helpUri"].startswith("https://git.example/o/r/blob/v1/docs/checks/health.")
    assert not (tmp_path / "pwned").exists()


def test_required_ids_and_a_failed_tool_come_through(runner: dict[str, str], tmp_path: Path) -> None:
    run(runner | {"REQUIRE": "tls.cret"}, tmp_path)
    assert (tmp_path / "output").read_text() == "exit-code=3\n"


def test_no_input_is_written_into_a_script() -> None:
    for one in ACTION["runs"]["steps"]:
        assert "${{" not in one.get("run", "")


def test_every_option_in_the_guide_and_the_action_exists() -> None:
    known = {option for parameter in load("inspect").params for option in parameter.opts}
    written = set(re.findall(r"--[a-z][a-z-]+", GUIDE + step("Inspect")["run"]))
    assert written <= known
    assert len(written) > 5


def test_snippets_are_yaml_and_take_inputs_that_exist() -> None:
    snippets = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    workflow, gitlab = snippets
    uses = workflow["jobs"]["inspect"]["steps"][1]
    assert set(uses["with"]) <= set(ACTION["inputs"])
    assert gitlab["inspect"]["artifacts"]["reports"]["junit"] in " ".join(gitlab["inspect"]["script"])
    for name in re.findall(r"`([a-z-]+)`", GUIDE.partition("Other inputs:")[2].partition("Outputs")[0]):
        assert name in ACTION["inputs"]
