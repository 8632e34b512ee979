"""The effective configuration of the SSH server, as its files say: the first value wins, includes in their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from roadworthy.inspection.probes.host import HostProbe

MAIN = "etc/ssh/sshd_config"
INCLUDES_LIMIT = 16
DEFAULTS: Mapping[str, str] = {
    "passwordauthentication": "yes",
    "kbdinteractiveauthentication": "yes",
    "pubkeyauthentication": "yes",
    "permitrootlogin": "prohibit-password",
    "permitemptypasswords": "no",
    "usepam": "no",
    "port": "22",
}
ALIASES = {"challengeresponseauthentication": "kbdinteractiveauthentication"}


@dataclass(frozen=True, slots=True)
class SshServer:
    """What holds for everybody, and what Match blocks set for some."""

    settings: Mapping[str, str]
    matched: Sequence[tuple[str, str, str]]
    """Condition, keyword, value."""
    files: Sequence[str]

    def get(self, keyword: str) -> str:
        """The value in effect, lower case; the server's own default where none is set."""
        return self.settings.get(keyword, DEFAULTS.get(keyword, "")).lower()


def read(host: HostProbe) -> SshServer | None:
    """The server's configuration; None where there is none to read."""
    texts = host.files(MAIN)
    if not texts:
        return None
    settings: dict[str, str] = {}
    matched: list[tuple[str, str, str]] = []
    files: list[str] = []
    condition = ""
    for keyword, value in _lines(host, MAIN, files, 0):
        if keyword == "match":
            condition = "" if value.lower() == "all" else value
        elif condition:
            matched.append((condition, keyword, value))
        else:
            settings.setdefault(keyword, value)
    return SshServer(settings, matched, files)


def _lines(host: HostProbe, pattern: str, files: list[str], depth: int) -> Iterator[tuple[str, str]]:
    if depth > INCLUDES_LIMIT:
        return
    for path, text in sorted(host.files(pattern).items()):
        files.append(path)
        for line in text.splitlines():
            words = re.match(r"^[ \t]*([A-Za-z]\w*)(?:\s+|\s*=\s*)(.+?)\s*(?:\s#.*)?$", line)
            if words is None:
                continue
            keyword, value = words[1].lower(), words[2].strip("\"'")
            if keyword == "include":
                for one in value.split():
                    inner = one.strip("\"'").lstrip("/") if one.startswith(("/", '"/')) else f"etc/ssh/{one}"
                    yield from _lines(host, inner, files, depth + 1)
            else:
                yield ALIASES.get(keyword, keyword), value
