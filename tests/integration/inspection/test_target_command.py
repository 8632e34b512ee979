"""`roadworthy target` in a folder whose service runs, and an inspection with what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.processes import free_port, started, wait_until

from roadworthy.inspection import target
from roadworthy.inspection.discovery.machine import answers_http

CANARY = "c4nary-pQ71-xT02"
SERVICE = """
import http.server, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'{"status": "ok"}' if self.path == "/health" else b"<h1>Shop</h1>"
        self.send_response(200 if self.path in {"/", "/health"} else 404)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-type", "application/json" if self.path == "/health" else "text/html")
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def roadworthy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "roadworthy", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=folder)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, int, int]]:
    """A Django-shaped folder whose service runs: the folder, its port, its process."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / ".git").mkdir()
    for name, text in {
        "manage.py": "",
        "requirements.txt": "django\n",
        "service.py": SERVICE,
        "CHECKLIST.md": "# Launch\n- [ ] Health check answers (/health)\n- [ ] A license file exists\n",
    }.items():
        (folder / name).write_text(text)
    port = free_port()
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_URL": f"postgresql://app:{CANARY}@127.0.0.1:1/shop"}
    with started([sys.executable, "service.py", str(port)], environment, folder / "service.log", folder) as process:
        wait_until(lambda: answers_http(port), "the service did not start")
        yield folder, port, process.pid


def test_it_finds_what_runs_and_copies_no_secret(shop: tuple[Path, int, int]) -> None:
    folder, port, pid = shop
    done = roadworthy(folder, "target")
    assert done.returncode == 0, done.stderr
    assert "roadworthy inspect CHECKLIST.md --target target.toml" in done.stdout
    text = (folder / "target.toml").read_text()
    assert CANARY not in text + done.stdout
    assert f"process {pid}" in text
    found = target.parse(text, folder / "target.toml")
    assert found.http
    assert found.postgres
    assert found.logs
    assert found.http.url == f"http://127.0.0.1:{port}"
    assert CANARY in found.postgres.dsn, "read from the running process"
    assert found.logs.path == folder / "service.log"
    assert found.on_this_machine


def test_what_it_wrote_is_used_without_being_named(shop: tuple[Path, int, int]) -> None:
    folder, _, _ = shop
    roadworthy(folder, "target")
    done = roadworthy(folder, "inspect", "CHECKLIST.md", "--json", "report.json")
    assert done.returncode in {0, 1, 2}, done.stderr
    items = json.loads((folder / "report.json").read_text())["items"]
    assert next(item["status"] for item in items if item["line"] == 2) == "pass"
    assert CANARY not in done.stdout + (folder / "report.json").read_text()


def test_a_file_that_is_there_is_left_alone(shop: tuple[Path, int, int]) -> None:
    folder, port, _ = shop
    (folder / "target.toml").write_text("# mine\n")
    refused = roadworthy(folder, "target")
    assert refused.returncode == 3
    assert "--force" in refused.stderr
    assert (folder / "target.toml").read_text() == "# mine\n"
    assert roadworthy(folder, "target", "--force").returncode == 0
    assert str(port) in (folder / "target.toml").read_text()


def test_a_service_started_elsewhere_is_named_by_its_process(shop: tuple[Path, int, int], tmp_path: Path) -> None:
    _, port, pid = shop
    other = tmp_path / "other"
    other.mkdir()
    (other / "package.json").write_text("{}")
    assert f":{port}" not in roadworthy(other, "target", "--out", "-").stdout, "a neighbour's service"
    named = roadworthy(other, "target", "--out", "-", "--pid", str(pid)).stdout
    assert f'url = "http://127.0.0.1:{port}"' in named
    assert f"pid = {pid}" in named
    gone = roadworthy(other, "target", "--pid", "4194303")
    assert (gone.returncode, "no process 4194303" in gone.stderr) == (3, True)


def test_without_a_target_the_repository_around_the_checklist_is_looked_at(shop: tuple[Path, int, int]) -> None:
    folder, port, _ = shop
    for more in ([], ["--url", f"http://127.0.0.1:{port}"]):
        done = roadworthy(folder, "inspect", "CHECKLIST.md", "--json", "report.json", *more)
        assert done.returncode in {0, 1, 2}, done.stderr
        assert "roadworthy target" in done.stdout + done.stderr


def test_without_anything_to_look_at_it_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "CHECKLIST.md").write_text("- [ ] Health check answers (/health)\n")
    refused = roadworthy(tmp_path, "inspect", "CHECKLIST.md")
    assert refused.returncode == 3
    assert "roadworthy target" in refused.stderr


def test_a_folder_without_anything_is_said_to_be_one(tmp_path: Path) -> None:
    done = roadworthy(tmp_path, "target")
    assert done.returncode == 0
    assert "nothing of a service was found here" in done.stdout
    assert "inspect" not in done.stdout, "there is nothing to inspect yet"
    assert target.load(tmp_path / "target.toml").http is None


def test_the_help_teaches() -> None:
    shown = roadworthy(Path(), "target", "--help")
    assert shown.returncode == 0
    assert "Examples" in shown.stdout
    assert "No secret is copied" in " ".join(shown.stdout.split())
