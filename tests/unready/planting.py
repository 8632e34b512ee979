"""Small real systems with one defect each, inspected from end to end: through the command, judged by its JSON."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.processes import free_port, started, wait_until

from roadworthy.chassis.processes.state import FileLock
from roadworthy.inspection import command

SERVICES = Path(__file__).with_name("services")
SCRIPTS = {"node": "node_shop.js", "express": "express/shop.js"}
NPM_SECONDS = 80
STRONG_KEY = "kV3t9-xQ7_mB2pZr8LwN5yHd4Gf6JcTs"


@dataclass(frozen=True, slots=True)
class Defect:
    """What is wrong, the line that asks about it, and the check that must find it.

    `plant` is what a state takes to be broken (SQL, settings, texts of files); a service is told the `name`.
    `environment` is what the service is started with besides. `also`: lines that rightly fail with it.
    """

    name: str
    line: str
    check: str
    plant: Any = None
    environment: Mapping[str, str] = field(default_factory=dict)
    also: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """The lines of a report: text -> status, and the checks that failed."""

    status: Mapping[str, str]
    failed: Mapping[str, Sequence[str]]
    words: Mapping[str, str]

    @property
    def alarms(self) -> Mapping[str, str]:
        """Lines that failed, with why."""
        return {line: self.words[line] for line, status in self.status.items() if status == "fail"}


def inspected(folder: Path, title: str, lines: Sequence[str], target: str) -> Seen:
    """Inspect a checklist of `lines` under the heading `title` against `target`, a target.toml."""
    head = ["# Launch checklist", f"## {title}"]
    (folder / "CHECKLIST.md").write_text("\n".join([*head, *(f"- [ ] {line}" for line in lines)]))
    (folder / "target.toml").write_text(target)
    report = folder / "report.json"
    command.execute(command.Wanted(folder / "CHECKLIST.md", folder / "target.toml", json=report))
    items = json.loads(report.read_text())["items"]
    by_text = {lines[item["line"] - 3]: item for item in items}
    return Seen(
        {text: item["status"] for text, item in by_text.items()},
        {text: [one["id"] for one in item["checks"] if one["status"] == "fail"] for text, item in by_text.items()},
        {text: "; ".join(str(one.get("summary")) for one in item["checks"]) for text, item in by_text.items()},
    )


@contextlib.contextmanager
def service(kind: str, folder: Path, defects: str = "", environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """A shop of this `kind` with `defects`; yields its address."""
    port = free_port()
    told = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DEFECTS": defects,
        "SECRET_KEY": STRONG_KEY,
        "ENVIRONMENT": "production",
        "PYTHONPATH": str(SERVICES),
        **(environment or {}),
    }
    with started(_command(kind, port), told, folder / "service.log", folder):
        wait_until(lambda: listens(port), (folder / "service.log").read_text)
        yield f"http://127.0.0.1:{port}"


def _command(kind: str, port: int) -> Sequence[str]:
    bin_ = Path(sys.executable).parent
    if kind in SCRIPTS:
        return [str(shutil.which("node")), str(SERVICES / SCRIPTS[kind])]
    if kind == "fastapi":
        options = ["--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
        return [str(bin_ / "uvicorn"), "fastapi_shop:app", *options]
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4", "--log-level", "warning"]
    return [str(bin_ / "gunicorn"), "flask_shop:app", *options]


def express_packages(cache: Path) -> Path:
    """The folder with the packages that the lock file names, kept in `cache` between runs; runs none of their scripts.

    Where the registry can't be reached the test is not run; where everything must run, it fails.
    """
    wanted = [SERVICES / "express" / name for name in ("package.json", "package-lock.json")]
    folder = cache / hashlib.sha256(wanted[1].read_bytes()).hexdigest()[:16]
    lock = FileLock(cache / "lock")
    lock.acquire(wait=True)
    try:
        if not (folder / "installed").exists():
            _install(wanted, folder)
    finally:
        lock.release()
    return folder / "node_modules"


def _install(wanted: Sequence[Path], folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for file in wanted:
        shutil.copy(file, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=NPM_SECONDS, check=False)
    if done.returncode:
        refuse = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        refuse(f"not run: npm could not bring Express: {done.stderr.strip()[-300:]}")
    (folder / "installed").touch()


def listens(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


def tree(folder: Path, texts: Mapping[str, str | None]) -> Path:
    """A repository with one commit; a text of None leaves the file out."""
    for name, text in texts.items():
        if text is not None:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    identity = ["-c", "user.name=Kim", "-c", "user.email=kim@shop.example"]
    for arguments in (["init", "-q"], ["add", "-f", "-A"], [*identity, "commit", "-q", "-m", "all of it"]):
        subprocess.run(["git", *arguments], cwd=folder, check=True, timeout=30, capture_output=True)
    return folder
