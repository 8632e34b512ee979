from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from roadworthy.inspection import command, target
from roadworthy.inspection.errors import InvalidTarget

WHOLE = """\
[target]
name = "Shop"
[http]
url = "https://shop.example"
[postgres]
dsn = "postgresql://app:${SHOP_PASSWORD}@db/shop"
[redis]
url = "redis://cache:6379/0"
[repository]
path = "."
[config]
env_file = ".env"
pid = 12
[logs]
path = "/var/log/shop"
[host]
local = false
"""


def test_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "s3cret-value")
    found = target.parse(WHOLE, tmp_path / "target.toml")
    assert found.name == "Shop"
    assert found.postgres
    assert found.postgres.dsn == "postgresql://app:s3cret-value@db/shop"
    assert found.repository
    assert found.repository.path == tmp_path
    assert found.config
    assert found.config.env_file == tmp_path / ".env"
    assert not found.on_this_machine


def test_each_part_is_optional(tmp_path: Path) -> None:
    assert target.parse("", tmp_path / "t.toml").http is None


@pytest.mark.parametrize(
    ("text", "problem", "remedy"),
    [
        ("[http]\nurl = 3", "$.http.url", "[http] takes url"),
        ('[http]\nurl = "shop.example"', "not a web address", "[http] takes url"),
        ('[http]\naddress = "x"', "address", "[http] takes url"),
        ("[htp]\n", "htp", "these parts exist"),
        ("[config]\n", "env_file", "[config] takes"),
        ('[postgres]\ndsn = "mysql://x"', "not PostgreSQL's", "[postgres] takes dsn"),
        ('[redis]\nurl = "http://x"', "not Redis'", "[redis] takes url"),
        ("[http\n", "not valid TOML", "mend that line"),
        ('[postgres]\ndsn = "db/shop"', 'write it as "postgresql://user@host/database"', "[postgres] takes dsn"),
        ('[redis]\nurl = "${NOT_SET_ANYWHERE}"', "NOT_SET_ANYWHERE", "export NOT_SET_ANYWHERE"),
    ],
)
def test_errors_say_what_is_wrong_and_what_to_write(tmp_path: Path, text: str, problem: str, remedy: str) -> None:
    with pytest.raises(InvalidTarget) as refused:
        target.parse(text, tmp_path / "target.toml")
    assert problem in refused.value.problem
    assert remedy in refused.value.remedy


def test_errors_show_no_password(tmp_path: Path) -> None:
    with pytest.raises(InvalidTarget) as refused:
        target.parse('[http]\nurl = "ftp://kim:c4nary-password@shop.example"', tmp_path / "t.toml")
    assert "c4nary" not in refused.value.problem


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("shop.example", "https://shop.example"),
        ("http://x:8000", "http://x:8000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("localhost", "http://localhost"),
    ],
)
def test_an_address_alone_is_a_target(url: str, seen: str) -> None:
    found = target.load(url=url)
    assert found.http
    assert found.http.url == seen
    assert found.postgres is None


def test_an_address_replaces_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    path.write_text('[http]\nurl = "https://a.example"\n[redis]\nurl = "redis://r"\n')
    found = target.load(path, "https://b.example")
    assert found.http
    assert found.http.url == "https://b.example"
    assert found.redis


def test_by_default_what_up_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidTarget) as refused:
        target.load()
    assert "make up" in refused.value.remedy
    assert "roadworthy target" in refused.value.remedy
    (tmp_path / ".roadworthy").mkdir()
    (tmp_path / ".roadworthy" / "target.toml").write_text('[http]\nurl = "http://127.0.0.1:8000"\n')
    assert target.load().on_this_machine
    (tmp_path / "target.toml").write_text('[http]\nurl = "https://shop.example"\n')
    assert target.load().name == "shop.example", "what the user wrote comes first"


