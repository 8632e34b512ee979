"""An inspection changes nothing: a role that may only read, a tree that nobody may write to, a Redis left as it was."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import redis

from roadworthy.inspection import command
from roadworthy.inspection.requirements import BY_ID

IN_A_NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
"""As root and as anybody else, where the kernel lets them: there a mount is this process' own."""
MOUNTED = 'mount -o bind,ro "$0" "$0" && ! touch "$0/new" 2>/dev/null'
"""The folder $0 can be read, and a write there was tried and refused."""
FAMILIES = ("db.", "redis.", "cache.", "ci.", "doc.", "sec.nosecrets", "repo.", "cross.", "k8s.", "img.", "test.")


@pytest.fixture
def reader(servers: dict[str, str], database_url: str) -> Iterator[str]:
    """A role that may read everything and write nothing, as a cautious team hands out."""
    role, word = f"reader_{secrets.token_hex(4)}", secrets.token_hex(12)
    name = database_url.rpartition("/")[2]

    async def run(*statements: str) -> None:
        connection = await asyncpg.connect(f"{servers['admin'].rpartition('/')[0]}/{name}")
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(
        run(
            f"create role {role} login password '{word}'",
            f"alter role {role} set default_transaction_read_only = on",
            f"grant pg_read_all_data, pg_monitor to {role}",
        )
    )
    address = database_url.rpartition("@")[2]
    yield f"postgresql://{role}:{word}@{address}"
    asyncio.run(run(f"drop owned by {role}", f"drop role {role}"))


def written_rows(servers: dict[str, str], name: str) -> int:
    async def count() -> int:
        connection = await asyncpg.connect(f"{servers['admin'].rpartition('/')[0]}/{name}")
        await connection.execute("select pg_stat_force_next_flush()")
        found = await connection.fetchval("select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables")
        await connection.close()
        return int(found or 0)

    return asyncio.run(count())


def fingerprint(folder: Path) -> str:
    """Names, sizes, contents and times of everything in the tree."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        digest.update(f"{path} {status.st_size} {status.st_mtime_ns} {status.st_mode}".encode())
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """A repository, all of it without the right to write."""
    root = tmp_path / "shop"
    for name, text in {
        "requirements.txt": "django==5.1\n",
        "manage.py": "",
        "Dockerfile": "FROM python:3.12\nUSER shop\n",
        "README.md": "# Shop\n\n## Deployment\n\nStart it.\n",
        "migrations/0001_first.sql": "create table t (id int);\n",
        ".git/HEAD": "ref: refs/heads/main\n",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    everything = [root, *root.rglob("*")]
    for path in everything:
        path.chmod(path.stat().st_mode & 0o555)
    yield root
    for path in everything:
        path.chmod(path.stat().st_mode | 0o700)


@pytest.mark.timeout(180)
def test_nothing_is_written_anywhere(
    servers: dict[str, str], reader: str, valkey_url: str, tree: Path, tmp_path: Path
) -> None:
    name = reader.rpartition("/")[2]
    lines = [f"- [ ] {spec.title}" for one, spec in BY_ID.items() if one.startswith(FAMILIES)]
    (tmp_path / "CHECKLIST.md").write_text("\n".join(["# Launch checklist", *lines]))
    (tmp_path / "target.toml").write_text(
        f'[postgres]\ndsn = "{reader}"\n[redis]\nurl = "{valkey_url}"\n[repository]\npath = "shop"\n'
    )
    with redis.from_url(valkey_url) as client:
        client.set("kept", "as it was")
        keys, changes = sorted(client.keys()), client.info("persistence")["rdb_changes_since_last_save"]
        before = fingerprint(tree), written_rows(servers, name)
        report = tmp_path / "report.json"
        command.execute(command.Wanted(tmp_path / "CHECKLIST.md", tmp_path / "target.toml", json=report))
        assert (fingerprint(tree), written_rows(servers, name)) == before
        assert sorted(client.keys()) == keys
        assert client.info("persistence")["rdb_changes_since_last_save"] == changes
    summary = json.loads(report.read_text())["summary"]
    assert summary["pass"] + summary["fail"] > 15, "it could look, too"
    assert os.access(tmp_path, os.W_OK)


@pytest.fixture
def mountable(tmp_path: Path) -> None:
    folder = tmp_path / "tried"
    folder.mkdir()
    refused = (
        shutil.which("unshare") is None
        or subprocess.run(
            [*IN_A_NAMESPACE, MOUNTED, str(folder)], capture_output=True, timeout=20, check=False
        ).returncode
    )
    if refused:
        pytest.skip("not run: needs a kernel that lets this user make mount namespaces, and util-linux")


@pytest.mark.usefixtures("mountable")
def test_a_read_only_role_and_a_read_only_mount_are_enough(
    servers: dict[str, str], reader: str, tree: Path, tmp_path: Path
) -> None:
    lines = [f"- [ ] {spec.title}" for one, spec in BY_ID.items() if one.startswith(FAMILIES)]
    (tmp_path / "CHECKLIST.md").write_text("\n".join(["# Launch checklist", *lines]))
    (tmp_path / "target.toml").write_text(f'[postgres]\ndsn = "{reader}"\n[repository]\npath = "shop"\n')
    statuses = []
    written = written_rows(servers, reader.rpartition("/")[2])
    for number, prefix in enumerate([(), (*IN_A_NAMESPACE, f'{MOUNTED} && exec "$@"', str(tree))]):
        report = tmp_path / f"report{number}.json"
        arguments = ["inspect", "CHECKLIST.md", "--target", "target.toml", "--json", str(report)]
        command_line = [*prefix, sys.executable, "-m", "roadworthy", *arguments]
        done = subprocess.run(command_line, cwd=tmp_path, capture_output=True, text=True, timeout=80, check=False)
        assert done.returncode in {0, 1, 2}, done.stderr
        statuses.append({item["text"]: item["status"] for item in json.loads(report.read_text())["items"]})
    assert written_rows(servers, reader.rpartition("/")[2]) == written
    writable, read_only = statuses
    assert read_only == writable
    assert list(read_only.values()).count("unknown") < len(read_only) / 2, "it could look, too"
