"""`${NAME}` in target.toml: from the environment, else from what `[config]` names; so no secret has to stand there."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dotenv import dotenv_values

from roadworthy.inspection.errors import InvalidTarget
from roadworthy.inspection.probes.bounded import read_bytes
from roadworthy.inspection.probes.host import HostProbe

FILE_LIMIT_BYTES = 256 * 1024
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_OF_A_LOGIN = re.compile(r"(?<=[/:])\$\{([A-Za-z_][A-Za-z0-9_]*)\}(?=[:@])")


def expanded(document: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """`document`, read from `path`, with every `${NAME}` replaced by its value.

    Where a name stands for the user or the password of an address, its value is written as addresses need it.

    Raises:
        InvalidTarget: a name is nowhere set.
    """
    return {key: _replaced(value, path, document) for key, value in document.items()}


def variables_of(env_file: Path) -> Mapping[str, str]:
    """What a `.env` file sets; empty where it can't be read."""
    try:
        text = read_bytes(env_file, FILE_LIMIT_BYTES).decode("utf-8", "replace")
    except OSError:
        return {}
    return {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}


def _replaced(value: Any, path: Path, document: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(inner, path, document) for key, inner in value.items()}
    # lists hold flows, whose values are filled in as they are walked, and remembered as secrets
    if not isinstance(value, str) or "${" not in value:
        return value
    if "://" in value:
        value = _OF_A_LOGIN.sub(lambda match: quote(_value(match[1], path, document), safe=""), value)
    return _VARIABLE.sub(lambda match: _value(match[1], path, document), value)


def _value(name: str, path: Path, document: Mapping[str, Any]) -> str:
    if name in os.environ:
        return os.environ[name]
    config = document.get("config")
    part = config if isinstance(config, dict) else {}
    pid, env_file = part.get("pid"), part.get("env_file")
    running = HostProbe().environment(pid) if isinstance(pid, int) else None
    if running and name in running:
        return running[name]
    beside = variables_of(path.resolve().parent / Path(env_file).expanduser()) if isinstance(env_file, str) else {}
    if name in beside:
        return beside[name]
    looked = ["the environment", *(["process " + str(pid)] if pid else []), *([str(env_file)] if env_file else [])]
    raise InvalidTarget(f"{path}: ${{{name}}} is not in {' nor in '.join(looked)}", f"export {name}=... and run again")
