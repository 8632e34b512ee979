"""Source trees written to hold the inspector up: each of its patterns costs about what it reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.inspection.catalogue import environments, leaks, residue, sources, startup
from roadworthy.inspection.probes import images, manifests, scripts, suites
from roadworthy.inspection.probes.repo import RepoProbe

SIZE = 200_000
UNITS = {
    "Jenkinsfile": "sh '''",
    "Dockerfile": "FROM x\nRUN <<A\n",
    "Makefile": "a:\n \n",
    "src/a.ts": "/* new Pool({ ",
    "src/b.ts": "console.log(`${",
    "src/c.rb": "puts '",
    "app.go": 'log.Printf("',
    "app/a.py": "x(",
    "app/settings.py": "INSTALLED_APPS = [] # '",
    "k8s/a.yaml": "apiVersion: v1\nkind: [",
    "compose.yml": "services: {",
    ".env.production": "PASSWORD='",
    "package.json": '{"scripts":',
    "junit.xml": "<testsuite><testcase>",
    "coverage/lcov.info": "LF:1\n",
    "config/database.yml": "<%= ENV[",
}
WORKFLOW = "on: [push]\njobs:\n  a:\n    steps:\n      - run: "


def log_calls(repo: RepoProbe) -> list[object]:
    return [[*residue._leaky(one), *residue._statements(one)] for one in repo.known(sources.code)]


@pytest.mark.timeout(60)
def test_a_tree_without_end(tmp_path: Path) -> None:
    for name, unit in UNITS.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text((unit * (SIZE // len(unit)))[:SIZE])
    (tmp_path / ".github/workflows").mkdir(parents=True)
    for word in ("mvn gradle ", "gunicorn ", "git push ", "docker compose ", "npm run "):
        (tmp_path / ".github/workflows" / f"{word.split()[0]}.yml").write_text(WORKFLOW + word * (SIZE // len(word)))
    repo = RepoProbe(tmp_path)
    readers: tuple[Callable[[RepoProbe], object], ...] = (
        sources.code, scripts.steps, images.dockerfiles, images.compose,
        manifests.read, suites.results,
        suites.coverage,
        environments.variables, startup.commands, startup._counts, startup._pools, leaks.search, log_calls,
    )  # fmt: skip
    for read in readers:
        began = time.monotonic()
        repo.known(read)
        assert time.monotonic() - began < 8, read
