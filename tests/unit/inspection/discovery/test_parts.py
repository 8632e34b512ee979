from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from roadworthy.inspection import target
from roadworthy.inspection.discovery.parts import Part, Seen, parts
from roadworthy.inspection.discovery.tree import Published, Stack, Tree
from roadworthy.inspection.discovery.writing import written

CANARY = "c4nary-Zq81"
COMPOSED = (
    Published("db", "postgres:16", ((5433, 5432),), "compose.yml"),
    Published("cache", "redis", (), "compose.yml"),
)


def seen(root: Path, variables: dict[str, str] | None = None, **more: Any) -> Seen:
    found = Tree(root, Stack("Django", "manage.py", 8000), ".env", variables or {}, compose=more.pop("compose", ()))
    return Seen(tree=found, base=root.resolve(), **more)


def part(of: Seen, name: str) -> Part:
    return next(one for one in parts(of) if one.name == name)


@pytest.mark.parametrize(
    ("variables", "keys"),
    [
        ({"DATABASE_URL": f"postgresql+asyncpg://app:{CANARY}@10.0.0.5/shop"}, {"dsn": "${DATABASE_URL}"}),
        ({"SHOP_STORE": f"postgres://app:{CANARY}@10.0.0.5/shop"}, {"dsn": "${SHOP_STORE}"}),
        (
            {"POSTGRES_USER": "app", "POSTGRES_PASSWORD": CANARY, "POSTGRES_DB": "shop"},
            {"dsn": "postgresql://${POSTGRES_USER}:${POSTGRES_PASSWORD}@127.0.0.1/${POSTGRES_DB}"},
        ),
        (
            {"DB_HOST": "h", "DB_PORT": "6", "DB_USER": "app", "DB_NAME": "shop"},
            {"dsn": "postgresql://${DB_USER}@${DB_HOST}:${DB_PORT}/${DB_NAME}"},
        ),
        (
            {"DATABASE_URL": f"postgresql://app:{CANARY}@db:5432/shop"},
            {"dsn": "${DATABASE_URL}", "host": "127.0.0.1", "port": 5433},
        ),
    ],
)
def test_the_database_is_named_by_reference(tmp_path: Path, variables: dict[str, str], keys: dict[str, object]) -> None:
    found = part(seen(tmp_path, variables, compose=COMPOSED), "postgres")
    assert (found.found, dict(found.keys)) == (True, keys)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "no address of PostgreSQL"),
        ({"DATABASE_URL": "mysql://app@h/shop"}, "DATABASE_URL names mysql"),
        ({"DB_CONNECTION": "mysql", "DB_HOST": "h", "DB_USERNAME": "a", "DB_DATABASE": "d"}, "no address"),
    ],
)
def test_another_database_is_not_taken_for_postgresql(tmp_path: Path, variables: dict[str, str], words: str) -> None:
    found = part(seen(tmp_path, variables), "postgres")
    assert not found.found
    assert words in found.why


def test_a_neighbours_port_is_mentioned_and_not_taken(tmp_path: Path) -> None:
    around = seen(tmp_path, ports=frozenset({5432, 6379, 9090}))
    for name in ("postgres", "redis", "prometheus"):
        assert not part(around, name).found
        assert "something listens on port" in part(around, name).why


def test_a_service_that_compose_publishes_nowhere_is_left_to_the_user(tmp_path: Path) -> None:
    found = part(seen(tmp_path, {"REDIS_URL": f"redis://:{CANARY}@cache:6379/0"}, compose=COMPOSED), "redis")
    assert not found.found
    assert "publishes no port" in found.why


def test_what_is_written_is_a_target_without_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "DATABASE_URL": f"postgresql://app:{CANARY}@h/shop",
        "REDIS_URL": f"redis://:{CANARY}@h/0",
        "SECRET_KEY": CANARY,
        "LOG_FILE": str(tmp_path),
    }
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    text = written(parts(seen(tmp_path, variables, url=f"https://kim:{CANARY}@shop.example")))
    assert CANARY not in text
    assert "${SITE_PASSWORD}" in text
    monkeypatch.setenv("SITE_USER", "kim")
    monkeypatch.setenv("SITE_PASSWORD", "x y")
    found = target.parse(text, tmp_path / "target.toml")
    assert found.http
    assert found.postgres
    assert (found.http.url, found.postgres.dsn) == ("https://kim:x%20y@shop.example", variables["DATABASE_URL"])


def test_every_part_that_was_not_found_is_valid_once_it_is_uncommented(tmp_path: Path) -> None:
    text = written(parts(Seen(tree=Tree(tmp_path), base=tmp_path)))
    lines = [line.removeprefix("# ") for line in text.splitlines() if line.startswith(("# [", "[")) or " = " in line]
    uncommented = "\n".join(line for line in lines if line.startswith("[") or line.partition(" = ")[0].isidentifier())
    assert set(tomllib.loads(uncommented)) == {one.name for one in parts(Seen(tree=Tree(tmp_path), base=tmp_path))}
    assert target.parse(uncommented, tmp_path / "target.toml").postgres


def test_an_odd_name_stays_one_value(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b"\n[http]\nx = 1 \x7f'
    folder.mkdir()
    text = written(parts(Seen(tree=Tree(folder), base=tmp_path)))
    assert tomllib.loads(text) == {"target": {"name": folder.name}}
