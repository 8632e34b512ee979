from collections.abc import Callable
from pathlib import Path

import pytest

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings, as_environment, load_settings
from roadworthy.chassis.settings_example import env_example

Load = Callable[..., Settings]

ROOT = Path(__file__).parents[3]
GOOD_SECRET = "5f2a9c0b7d1e4486a3f0c2d9e8b7a6f5"


@pytest.fixture
def settings_from(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Load:
    monkeypatch.chdir(tmp_path)

    def load(**variables: str) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return load_settings()

    return load


def test_the_example_file_is_current() -> None:
    assert (ROOT / ".env.example").read_text() == env_example(), "run `make env-example`"


def test_the_example_file_as_it_stands_changes_nothing(settings_from: Load, tmp_path: Path) -> None:
    before = settings_from()
    (tmp_path / ".env").write_text(env_example().replace("\n#", "\n").replace("\n ", "\n# "))
    assert settings_from() == before


def test_postgres_parts_make_a_quoted_dsn(settings_from: Load) -> None:
    settings = settings_from(
        POSTGRES_HOST="db", POSTGRES_USER="spa", POSTGRES_PASSWORD="p@ss/word", POSTGRES_DB="spajobs"
    )
    assert settings.database_dsn == "postgresql://spa:p%40ss%2Fword@db:5432/spajobs"


def test_database_url_wins_over_its_parts(settings_from: Load) -> None:
    settings = settings_from(DATABASE_URL="postgresql://u:p@h/d", POSTGRES_HOST="elsewhere")
    assert settings.database_dsn == "postgresql://u:p@h/d"


def test_a_url_goes_with_redis_switched_off(settings_from: Load) -> None:
    assert settings_from(REDIS_URL="redis://h", REDIS_ENABLED="false").redis_dsn is None


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"PORT": "70000"}, "PORT"),
        ({"ENVIRONMENT": "prod"}, "ENVIRONMENT"),
        ({"RATE_LIMIT_PER_MINUTE": "0"}, "RATE_LIMIT_PER_MINUTE"),
        ({"ENVIRONMENT": "production"}, "SECRET_KEY"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "tiny-one"}, "SECRET_KEY"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "your-very-secure-secret-key-change-this"}, "SECRET_KEY"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": "a" * 64}, "SECRET_KEY"),
        ({"ENVIRONMENT": "production", "SECRET_KEY": GOOD_SECRET, "CORS_ORIGINS": "*"}, "CORS_ORIGINS"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(settings_from: Load, variables: dict[str, str], named: str) -> None:
    with pytest.raises(StartupError, match=named) as refused:
        settings_from(**variables)
    assert variables.get("SECRET_KEY", "none") not in str(refused.value)


def test_production_starts_with_a_good_secret_and_without_docs(settings_from: Load) -> None:
    settings = settings_from(ENVIRONMENT="production", SECRET_KEY=GOOD_SECRET)
    assert not settings.docs_on


def test_a_secret_may_come_from_a_file(settings_from: Load, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{GOOD_SECRET}\n")
    (tmp_path / ".env").write_text("SECRET_KEY=the-file-goes-before-this\n")
    settings = settings_from(SECRET_KEY_FILE=str(tmp_path / "key"))
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == GOOD_SECRET


def test_the_variable_itself_goes_before_its_file(settings_from: Load, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("redis://from-the-file")
    settings = settings_from(REDIS_URL="redis://from-the-variable", REDIS_URL_FILE=str(tmp_path / "url"))
    assert settings.redis_dsn == "redis://from-the-variable"


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"x" * 65_537])
def test_a_secret_file_that_is_none_is_named(settings_from: Load, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StartupError, match="SECRET_KEY_FILE"):
        settings_from(SECRET_KEY_FILE=str(file))


def test_only_secrets_come_from_files(settings_from: Load, tmp_path: Path) -> None:
    (tmp_path / "port").write_text("9000")
    assert settings_from(PORT_FILE=str(tmp_path / "port")).port == 8000


def test_a_secret_is_not_in_the_printed_settings(settings_from: Load) -> None:
    settings = settings_from(SECRET_KEY=GOOD_SECRET, DATABASE_URL="postgresql://u:hunter2@h/d")
    assert "hunter2" not in repr(settings)
    assert GOOD_SECRET not in repr(settings)


def test_another_process_gets_exactly_the_same_settings(settings_from: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = settings_from(
        DATABASE_URL="postgresql://u:hunter2@h/d",
        CORS_ORIGINS="https://a.example, https://b.example",
        LOG_LEVEL="DEBUG",
    )
    for name in ("DATABASE_URL", "CORS_ORIGINS", "LOG_LEVEL"):
        monkeypatch.delenv(name)
    assert settings_from(**as_environment(settings)) == settings
