"""Asks git about the source tree: what is committed, what is tracked, what was. Never runs what the tree configures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.bounded import read_bytes

SECONDS_LIMIT = 8.0
OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024
CONFIG_LIMIT_BYTES = 256 * 1024
_HARMLESS = re.compile(
    r"(?:core\.(?:repositoryformatversion|filemode|bare|logallrefupdates|ignorecase|precomposeunicode|symlinks|autocrlf"
    r"|eol|safecrlf|longpaths|quotepath|abbrev|compression|bigfilethreshold|untrackedcache|splitindex|preloadindex"
    r"|sparsecheckout|sparsecheckoutcone|protectntfs|protecthfs|fscache|commentchar|hookspath|pager|editor"
    r"|attributesfile)"
    r"|extensions\.(?:objectformat|refstorage|partialclone|worktreeconfig|compatobjectformat)"
    r"|gpg\.format|(?:remote|branch|user|submodule|alias|url|init|advice|color|pull|push|fetch|rebase|gc|maintenance"
    r"|commit|tag|rerere|receive|http|credential|pack|feature|index|gui|gitflow|lfs|github|vscode-merge-base)\..*)",
    re.IGNORECASE | re.DOTALL,
)
"""What a tree's own configuration may hold: nothing of it runs a program on reading, or is overruled below."""
_SWITCHED_OFF = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.attributesFile=/dev/null"),
    *("-c", "core.pager=cat", "-c", "protocol.allow=never", "-c", "gc.auto=0", "-c", "core.quotePath=false"),
    *("-c", "log.showSignature=false"),
)


@dataclass(frozen=True, slots=True)
class Head:
    """The commit that is checked out: its id, when it was made, its branch ("" when detached)."""

    commit: str
    made_at: datetime
    branch: str


@dataclass(frozen=True, slots=True)
class Upstream:
    """The branch followed on a remote, as last fetched: commits here that it lacks, and the other way round."""

    name: str
    ahead: int
    behind: int


