"""Versions as packages and systems write them, and the databases of packages that tell them."""

from __future__ import annotations

import re
from collections.abc import Mapping

_NUMBERS = re.compile(r"\d+")
_EPOCH = re.compile(r"^\d+:")


def at_least(found: str, wanted: str) -> bool | None:
    """Whether `found` is `wanted` or later, as far as `wanted` says ("8.2" takes 8.2.7); None where one has no number.

    Debian's epoch ("2:7.0.15") is left out; what follows a dash or a tilde is the packager's and does not count.
    """
    have, asked = _parts(found), _parts(wanted)
    return None if not have or not asked else have >= asked


def _parts(text: str) -> tuple[int, ...]:
    own = re.split(r"[-~+]", _EPOCH.sub("", text.strip().lstrip("vV")))[0]
    return tuple(int(part) for part in _NUMBERS.findall(own)[:4])


def release(text: str) -> Mapping[str, str]:
    """/etc/os-release: names and values, unquoted."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def installed(dpkg_status: str, apk_installed: str = "") -> Mapping[str, str]:
    """Packages that are installed, with their versions, by dpkg's and apk's own lists."""
    found: dict[str, str] = {}
    for block in dpkg_status.split("\n\n"):
        name = re.search(r"^Package: (\S+)", block, re.MULTILINE)
        version = re.search(r"^Version: (\S+)", block, re.MULTILINE)
        if name and version and re.search(r"^Status: .* installed$", block, re.MULTILINE):
            found[name[1]] = version[1]
    for block in apk_installed.split("\n\n"):
        name, version = re.search(r"^P:(\S+)", block, re.MULTILINE), re.search(r"^V:(\S+)", block, re.MULTILINE)
        if name and version:
            found[name[1]] = version[1]
    return found
