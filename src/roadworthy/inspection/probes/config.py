"""The effective configuration: what the running process was started with, and what stands in its .env file."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dotenv import dotenv_values

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.bounded import read_bytes
from roadworthy.inspection.probes.host import HostProbe
from roadworthy.inspection.redaction import is_secret_name

FILE_LIMIT_BYTES = 256 * 1024
PLACEHOLDER = re.compile(
    r"""^<.*>$ | ^\[.*\]$ | ^\{\{.*\}\}$ | ^\.{3,}$ | ^x{3,}$ | ^\*{3,}$ | ^$
    | (?<![a-z])change(?:[-_ ]?(?:me|this|it)|[-_ ]in|[-_ ]before|$)
    | \byour[-_ ] | \byour\w*(?:domain|secret|key|password) | placeholder | ^todo
    | replace[-_ ](?:me|this|with) | ^(?:secret|password|passw0rd|example|default|insecure|changeit|admin|test|dev)$
    | (?:^|[^a-z])example\.(?:com|org|net) | generate[-_ ]with | secure[-_ ]password | django-insecure | supersecret""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One variable: its value never leaves the probe but through `shown`. `source`: where the value stands."""

    name: str
    value: str
    source: str

    @property
    def placeholder(self) -> bool:
        """Whether the value is an example's, not a real one."""
        return is_placeholder(self.value)

    @property
    def shown(self) -> str:
        """The value, or for a secret its length and entropy only."""
        if is_secret_name(self.name):
            return f"[{len(self.value)} characters, {entropy_bits(self.value):.0f} bits]"
        return self.value


class ConfigProbe:
    """Variables of the service. The environment of the process wins over the file, as in every framework."""

    def __init__(self, *, env_file: Path | None = None, pid: int | None = None, host: HostProbe | None = None) -> None:
        """Take a `.env` file, the `pid` of the running service, or both."""
        self._env_file = env_file
        self._pid = pid
        self._host = host or HostProbe()
        self._settings: dict[str, Setting] | None = None
        self._looked_at: list[str] = []

    @property
    def vantage(self) -> str:
        """From where values were seen."""
        return "effective configuration"

    @property
    def pid(self) -> int | None:
        """The process whose environment this is, where one is known."""
        return self._pid

    @property
    def looked_at(self) -> str:
        """Every source, with how many variables it held."""
        self._all()
        return ", ".join(self._looked_at)

    @property
    def process_seen(self) -> bool:
        """Whether the environment of the running process could be read, not merely a file."""
        self._all()
        return any(part.startswith("environment") for part in self._looked_at)

    def get(self, *names: str) -> Setting | None:
        """The first of `names` that is set."""
        settings = self._all()
        return next((settings[name] for name in names if name in settings), None)

    def matching(self, pattern: re.Pattern[str]) -> Sequence[Setting]:
        """Variables whose name matches, by name."""
        return [setting for name, setting in sorted(self._all().items()) if pattern.search(name)]

    def number(self, *names: str) -> float | None:
        """The first of `names` that is set, as a number; None where it is none."""
        setting = self.get(*names)
        try:
            return float(setting.value) if setting else None
        except ValueError:
            return None

    def secrets(self) -> frozenset[str]:
        """Values of secret variables and passwords in addresses: to be masked wherever they turn up."""
        try:
            settings = self._all()
        except Unobservable:
            return frozenset()
        values = {one.value for one in settings.values() if is_secret_name(one.name) and not one.placeholder}
        for setting in settings.values():
            values.update(re.findall(r"://[^\s:/@]*:([^\s/@]+)@", setting.value))
        return frozenset(values)

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _all(self) -> Mapping[str, Setting]:
        if self._settings is None:
            settings: dict[str, Setting] = {}
            self._looked_at = []
            self._read_file(settings)
            self._read_process(settings)
            if not self._looked_at:
                raise Unobservable(
                    "neither the process' environment nor an env file could be read",
                    '[config] env_file = ".env", or pid = 1234 and the rights to read /proc/1234/environ',
                )
            self._settings = settings
        return self._settings

    def _read_file(self, settings: dict[str, Setting]) -> None:
        if self._env_file is None:
            return
        try:
            text = read_bytes(self._env_file, FILE_LIMIT_BYTES).decode("utf-8", "replace")
        except OSError:
            return
        values = dotenv_values(stream=io.StringIO(text), interpolate=False)
        source = self._env_file.name
        settings.update({name: Setting(name, value, source) for name, value in values.items() if value is not None})
        self._looked_at.append(f"{source} ({_variables(len(values))})")

    def _read_process(self, settings: dict[str, Setting]) -> None:
        if self._pid is None:
            return
        environment = self._host.environment(self._pid)
        if environment is None:
            return
        process = self._host.process(self._pid)
        source = f"environment of the {process.name if process else 'running'} process"
        settings.update({name: Setting(name, value, source) for name, value in environment.items()})
        self._looked_at.append(f"{source} ({_variables(len(environment))})")


def is_placeholder(value: str) -> bool:
    """Whether a value is what a template or a tutorial puts there: `<secret>`, `your-key`, `change-this`."""
    return bool(PLACEHOLDER.search(value.strip().strip("\"'")))


_WORDS = re.compile(
    r"secret|passw(?:or)?d|insecure|changeme|development|default|jwt[-_ ]?(?:key|token)|sign(?:ing)?[-_ ]?key"
    r"|(?:^|[-_ .])(?:dev|local|test|demo|example|sample|dummy|my)(?:[-_ .]|$)",
    re.IGNORECASE,
)
_ISSUED = re.compile(r"^(?:[sprw]k|whsec|rk)_(?:live|test)?_?\w{16,}$")


def is_wordy(value: str) -> bool:
    """Whether a key says in words what it is, as no random one does: "my-jwt-secret-for-development-2024"."""
    return bool(_WORDS.search(value)) and not _ISSUED.match(value)


def entropy_bits(value: str) -> float:
    """Shannon entropy of the characters times their number: 0 for "aaaa", about 4 a character for random hex.

    What repeats itself counts once.
    """
    value = _unit(value)
    if not value:
        return 0.0
    shares = [count / len(value) for count in Counter(value).values()]
    return -sum(share * math.log2(share) for share in shares) * len(value)


def _unit(value: str) -> str:
    """The shortest text whose repetition `value` is; `value` itself for most."""
    length = (value + value).find(value, 1)
    return value[:length] if 0 < length <= len(value) // 2 else value


def _variables(count: int) -> str:
    return f"{count} variable{'' if count == 1 else 's'}"
