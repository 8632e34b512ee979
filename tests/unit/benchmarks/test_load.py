from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from benchmarks import load


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"x" * 5_000
        self.send_response(503 if self.path == "/down" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(params=["wrk", "our own"])
def generator(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = shutil.which("wrk")
    if request.param == "our own":
        monkeypatch.setattr(shutil, "which", lambda _: None)
    elif installed is None:
        pytest.skip("not run: needs wrk (Debian: apt-get install wrk)")


def paths(folder: Path, *lines: str) -> Path:
    file = folder / "paths"
    file.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    return file


@pytest.mark.usefixtures("generator")
def test_every_answer_is_counted(url: str, tmp_path: Path) -> None:
    seen = load.run(url, paths(tmp_path, "/a", "/b"), connections=4, seconds=1, seed=1)

    assert seen.requests > 0
    assert seen.bytes >= seen.requests * 5_000
    assert 0 < seen.p50_ms <= seen.p95_ms <= seen.p99_ms
    assert seen.errors == 0


@pytest.mark.usefixtures("generator")
def test_refusals_are_errors(url: str, tmp_path: Path) -> None:
    seen = load.run(url, paths(tmp_path, "/down"), connections=2, seconds=1, seed=1)

    assert seen.status_errors == seen.requests > 0


@pytest.mark.usefixtures("generator")
def test_a_load_without_paths_is_no_result(url: str, tmp_path: Path) -> None:
    with pytest.raises(load.LoadFailed):
        load.run(url, paths(tmp_path), connections=2, seconds=1, seed=1)
