"""Git is asked without running what the tree configures, and writes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.commits import commit, push
from roadworthy.inspection.probes.git import Git


async def tree(folder: Path, **config: str) -> Path:
    await commit(folder, {"a.py": "x = 1\n", ".gitignore": ".env\n", ".gitattributes": "* filter=evil diff=evil\n"})
    append(folder / ".git" / "config", *config.values())
    return folder


def moments(root: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def append(path: Path, *lines: str) -> None:
    path.write_text("\n".join([path.read_text(), *lines, ""]))


@pytest.mark.parametrize(
    "config",
    [
        '[filter "evil"]\n clean = touch owned\n smudge = touch owned',
        '[diff "evil"]\n textconv = touch owned',
        "[diff]\n external = touch owned",
        "[core]\n fsmonitor = touch owned",
        "[core]\n worktree = /",
        "[include]\n path = /etc/passwd",
        '[includeIf "gitdir:/"]\n path = /etc/passwd',
        "[core]\n sshCommand = touch owned",
        '[user] [filter "evil"] clean = touch owned',
        "#" + "x" * 70_000 + '\n[filter "evil"]\n clean = touch owned',
        "#" + "x" * 300_000,
        "[core\n",
    ],
)
async def test_a_configuration_that_runs_programs_is_refused(tmp_path: Path, config: str) -> None:
    with pytest.raises(Unobservable, match="config"):
        Git(await tree(tmp_path / "t", config=config))
    assert "owned" not in {path.name for path in moments(tmp_path)}


async def test_what_another_file_configures_is_refused_as_well(tmp_path: Path) -> None:
    worktree = await tree(tmp_path / "worktree", config="[extensions]\n worktreeConfig")
    (worktree / ".git/config.worktree").write_text('[filter "evil"]\n clean = touch owned\n')
    common = await tree(tmp_path / "common")
    (common / ".git/commondir").write_text("../../elsewhere\n")
    pipe = await tree(tmp_path / "pipe")
    (pipe / ".git/config").unlink()
    os.mkfifo(pipe / ".git/config")
    for root in (worktree, common, pipe):
        with pytest.raises(Unobservable, match="config"):
            Git(root)


@pytest.mark.parametrize(
    "config",
    [
        '[remote "origin"]\n url = git@example.test:a/b.git\n fetch = +refs/heads/*:refs/remotes/origin/*',
        '[branch "main"]\n remote = origin\n vscode-merge-base = origin/main',
        "[core]\n hooksPath = .husky/_\n autocrlf = input",
        "[extensions]\n worktreeConfig = true",
    ],
)
async def test_what_clones_usually_hold_is_read(tmp_path: Path, config: str) -> None:
    assert Git(await tree(tmp_path / "t", config=config)).head().branch == "main"


async def test_what_is_there(tmp_path: Path) -> None:
    root = await tree(tmp_path / "t")
    git = Git(root)
    before = moments(root)
    assert len(git.head().commit) == 40
    assert git.head().branch == "main"
    assert git.upstream() is None
    assert set(git.tracked()) == {"a.py", ".gitignore", ".gitattributes"}
    assert git.ignored(".env") == ".gitignore:1:.env"
    assert git.ignored("a.py") == ""
    assert list(git.changed()) == []
    (root / "a.py").write_text("x = 2\n")
    (root / "new name.py").write_text("")
    assert set(git.changed()) == {"a.py", "new name.py"}
    assert len(git.commits_of("a.py")) == 1
    assert git.commits_of("b.py") == []
    assert "+x = 1" in git.added_lines(5)
    after = moments(root)
    assert {path: after[path] for path in before if path.name != "a.py"} == {
        path: moment for path, moment in before.items() if path.name != "a.py"
    }


async def test_the_branch_that_is_followed(tmp_path: Path) -> None:
    root = await tree(tmp_path / "t")
    await push(root)
    await commit(root, {"a.py": "x = 3\n"})
    upstream = Git(root).upstream()
    assert upstream is not None
    assert (upstream.name, upstream.ahead, upstream.behind) == ("origin/main", 1, 0)


@pytest.mark.parametrize("kind", ["none", "file", "link"])
def test_only_a_folder_of_its_own(tmp_path: Path, kind: str) -> None:
    if kind == "file":
        (tmp_path / ".git").write_text("gitdir: /elsewhere\n")
    if kind == "link":
        (tmp_path / ".git").symlink_to("/")
    with pytest.raises(Unobservable):
        Git(tmp_path)