class Git:
    """The version control of a source tree. Every call ends within `SECONDS_LIMIT` and writes nothing."""

    def __init__(self, root: Path) -> None:
        """Take the root of the tree.

        Raises:
            Unobservable: it is under no version control, git is missing, or the tree configures git to run programs.
        """
        self.root = root
        if not (root / ".git").is_dir() or (root / ".git").is_symlink():
            raise Unobservable("the source tree is no git checkout: it has no .git folder", "name a clone's root")
        if shutil.which("git") is None:
            raise Unobservable("git is not installed here", "install git where the inspection runs")
        self._refuse_what_runs()

    def _refuse_what_runs(self) -> None:
        """Configuration by git's own reading of it: no pattern of ours reads it as git does."""
        folder = self.root / ".git"
        if (folder / "commondir").exists():
            raise Unobservable("the tree's .git leads to another folder's configuration", "inspect a fresh clone")
        for path in (folder / "config", folder / "config.worktree"):
            names = _named_in(path) if os.path.lexists(path) else ()
            odd = next((name for name in names if not _HARMLESS.fullmatch(name)), None)
            if odd is not None:
                raise Unobservable(
                    f"the tree's own .git/{path.name} may make git run programs or look elsewhere ({odd[:60]!r})",
                    "inspect a fresh clone",
                )

    def head(self) -> Head:
        """The commit that is checked out; Unobservable where there is none."""
        line = self.ask("log", "-1", "--format=%H %ct").split()
        if len(line) != 2:  # noqa: PLR2004 - id and moment, as asked
            raise Unobservable("nothing is committed yet", "commit")
        branch = self.ask("rev-parse", "--abbrev-ref", "HEAD").strip()
        return Head(line[0], datetime.fromtimestamp(int(line[1]), UTC), "" if branch == "HEAD" else branch)

    def upstream(self) -> Upstream | None:
        """The branch followed; None where none is."""
        name = self.ask(
            "for-each-ref", "--format=%(upstream:short)", self.ask("symbolic-ref", "-q", "HEAD").strip() or "-"
        )
        if not name.strip():
            return None
        counts = self.ask("rev-list", "--left-right", "--count", f"HEAD...{name.strip()}").strip()
        ahead, _, behind = counts.partition("\t")
        return Upstream(name.strip(), int(ahead), int(behind)) if ahead.isdigit() and behind.isdigit() else None

    def changed(self) -> Sequence[str]:
        """Paths that differ from what is committed, untracked ones that are not ignored included."""
        return [
            line[3:]
            for line in self.ask("status", "--porcelain", "-z", "--ignore-submodules=all").split("\0")
            if line[3:]
        ]

    def tracked(self, *patterns: str) -> Sequence[str]:
        """Tracked paths, or those that match git's patterns."""
        return [path for path in self.ask("ls-files", "-z", "--", *patterns).split("\0") if path]

    def ignored(self, path: str) -> str:
        """The rule that keeps `path` out ("`.gitignore:3:.env`"); empty where none does."""
        said = self.ask("check-ignore", "-v", "--no-index", "--", path).strip()
        rule = said.partition("\t")[0]
        mine_alone = rule.startswith(".git/")  # info/exclude is in nobody else's clone
        return "" if mine_alone or rule.rpartition(":")[2].startswith("!") else rule

    def commits_of(self, *patterns: str) -> Sequence[str]:
        """Commits of any branch that touched paths matching the patterns, newest first: short id and day."""
        lines = self.ask("log", "--all", "--format=%h %cs", "-n", "50", "--", *patterns)
        return lines.splitlines()

    def changed_at(self, *patterns: str) -> datetime | None:
        """When paths matching the patterns were last committed; None where they never were."""
        moment = self.ask("log", "-1", "--format=%ct", "--", *patterns).strip()
        return datetime.fromtimestamp(int(moment), UTC) if moment.isdigit() else None

    def tags(self) -> Sequence[str]:
        """Tags, newest first, at most 50."""
        return self.ask(
            "for-each-ref", "--sort=-creatordate", "--count=50", "--format=%(refname:short)", "refs/tags"
        ).split()

    def added_lines(self, commits: int) -> str:
        """What the last commits of all branches added, as git's patch without context, bounded."""
        return self.ask(
            *("log", "--all", "-n", str(commits), "-p", "-U0", "--no-color", "--no-ext-diff", "--no-textconv"),
            *("--no-renames", "--diff-filter=AM", "--format=commit %h %cs"),
        )

    def ask(self, *arguments: str) -> str:
        """The output of `git ...`, bounded in time and size; empty where git says no."""
        command = [
            "git",
            "-c",
            f"safe.directory={self.root.resolve()}",
            *_SWITCHED_OFF,
            "-C",
            str(self.root),
            *arguments,
        ]
        try:
            with subprocess.Popen(  # noqa: S603 - a fixed program, its arguments a list
                command,
                env=_environment(self.root),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as process:
                return _bounded_output(process, arguments[0])
        except OSError as error:
            raise Unobservable(f"git could not be started: {error.strerror}") from error


def _bounded_output(process: subprocess.Popen[bytes], what: str) -> str:
    timer = threading.Timer(SECONDS_LIMIT, process.kill)
    timer.start()
    try:
        assert process.stdout is not None
        raw = process.stdout.read(OUTPUT_LIMIT_BYTES)
        process.kill() if len(raw) == OUTPUT_LIMIT_BYTES else process.wait()
    finally:
        late = not timer.is_alive()
        timer.cancel()
    if late:
        raise Unobservable(f"git {what} took longer than {SECONDS_LIMIT:g} seconds", "name a smaller tree")
    return raw.decode("utf-8", "replace")


def _environment(root: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CEILING_DIRECTORIES": str(root.parent), "GIT_NO_LAZY_FETCH": "1", "HOME": os.devnull,
    }  # fmt: skip


def _named_in(path: Path) -> Sequence[str]:
    """Names of the variables that git reads from a configuration, in an empty folder so that it reads no other.

    Raises:
        Unobservable: it is no ordinary file, too long, or git can't read it either.
    """
    try:
        raw = read_bytes(path, CONFIG_LIMIT_BYTES + 1)
        with tempfile.TemporaryDirectory(prefix="roadworthy-git-") as folder:
            said = subprocess.run(
                ["git", "config", "--file", "-", "--no-includes", "--name-only", "--list", "-z"],  # noqa: S607 - found on PATH
                input=raw, env=_environment(Path(folder)), cwd=folder, capture_output=True, check=False,
                timeout=SECONDS_LIMIT,
            )  # fmt: skip
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise Unobservable(f".git/{path.name} can't be read: {error}", "inspect a fresh clone") from error
    if said.returncode != 0 or len(raw) > CONFIG_LIMIT_BYTES:
        raise Unobservable(f".git/{path.name} is not what git writes there", "inspect a fresh clone")
    return [name for name in said.stdout.decode("utf-8", "replace").split("\0") if name]
