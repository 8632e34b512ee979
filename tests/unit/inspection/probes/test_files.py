from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.logs import LogsProbe
from roadworthy.inspection.probes.nginx import NginxProbe, parse
from roadworthy.inspection.probes.repo import RepoProbe, keyword

CONFIGURATION = r"""
# a comment { with ; signs }
worker_processes auto;
http {
    log_format main '$remote_addr "$request"; {x}';
    upstream backend { least_conn; server 127.0.0.1:8010 weight=2; server unix:/run/app.sock; }
    server {
        listen 443 ssl; server_name a.test b.test;
        location ~ ^/api/(?<id>\d+)$ { proxy_pass http://backend; add_header X-A "a;b" always; }
        location /uploads { alias /srv/up\ loads; expires 30d; }
        if ($host != "a.test") { return 301 https://a.test$request_uri; }
    }
}
"""


def tree(folder: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_nginx_is_read_as_nginx_reads_it() -> None:
    found = list(parse(CONFIGURATION))
    by_name = {one.name: one for one in found}
    assert by_name["worker_processes"].blocks == ()
    assert by_name["log_format"].words == ("main", '$remote_addr "$request"; {x}')
    assert [one.words[0] for one in found if one.name == "server" and one.words] == [
        "127.0.0.1:8010",
        "unix:/run/app.sock",
    ]
    assert by_name["proxy_pass"].blocks == ("http", "server", r"location ~ ^/api/(?<id>\d+)$")
    assert by_name["add_header"].words == ("X-A", "a;b", "always")
    assert by_name["expires"].blocks[-1] == "location /uploads"
    assert by_name["return"].words == ("301", "https://a.test$request_uri")


def test_includes_are_followed_and_a_circle_ends(tmp_path: Path) -> None:
    tree(
        tmp_path,
        {
            "nginx.conf": "http { include sites/*.conf; }",
            "sites/a.conf": "server { listen 80; include ../nginx.conf; }",
            "sites/b.conf": "server { listen 81; }",
        },
    )
    probe = NginxProbe(tmp_path / "nginx.conf")
    assert {one.words[0] for one in probe.named("listen")} == {"80", "81"}
    assert all(one.blocks[:1] == ("http",) for one in probe.named("listen"))
    assert probe.named("listen", within="server")
    assert not probe.named("listen", within="upstream")


def test_an_empty_nginx_configuration_is_unobservable(tmp_path: Path) -> None:
    with pytest.raises(Unobservable, match="no nginx directive"):
        _ = NginxProbe(tmp_path).directives


def test_the_tree_leaves_out_what_others_wrote_and_links_out_of_it(tmp_path: Path) -> None:
    root = tree(
        tmp_path / "repo",
        {"app/main.py": "x", "node_modules/a/index.js": "x", ".venv/lib.py": "x", ".git/config": "x", ".env": "A=1"},
    )
    (tmp_path / "outside.py").write_text("secret")
    (root / "link.py").symlink_to(tmp_path / "outside.py")
    assert list(RepoProbe(root).files) == [".env", "app/main.py"]
    with pytest.raises(Unobservable, match="not a folder"):
        _ = RepoProbe(tmp_path / "none").files


def test_tests_and_documents_are_no_evidence_about_code(tmp_path: Path) -> None:
    root = tree(
        tmp_path, {"app/db.py": "pool_size=1", "tests/test_db.py": "pool_size=2", "docs/guide.md": "pool_size=3"}
    )
    repo = RepoProbe(root)
    assert [match.path for match in repo.grep(re.compile("pool_size"), "*")] == ["app/db.py"]
    assert len(repo.grep(re.compile("pool_size"), "*", aside=True)) == 3
    assert repo.find("*.md", aside=False) == []


def test_calls_are_found_by_syntax_not_by_text(tmp_path: Path) -> None:
    source = """
# create_engine(url, pool_size=99)
TEXT = "create_engine(url, pool_size=98)"
size = 7
engine = sqlalchemy.create_engine(url, pool_size=20, pool_pre_ping=True)
other = create_engine(url, pool_size=size)
"""
    root = tree(tmp_path, {"db.py": source, "broken.py": "def create_engine(:"})
    calls = [call for _, call in RepoProbe(root).calls("create_engine")]
    assert [keyword(call, "pool_size") for call in calls] == [20, None]
    assert [keyword(call, "pool_pre_ping") for call in calls] == [True, None]


def test_a_log_is_read_from_where_it_ended_also_after_it_was_rotated(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("old line\n" * 10)
    os.utime(tmp_path / "app.log", (1, 1))
    (tmp_path / "newer.log").write_text("x")
    probe = LogsProbe(tmp_path)
    assert [one.path.name for one in probe.files()] == ["newer.log", "app.log"]
    mark = probe.mark()
    with log.open("a") as file:
        file.write("new line\n")
    assert probe.since(log, mark[log]) == "new line\n"
    log.write_text("after rotation\n")
    assert probe.since(log, mark[log]) == "after rotation\n"
    assert probe.tail(log, 9) == "rotation\n"


@pytest.mark.parametrize("path", ["none", "empty"])
def test_no_log_is_unobservable(tmp_path: Path, path: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(Unobservable):
        LogsProbe(tmp_path / path).files()


def test_a_tree_too_large_to_walk_is_unobservable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        (tmp_path / str(number)).mkdir()
    monkeypatch.setattr("roadworthy.inspection.probes.repo.ENTRIES_LIMIT", 8)
    with pytest.raises(Unobservable, match="entries"):
        _ = RepoProbe(tmp_path).files
