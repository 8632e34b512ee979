"""A whole inspection of a small system that holds a canary wherever a secret could stand."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

import pytest

from roadworthy.inspection import command
from roadworthy.inspection.command import ExitCode

CHECKLIST = """\
# Launch checklist

## Data
- [ ] We run on **PostgreSQL**
- [x] Redis is running
- [ ] Nightly backups, kept for 30 days

## Service
- [ ] Health check answers (/healthz)
- [ ] Rate limiting enabled (60 requests a minute)
- [ ] `SESSION_SECRET` is strong
- [ ] Error messages show no stack traces

## People
- [x] Product owner approval

```env
SESSION_SECRET=change-me
LOG_LEVEL=INFO
```

| Check | Status |
|---|---|
| Security headers sent | Done |
"""
CANARY = f"c4nary{secrets.token_hex(12)}"


class Service(BaseHTTPRequestHandler):
    """A page and a health check, which leak the canary in body, header and cookie."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body in one packet: two would wait 40 ms for each other
    pages: ClassVar[dict[str, tuple[str, str]]] = {
        "/": ("text/html", f"<html><body><h1>Shop</h1><p>token={CANARY}</p></body></html>"),
        "/healthz": ("application/json", json.dumps({"status": "ok", "database": "ok", "password": CANARY})),
    }

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        kind, text = self.pages.get(path, ("text/plain", f"nothing here, secret={CANARY}"))
        body = text.encode()
        self.send_response(200 if path in self.pages else 404)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.send_header("set-cookie", f"session={CANARY}; Path=/")
        self.send_header("x-debug", f"token={CANARY}")
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - the base class calls it by this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def system(tmp_path: Path, service: str, database_url: str, valkey_url: str) -> Path:
    """A folder with a checklist, a target and files that hold the canary."""
    (tmp_path / "CHECKLIST.md").write_text(CHECKLIST)
    (tmp_path / "app.log").write_text(f"INFO started\nINFO login password={CANARY}\n")
    (tmp_path / ".env").write_text(f"SESSION_SECRET={CANARY}\nSMTP_PASSWORD={CANARY}\nLOG_LEVEL=INFO\n")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "settings.py").write_text(f'API_KEY = "{CANARY}"\n')
    (tmp_path / "target.toml").write_text(
        f'[target]\nname = "Shop"\n[http]\nurl = "{service}"\n[postgres]\ndsn = "{database_url}"\n'
        f'[redis]\nurl = "{valkey_url}"\n[repository]\npath = "."\n[config]\nenv_file = ".env"\n'
        '[logs]\npath = "app.log"\n'
    )
    return tmp_path


def wanted(system: Path) -> command.Wanted:
    return command.Wanted(
        system / "CHECKLIST.md", system / "target.toml", json=system / "report.json", out=system / "out.md"
    )


def test_ticks_what_it_saw_and_nothing_else(system: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.execute(wanted(system)) is ExitCode.FAILED
    report = json.loads((system / "report.json").read_text())
    status = {item["line"]: item["status"] for item in report["items"]}
    assert status[4] == "pass"
    assert status[5] == "pass"
    assert status[10] == "fail", "nothing limits requests"
    written = (system / "out.md").read_text().splitlines()
    ticked = {line.split("] ")[1] for line in written if line.startswith("- [x]")}
    passed = {item["text"] for item in report["items"] if item["status"] == "pass"}
    assert {text.replace("*", "") for text in ticked} <= passed | {"Product owner approval"}
    assert "lines verified" in capsys.readouterr().out
    for item in report["items"]:
        for check in item["checks"]:
            assert check["status"] == "unknown" or check["evidence"]["observed_at"]


def test_a_canary_planted_everywhere_appears_in_no_report(
    system: Path, database_url: str, valkey_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command.execute(wanted(system))
    shown = capsys.readouterr()
    everything = shown.out + shown.err + (system / "report.json").read_text() + (system / "out.md").read_text()
    passwords = {urlsplit(url).password for url in (database_url, valkey_url)} - {None, ""}
    for secret in {CANARY, *passwords}:
        assert str(secret) not in everything


def test_a_second_run_on_an_unchanged_system_rewrites_nothing(system: Path) -> None:
    command.execute(wanted(system))
    (system / "CHECKLIST.md").write_bytes((system / "out.md").read_bytes())
    command.execute(wanted(system))
    assert (system / "out.md").read_bytes() == (system / "CHECKLIST.md").read_bytes()


def test_by_address_alone_what_lies_inside_is_unknown_and_says_what_to_add(
    system: Path, service: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command.execute(command.Wanted(system / "CHECKLIST.md", url=service, json=system / "report.json"))
    report = json.loads((system / "report.json").read_text())
    (postgres,) = [item for item in report["items"] if item["line"] == 4]
    assert postgres["status"] == "unknown"
    assert "[postgres] dsn" in postgres["checks"][0]["remediation"]["text"]
    assert "[postgres] dsn" in capsys.readouterr().out