@pytest.mark.parametrize("by", ["environment", ".env"])
def test_what_up_started_is_looked_for_where_its_state_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(target.STATE_DIR_VARIABLE, raising=False)
    state = tmp_path / "elsewhere"
    state.mkdir()
    (state / "target.toml").write_text('[http]\nurl = "http://127.0.0.1:8000"\n')
    (state / "up.lock").write_text("")
    if by == "environment":
        monkeypatch.setenv(target.STATE_DIR_VARIABLE, str(state))
    else:
        (tmp_path / ".env").write_text(f"{target.STATE_DIR_VARIABLE}={state}\n")
    assert target.load().http is not None
    assert command.Wanted(Path("CHECKLIST.md")).state == state
    (tmp_path / "target.toml").write_text('[http]\nurl = "http://127.0.0.1:9000"\n')
    assert command.Wanted(Path("CHECKLIST.md")).state is None, "a description of somebody's own comes first"


def test_without_a_description_the_source_around_the_checklist_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    checklist = tmp_path / "shop" / "docs" / "CHECKLIST.md"
    checklist.parent.mkdir(parents=True)
    (tmp_path / "shop" / ".git").mkdir()
    with pytest.raises(InvalidTarget):
        target.load(beside=checklist)
    assert target.load(url="https://shop.example", beside=checklist).repository is None, "documents are no service"
    (tmp_path / "shop" / "Gemfile").touch()
    for url in (None, "https://shop.example"):
        found = target.load(url=url, beside=checklist)
        assert found.repository
        assert found.repository.path == tmp_path / "shop"
        assert "roadworthy target" in target.hint(None, url, found)


def test_a_file_that_is_missing_or_too_large(tmp_path: Path) -> None:
    with pytest.raises(InvalidTarget, match="nowhere"):
        target.load(tmp_path / "nowhere.toml")
    (tmp_path / "big.toml").write_text("#" * (target.FILE_LIMIT_BYTES + 1))
    with pytest.raises(InvalidTarget, match="over"):
        target.load(tmp_path / "big.toml")


def test_a_variable_is_taken_from_the_env_file_that_the_target_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("SHOP_DSN=postgresql+asyncpg://app:p%40ss@db/shop?schema=public\nSHOP_WORD=a/b@c\n")
    text = (
        '[postgres]\ndsn = "${SHOP_DSN}"\nhost = "127.0.0.1"\nport = 5433\n'
        '[redis]\nurl = "redis://:${SHOP_WORD}@cache/0"\n[config]\nenv_file = ".env"\n'
    )
    found = target.parse(text, tmp_path / "target.toml")
    assert found.postgres
    assert found.redis
    assert found.postgres.address == "postgresql://app:p%40ss@127.0.0.1:5433/shop"
    assert found.redis.address == "redis://:a%2Fb%40c@cache/0", "a login is written as addresses need it"
    monkeypatch.setenv("SHOP_DSN", "postgresql://other@elsewhere/shop")
    again = target.parse(text, tmp_path / "target.toml").postgres
    assert again
    assert again.dsn == "postgresql://other@elsewhere/shop", "the environment wins"
    with pytest.raises(InvalidTarget, match=r"neither|nor in \.env"):
        target.parse(text.replace("SHOP_WORD", "SHOP_NONE"), tmp_path / "target.toml")


@pytest.mark.parametrize(
    ("dsn", "place", "address"),
    [
        ("postgres:///shop", {}, "postgresql:///shop"),
        ("postgresql+psycopg2://u@h/x?sslmode=require&connection_limit=5", {}, "postgresql://u@h/x?sslmode=require"),
        ("postgresql://u@[::1]:5432/x", {"port": 6}, "postgresql://u@[::1]:6/x"),
        ("postgresql://u@h/x", {"host": "other"}, "postgresql://u@other/x"),
    ],
)
def test_addresses_of_applications_are_read_as_postgresql_takes_them(
    dsn: str, place: dict[str, Any], address: str
) -> None:
    assert target.PostgresPart(dsn, **place).address == address
