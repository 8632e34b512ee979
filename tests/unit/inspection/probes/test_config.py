from __future__ import annotations

from pathlib import Path

import pytest

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.config import ConfigProbe, entropy_bits, is_placeholder
from roadworthy.inspection.probes.host import HostProbe


def process(folder: Path, **environment: str) -> HostProbe:
    home = folder / "proc" / "42"
    home.mkdir(parents=True)
    (home / "environ").write_text("".join(f"{name}={value}\0" for name, value in environment.items()))
    (home / "stat").write_text("42 (gunicorn) S 1 " + "0 " * 16 + "100 0\n")
    return HostProbe(proc=folder / "proc", root=folder)


def test_the_process_wins_over_the_file_and_each_value_has_its_source(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text('A=from file\nexport B="quoted # not a comment"\nC=${A}\n# D=1\nE\n')
    probe = ConfigProbe(env_file=file, pid=42, host=process(tmp_path, A="from process"))
    a, b, c = probe.get("A"), probe.get("MISSING", "B"), probe.get("C")
    assert a is not None
    assert b is not None
    assert c is not None
    assert (a.value, a.source) == ("from process", "environment of the gunicorn process")
    assert (b.value, b.source) == ("quoted # not a comment", ".env")
    assert c.value == "${A}", "a value is what stands there, not what another program would make of it"
    assert (probe.get("D"), probe.get("E"), probe.process_seen) == (None, None, True)
    assert probe.looked_at == ".env (4 variables), environment of the gunicorn process (1 variable)"


def test_nothing_readable_is_unobservable(tmp_path: Path) -> None:
    probe = ConfigProbe(env_file=tmp_path / "none", pid=7, host=HostProbe(proc=tmp_path))
    with pytest.raises(Unobservable, match="neither the process' environment nor an env file"):
        probe.get("A")
    assert probe.secrets() == frozenset()


def test_values_of_secrets_are_measured_never_shown(tmp_path: Path) -> None:
    probe = ConfigProbe(
        pid=42,
        host=process(
            tmp_path,
            SECRET_KEY="9f2b7c41d08e6a53",
            DATABASE_URL="postgresql://app:hunter2hunter2@db/app",
            LOG_LEVEL="INFO",
        ),
    )
    key, level = probe.get("SECRET_KEY"), probe.get("LOG_LEVEL")
    assert key is not None
    assert level is not None
    assert key.shown == "[16 characters, 64 bits]"
    assert level.shown == "INFO"
    assert probe.secrets() == {"9f2b7c41d08e6a53", "hunter2hunter2"}


@pytest.mark.parametrize(
    "value",
    [
        *(
            "<secure-password>",
            "your_secure_password",
            "your-very-secure-secret-key-change-this",
            "changeme",
            "change-me",
        ),
        *("https://yourdomain.com", "replace-with-real", "xxxx", "...", "", "secret", "app.example.com", "[YOUR_KEY]"),
        *("<generate-with-openssl-rand-hex-32>", "django-insecure-8f7a", "REPLACE_ME", "TODO", "{{ secret }}"),
    ],
)
def test_placeholders_are_recognised(value: str) -> None:
    assert is_placeholder(value)


@pytest.mark.parametrize(
    "value",
    [
        "localhost",
        "postgresql",
        "300",
        "true",
        "INFO",
        "/var/log/app.log",
        "redis://localhost:6379/0",
        "spauser",
        "exchange",
    ],
)
def test_real_values_are_not_placeholders(value: str) -> None:
    assert not is_placeholder(value)


def test_entropy_counts_variety() -> None:
    assert entropy_bits("") == entropy_bits("aaaaaaaa") == 0
    assert entropy_bits("0123456789abcdef") == 64
