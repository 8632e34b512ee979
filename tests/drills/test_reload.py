"""`roadworthy reload` with real processes: what keeps the instances, and that nothing survives its end."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from tests.drills.test_up import ROADWORTHY, Stage
from tests.ports import free_ports
from tests.processes import started, wait_until

from roadworthy.ops.instances import record
from roadworthy.ops.up.ready import is_ready


@pytest.fixture
def stage(tmp_path: Path, database_url: str, valkey_url: str) -> Stage:
    extra = {
        "DATABASE_URL": database_url,
        "REDIS_URL": valkey_url,
        "INSTANCES": "2",
        "WORKERS": "1",
        "READINESS_WAIT_SECONDS": "0",
    }
    return Stage(tmp_path, port=free_ports(2), extra=extra)


def both_ready(stage: Stage) -> bool:
    there = record.read(stage.state)
    return len(there) == 2 and all(is_ready(one.ready_url) for one in there)


def test_instances_are_replaced_one_by_one_and_end_with_their_keeper(stage: Stage) -> None:
    with started(
        [*ROADWORTHY, "serve", "--no-check"], stage.environment, stage.folder / "up.log", stage.folder
    ) as process:
        wait_until(lambda: both_ready(stage) or process.poll() is not None, stage.said)
        before = record.read(stage.state)
        assert [one.port for one in before] == [stage.port, stage.port + 1], stage.said()
        refused = stage.run("serve")
        assert refused.returncode == 3
        reloaded = stage.run("reload", "--settle", "0")
        assert reloaded.returncode == 0, reloaded.stderr
        assert reloaded.stdout.count("replaced in") == 2
        after = record.read(stage.state)
        assert not {one.pid for one in before} & {one.pid for one in after}
        assert after[0].pid is not None
        os.kill(after[0].pid, signal.SIGKILL)
        wait_until(lambda: record.read(stage.state)[0].pid not in {None, after[0].pid}, stage.said)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    stage.assert_nothing_lives()
    assert stage.run("reload").returncode == 3
