"""`.roadworthy/target.toml`: tells the inspector what runs here."""

from __future__ import annotations

import json
from pathlib import Path

from roadworthy.chassis.processes.state import write_private
from roadworthy.chassis.settings import Settings

FILE = "target.toml"
DRILLS = Path("tests/drills/results")
"""Where this repository's own drills leave what became of them."""


def target_file(settings: Settings) -> Path:
    """Where the inspector looks when it is given no target."""
    return settings.state_dir / FILE


def write_target(settings: Settings, *, url: str, web_pid: int, logs: Path) -> Path:
    """Describe the running system; the file has passwords in it, so only the owner can read it."""
    env_file = Path(".env").resolve()
    parts: dict[str, dict[str, object | None]] = {
        "target": {"name": "Roadworthy"},
        "http": {"url": url},
        "postgres": {"dsn": settings.database_dsn},
        "redis": {"url": settings.redis_dsn},
        "repository": {"path": str(Path.cwd())},
        "config": {"env_file": str(env_file) if env_file.exists() else None, "pid": web_pid},
        "logs": {"path": str(logs)},
        "drills": {"path": _folder(settings.state_dir / "drills", DRILLS)},
        "backup": {"path": _folder(settings.state_dir / "backups")},
    }
    file = target_file(settings)
    write_private(file, "\n".join(_table(name, keys) for name, keys in parts.items() if any(keys.values())))
    return file


def _folder(*candidates: Path) -> str | None:
    """The first of these that is there: what was never made can't be looked at; the inspector says how to make it."""
    return next((str(one.resolve()) for one in candidates if one.is_dir()), None)


def _table(name: str, keys: dict[str, object | None]) -> str:
    # A JSON string or number reads the same in TOML.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in keys.items() if value is not None]
    return f"[{name}]\n{''.join(lines)}"
