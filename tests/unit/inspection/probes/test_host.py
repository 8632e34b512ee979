from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.machine import Machine, Program
from roadworthy.inspection.probes.host import HostProbe, Process, programs

LISTEN = """
import os, socket, sys, time
server = socket.socket(); server.bind(("127.0.0.1", 0)); server.listen()
for _ in range(2):
    if os.fork() == 0:
        time.sleep(60); os._exit(0)
print(server.getsockname()[1], flush=True)
time.sleep(60)
"""


def test_a_real_listener_its_children_and_its_environment_are_found() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", LISTEN], stdout=subprocess.PIPE, env={"CANARY": "seen"}, start_new_session=True
    )
    assert child.stdout is not None
    try:
        port = int(child.stdout.readline())
        host = HostProbe()
        found = host.listeners(port)
        assert found[0].pid == child.pid
        assert len(found) == 3
        assert {one.pid for one in host.descendants(child.pid)} == {one.pid for one in found[1:]}
        assert host.addresses(port) == ("127.0.0.1",)
        assert (host.environment(child.pid) or {}).get("CANARY") == "seen"
        assert found[0].user_id == os.getuid()
        assert os.getpid() in {one.pid for one in host.ancestors(found[1])}
        assert 0 <= host.age_seconds(found[0]) < 60
    finally:
        os.killpg(child.pid, 9)
        child.wait()
        child.stdout.close()


def test_this_machine_says_what_it_has() -> None:
    host = HostProbe()
    assert 1 <= host.cores() <= (os.cpu_count() or 1)
    assert host.memory()["MemTotal"] > 2**26
    assert host.disk().total > host.disk().free > 0
    assert host.load() >= 0
    assert host.process(os.getpid()) is not None
    assert host.process(2**22 + 1) is None


def test_a_machine_without_processes_is_unobservable(tmp_path: Path) -> None:
    with pytest.raises(Unobservable, match="no process is visible"):
        HostProbe(proc=tmp_path, root=tmp_path).processes()


def test_a_planted_machine_reads_like_a_real_one(tmp_path: Path) -> None:
    host = Machine(
        (Program("/venv/bin/gunicorn app:app -w 2", children=2, listens=True), Program("nginx: master process")),
        files={"etc/cron.d/backup": "x", "etc/cron.d/other": "y"},
        address="0.0.0.0",
    ).build(tmp_path, 8000)
    assert [one.pid for one in host.listeners(8000)] == [101, 102, 103]
    assert host.listeners(8001) == ()
    assert host.addresses(8000) == ("0.0.0.0",)
    assert [one.name for one in host.running("gunicorn")] == ["gunicorn"] * 3
    assert len(host.running("nginx")) == 1
    assert set(host.files("etc/cron.d/*")) == {"/etc/cron.d/backup", "/etc/cron.d/other"}
    assert not host.systemd


async def test_units_are_asked_of_systemctl(tmp_path: Path) -> None:
    host = Machine(units={"app.service": {"LoadState": "loaded", "ActiveState": "active"}}).build(tmp_path, 1)
    assert host.systemd
    assert await host.unit("app.service") == {"LoadState": "loaded", "ActiveState": "active"}
    assert await host.unit("none.service") == {"LoadState": "not-found"}
    with pytest.raises(Unobservable, match="no-such-program is not there"):
        await HostProbe(systemctl="no-such-program").unit("app.service")


@pytest.mark.parametrize(
    ("argv", "names"),
    [
        (("/venv/bin/python", "/venv/bin/gunicorn", "app:app"), {"python", "gunicorn"}),
        (("python3.12", "-u", "manage.py", "runserver"), {"python3.12", "manage"}),
        (("python", "-m", "uvicorn", "app:app"), {"python", "uvicorn"}),
        (("python", "-c", "print('gunicorn')"), {"python"}),
        (("node", "--enable-source-maps", "/app/server.js"), {"node", "server"}),
        (("nginx: worker process",), {"nginx"}),
        (("/usr/bin/valkey-server", "*:6379"), {"valkey-server"}),
    ],
)
def test_a_process_goes_by_its_program_and_its_script(argv: tuple[str, ...], names: set[str]) -> None:
    assert set(programs(Process(1, 0, next(iter(sorted(names))), argv, 0))) == names


def test_what_is_no_pattern_matches_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    assert HostProbe(root=tmp_path).files("", "a**b", "a") == {"/a": "x"}


def test_a_look_at_many_entries_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(9):
        (tmp_path / f"{number}").mkdir()
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr("roadworthy.inspection.probes.host.ENTRIES_LIMIT", 0)
    assert HostProbe(root=tmp_path).paths("*") == []
