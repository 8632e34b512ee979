from __future__ import annotations

import json
import logging
import logging.config
import warnings
from pathlib import Path
from typing import Any

import pytest
import structlog
from tests.settings import settings_from

from roadworthy.chassis.telemetry import output as output_module
from roadworthy.chassis.telemetry.context import request_id
from roadworthy.chassis.telemetry.logs import GRANIAN_LOGGING, configure_logging

CANARY = "c4n4ry-5ecret-v4lue"


@pytest.fixture
def log_file(tmp_path: Path, restored_logging: None) -> Path:
    del restored_logging  # what it does comes after the test
    return tmp_path / "logs" / "app.log"


def connect(address: str) -> None:
    raise ConnectionError(f"{address} refused")


def configure(log_file: Path, **values: Any) -> None:
    configure_logging(settings_from(log_file=log_file, **values))


def lines(log_file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log_file.read_text().splitlines()]


def test_both_ways_of_logging_become_json_lines_with_the_request_id(log_file: Path) -> None:
    configure(log_file)
    request_id.set("abc")
    structlog.get_logger().info("stored", job=12)
    logging.getLogger("asyncpg").warning("slow %s", "query", extra={"ms": 3})
    request_id.set("")
    first, second = lines(log_file)
    assert list(first)[:3] == ["timestamp", "level", "event"]
    assert first | {"timestamp": ""} == {
        "timestamp": "",
        "level": "info",
        "event": "stored",
        "job": 12,
        "request_id": "abc",
    }
    assert (second["event"], second["level"], second["logger"], second["ms"]) == ("slow query", "warning", "asyncpg", 3)
    assert second["request_id"] == "abc"


def test_the_level_holds_for_both(log_file: Path) -> None:
    configure(log_file, log_level="WARNING")
    structlog.get_logger().info("no")
    logging.getLogger("x").info("no")
    structlog.get_logger().error("yes")
    logging.getLogger("x").error("yes")
    assert [line["event"] for line in lines(log_file)] == ["yes", "yes"]


def test_a_secret_never_reaches_the_file_not_even_in_a_traceback(log_file: Path) -> None:
    configure(log_file)
    try:
        connect(f"postgresql://app:{CANARY}@db")
    except ConnectionError:
        logging.getLogger("x").exception("failed with %s", {"password": CANARY})
        structlog.get_logger().exception("failed", authorization=CANARY, detail=f"Bearer {CANARY}")
    text = log_file.read_text()
    assert CANARY not in text
    assert all("ConnectionError" in line["exception"] for line in lines(log_file))


def test_warnings_are_logged(log_file: Path) -> None:
    configure(log_file)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=False)
        logging.captureWarnings(capture=True)
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert lines(log_file)[0]["logger"] == "py.warnings"


def test_a_rotated_file_is_made_anew(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_module, "LOOK_SECONDS", -1.0)
    configure(log_file)
    logging.getLogger("x").warning("before")
    log_file.rename(log_file.with_suffix(".1"))
    logging.getLogger("x").warning("after")
    assert [line["event"] for line in lines(log_file)] == ["after"]
    log_file.unlink()
    logging.getLogger("x").warning("again")
    assert [line["event"] for line in lines(log_file)] == ["again"]


def test_the_console_is_readable_and_as_discreet(log_file: Path) -> None:
    configure(log_file, log_format="console")
    logging.getLogger("x").warning("token=%s", CANARY)
    text = log_file.read_text()
    assert "token=[redacted]" in text
    assert not text.startswith("{")


def test_the_servers_lines_come_to_the_same_place(log_file: Path) -> None:
    configure(log_file)
    logging.config.dictConfig(GRANIAN_LOGGING)
    logging.getLogger("_granian").warning("Unexpected exit from worker-1")
    assert lines(log_file)[0]["logger"] == "_granian"
