"""`${NAME}` in target.toml: from the environment, else from what `[config]` names; so no secret has to stand there."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dotenv import dotenv_values

from roadworthy.inspection.errors import InvalidTarget
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.bounded import read_bytes
from roadworthy.inspection.probes.forwarding import serves_itself
from roadworthy.inspection.probes.host import HostProbe

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
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
    looked = ["the environment"]
    for source, values in _sources(path, document):
        if name in values:
            return values[name]
        looked.append(source)
    raise InvalidTarget(f"{path}: ${{{name}}} is not in {' nor in '.join(looked)}", f"export {name}=... and run again")


def _sources(path: Path, document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Where else a name may be set: the running process first, whose environment wins in every framework."""
    config, host = _table(document, "config"), HostProbe()
    pid, env_file = config.get("pid"), config.get("env_file")
    if isinstance(pid, int):
        yield f"process {pid}", host.environment(pid) or {}
    else:
        yield from _listening(host, str(_table(document, "http").get("url", "")))
    if isinstance(env_file, str):
        yield env_file, variables_of(path.resolve().parent / Path(env_file).expanduser())


def _listening(host: HostProbe, url: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """The process that listens at a loopback address."""
    address = addresses.parse(url)
    found = host.listeners(address.port or 80) if address.host in LOOPBACK else ()
    if found and serves_itself(host, found[0]):
        yield f"process {found[0].pid}", host.environment(found[0].pid) or {}


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = document.get(name)
    return part if isinstance(part, dict) else {}
