"""Looks at the machine that serves: processes, listeners, units, files under /etc. Reads only."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.probes.bounded import read_bytes
from roadworthy.inspection.probes.reporters import TIMEOUT_SECONDS, Said, run

PROCESSES_LIMIT = 4_096
FILES_LIMIT = 500
ENTRIES_LIMIT = 10_000
FILE_LIMIT_BYTES = 64 * 1024
LARGE_LIMIT_BYTES = 32 * 1024 * 1024
LISTENING = "0A"
VIRTUAL_DISK = re.compile(r"/(?:loop|ram|zram|dm-|md|sr|fd|nbd)\d*/")
_NAME_AND_REST = re.compile(r"\A(\d+) \((.*)\) (.*)\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Process:
    """One process: `argv` is its command line (empty for kernel threads), `ticks` when it began, since boot."""

    pid: int
    parent: int
    name: str
    argv: tuple[str, ...]
    user_id: int
    ticks: int = 0

    @property
    def command(self) -> str:
        """Command line in one string; the kernel's name where there is none."""
        return " ".join(self.argv) or f"[{self.name}]"


@dataclass(frozen=True, slots=True)
class Disk:
    """Room on a file system, in bytes."""

    total: int
    free: int


class HostProbe:
    """The machine that this runs on. `root` is where /etc and /var are looked for, `proc` where processes are."""

    def __init__(
        self,
        *,
        proc: Path = Path("/proc"),
        root: Path = Path("/"),
        systemctl: str | None = "systemctl",
        disk: Disk | None = None,
        commands: Path | None = None,
    ) -> None:
        """Take other folders to look at a mounted system instead of the running one.

        `commands` is the folder that programs which report are run from there; `disk` stands in for its file system.
        """
        self.proc = proc
        self.root = root
        self._systemctl = systemctl
        self._disk = disk
        self._commands = commands
        self._processes: tuple[Process, ...] | None = None
        self._listeners: dict[int, tuple[Process, ...]] = {}

    @property
    def vantage(self) -> str:
        """From where things were seen."""
        return "this machine, /proc and /etc"

    def cores(self) -> int:
        """Processor cores that the service may use: affinity, cut by a cgroup's quota."""
        cores = self._own_cores()
        quota = _read(self.root / "sys/fs/cgroup/cpu.max", 64).split()
        if len(quota) == 2 and quota[0].isdigit():  # noqa: PLR2004 - quota and period, as the kernel writes them
            cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
        return cores

    def processes(self) -> Sequence[Process]:
        """Every process that can be seen, read once."""
        if self._processes is None:
            pids = sorted(int(entry.name) for entry in _entries(self.proc) if entry.name.isdigit())
            found = (self.process(pid) for pid in pids[:PROCESSES_LIMIT])
            self._processes = tuple(process for process in found if process is not None)
        if not self._processes:
            raise Unobservable(f"no process is visible in {self.proc}", "run where the service runs")
        return self._processes

    def process(self, pid: int) -> Process | None:
        """One process; None where it is gone or hidden."""
        match = _NAME_AND_REST.match(_read(self.proc / str(pid) / "stat", 1024))
        if match is None:
            return None
        fields = match[3].split()
        argv = tuple(part for part in _read(self.proc / str(pid) / "cmdline", 16 * 1024).split("\0") if part)
        user = re.search(r"^Uid:\s+(\d+)", _read(self.proc / str(pid) / "status", 4096), re.MULTILINE)
        return Process(pid, int(fields[1]), match[2], argv, int(user[1]) if user else -1, int(fields[19]))

    def running(self, *names: str) -> Sequence[Process]:
        """Processes whose program, or the script or module that an interpreter runs, has one of these names."""
        wanted = {name.lower() for name in names}
        return tuple(process for process in self.processes() if wanted & set(programs(process)))

    def age_seconds(self, process: Process) -> float:
        """How long ago it began."""
        uptime = _read(self.proc / "uptime", 64).split()
        if not uptime:
            raise Unobservable(f"{self.proc}/uptime can't be read")
        return max(0.0, float(uptime[0]) - process.ticks / os.sysconf("SC_CLK_TCK"))

    def descendants(self, pid: int) -> Sequence[Process]:
        """Children of `pid`, their children, and so on."""
        below: set[int] = {pid}
        found: list[Process] = []
        for process in sorted(self.processes(), key=lambda one: one.ticks):
            if process.parent in below and process.pid not in below:
                below.add(process.pid)
                found.append(process)
        return tuple(found)

    def ancestors(self, process: Process) -> Sequence[Process]:
        """Its parent, the parent's parent, and so on."""
        by_pid = {one.pid: one for one in self.processes()}
        found: list[Process] = []
        while process.parent in by_pid and len(found) < 32:  # noqa: PLR2004 - deeper than any real tree
            process = by_pid[process.parent]
            found.append(process)
        return tuple(found)

    def listeners(self, port: int) -> Sequence[Process]:
        """Processes that hold a listening TCP socket on `port`, oldest first; looked for once."""
        if port not in self._listeners:
            sockets = {f"socket:[{inode}]" for _, inode in self._listening(port)}
            everything = self.processes() if sockets else ()
            holders = [process for process in everything if sockets & set(self.open_files(process.pid))]
            self._listeners[port] = tuple(sorted(holders, key=lambda process: (process.ticks, process.pid)))
        return self._listeners[port]

    def addresses(self, port: int) -> Sequence[str]:
        """Addresses on which `port` is listened on: "127.0.0.1", "0.0.0.0", "::"."""
        return tuple(sorted({_address(local) for local, _ in self._listening(port)}))

    def open_files(self, pid: int) -> Sequence[str]:
        """What its file descriptors point at; empty where that may not be seen."""
        found: list[str] = []
        for entry in _entries(self.proc / str(pid) / "fd"):
            try:
                found.append(os.readlink(entry.path))  # noqa: PTH115 - a Path an entry costs more than the link
            except OSError:
                continue
        return found

    def environment(self, pid: int) -> Mapping[str, str] | None:
        """The environment that `pid` was started with; None where that may not be read."""
        try:
            raw = read_bytes(self.proc / str(pid) / "environ", 256 * 1024)
        except OSError:
            return None
        pairs = (part.partition("=") for part in raw.decode("utf-8", "replace").split("\0") if "=" in part)
        return {name: value for name, _, value in pairs}

    def control_group(self, pid: int) -> str:
        """The control group that `pid` belongs to, as a path."""
        return _read(self.proc / str(pid) / "cgroup", 4096).partition("::")[2].strip()

    def group_limits(self, pid: int) -> tuple[int | None, float | None]:
        """Bytes and cores that the control group of `pid`, and those above it, allow at most; None without a limit."""
        group = Path(self.control_group(pid).lstrip("/"))
        folders = [self.root / "sys/fs/cgroup" / part for part in (group, *group.parents)]
        memory = [int(text) for one in folders if (text := _read(one / "memory.max", 64).strip()).isdigit()]
        quotas = [_read(one / "cpu.max", 64).split() for one in folders]
        cores = [int(one[0]) / int(one[1]) for one in quotas if len(one) == 2 and one[0].isdigit()]  # noqa: PLR2004 - quota, period
        return min(memory, default=None), min(cores, default=None)

    def open_files_limit(self, pid: int) -> int | None:
        """How many files `pid` may hold open; None where that may not be seen."""
        found = re.search(r"^Max open files\s+(\d+)", _read(self.proc / str(pid) / "limits", 4096), re.MULTILINE)
        return int(found[1]) if found else None

    def folder(self, pid: int) -> str:
        """The folder that `pid` works in; empty where that may not be seen."""
        try:
            return str((self.proc / str(pid) / "cwd").readlink())
        except OSError:
            return ""

    def libraries(self, pid: int) -> frozenset[str]:
        """Names of the packages and shared objects that `pid` has mapped: "granian", "libssl"."""
        paths = re.findall(r"\s(/\S+\.so[\w.]*)$", _read(self.proc / str(pid) / "maps", 4 * 1024 * 1024), re.MULTILINE)
        names = {Path(path).name.partition(".")[0] for path in paths} | {Path(path).parent.name for path in paths}
        return frozenset(name.lower().lstrip("_") for name in names)

    def threads(self, pid: int) -> int:
        """How many threads `pid` has."""
        found = re.search(r"^Threads:\s+(\d+)", _read(self.proc / str(pid) / "status", 4096), re.MULTILINE)
        return int(found[1]) if found else 1

    def held_memory(self, pid: int) -> tuple[int, int] | None:
        """Bytes that `pid` holds now and at the most ever held; None where that can't be seen.

        Now is its share of what it shares with others where the kernel tells that, else all that it has resident.
        """
        status = _read(self.proc / str(pid) / "status", 4096)
        rss = re.search(r"^VmRSS:\s+(\d+) kB", status, re.MULTILINE)
        most = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        if rss is None or most is None:
            return None
        shared = re.search(r"^Pss:\s+(\d+) kB", _read(self.proc / str(pid) / "smaps_rollup", 4096), re.MULTILINE)
        return int((shared or rss)[1]) * 1024, int(most[1]) * 1024

    def output(self, pid: int) -> Path | None:
        """The file that its standard output is written to; None for a terminal, a pipe or the journal."""
        try:
            path = (self.proc / str(pid) / "fd" / "1").readlink()
        except OSError:
            return None
        return path if path.is_absolute() and not path.is_relative_to("/dev") and path.is_file() else None

    async def unit(self, name: str) -> Mapping[str, str]:
        """State of a systemd unit: LoadState, ActiveState, UnitFileState, Restart, MainPID.

        Raises:
            Unobservable: systemctl is missing or gave no answer.
        """
        return await self._show(name, "LoadState,ActiveState,UnitFileState,Restart,MainPID,FragmentPath")

    @property
    def contained(self) -> bool:
        """Whether this is the inside of a container: agents and workers beside it don't show among its processes."""
        return any((self.root / mark).exists() for mark in (".dockerenv", "run/.containerenv"))

    @property
    def systemd(self) -> bool:
        """Whether systemd runs this machine."""
        return (self.root / "run/systemd/system").is_dir()

    def memory(self) -> Mapping[str, int]:
        """Bytes, as /proc/meminfo names them: MemTotal, MemAvailable, ..."""
        lines = re.findall(r"^(\w+):\s+(\d+) kB", _read(self.proc / "meminfo", 16 * 1024), re.MULTILINE)
        return {name: int(number) * 1024 for name, number in lines}

    def memory_limit(self) -> int | None:
        """Bytes that the control group allows at most; None without a limit."""
        text = _read(self.root / "sys/fs/cgroup/memory.max", 64).strip()
        return int(text) if text.isdigit() else None

    def spinning(self) -> bool | None:
        """Whether a disk spins; None where no real disk is seen."""
        devices = self.files("sys/block/*/queue/rotational")
        said = [text.strip() for path, text in devices.items() if not VIRTUAL_DISK.search(path)]
        return "1" in said if said else None

    def global_ipv6(self) -> bool:
        """Whether it has an IPv6 address that others may reach."""
        rows = (line.split() for line in _read(self.proc / "net/if_inet6", 64 * 1024).splitlines())
        return any(len(row) > 3 and row[3] == "00" for row in rows)  # noqa: PLR2004 - the column of the scope: global

    async def ask(self, program: str, *arguments: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Said:
        """What a program of this machine reports: `nft list ruleset`.

        Raises:
            Unobservable: it is not there, or gave no answer in time.
        """
        foreign = self.root != Path("/")
        place = f"{self._commands}/{program}" if self._commands else None if foreign else program
        return await run(place, *arguments, timeout_seconds=timeout_seconds)

    def warm(self) -> None:
        """Read the table of processes, which takes long where there are many; meant for a thread."""
        with if_seen():
            self.processes()

    def disk(self, path: str = "/") -> Disk:
        """Room on the file system that holds `path`."""
        if self._disk is not None:
            return self._disk
        usage = shutil.disk_usage(self.root / path.lstrip("/"))
        return Disk(usage.total, usage.free)

    def load(self) -> float:
        """Runnable processes on average over the last minute."""
        return float((_read(self.proc / "loadavg", 64).split() or ["0"])[0])

    def files(self, *patterns: str) -> Mapping[str, str]:
        """Texts of the files that match glob patterns under the root ("etc/cron.d/*"), bounded in number and size."""
        found: dict[str, str] = {}
        for path in self.paths(*patterns):
            found["/" + str(path.relative_to(self.root))] = _read(path, FILE_LIMIT_BYTES)
        return found

    def text(self, path: str) -> str:
        """A larger file under the root, whole up to `LARGE_LIMIT_BYTES`: a list of packages."""
        return _read(self.root / path, LARGE_LIMIT_BYTES)

    def paths(self, *patterns: str) -> Sequence[Path]:
        """Files that match glob patterns under the root, at most `FILES_LIMIT`."""
        found: list[Path] = []
        for pattern in patterns:
            with contextlib.suppress(ValueError, NotImplementedError):  # what is no pattern matches nothing
                for path in islice(self.root.glob(pattern), ENTRIES_LIMIT):
                    if len(found) >= FILES_LIMIT:
                        return found
                    if _is_file(path):
                        found.append(path)
        return found

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _own_cores(self) -> int:
        if self.proc == Path("/proc"):
            return len(os.sched_getaffinity(0))
        listed = re.findall(r"^processor\s*:", _read(self.proc / "cpuinfo", 1024 * 1024), re.MULTILINE)
        return len(listed) or len(os.sched_getaffinity(0))

    def _listening(self, port: int) -> Iterable[tuple[str, str]]:
        for table in ("net/tcp", "net/tcp6"):
            for line in _read(self.proc / table, 1024 * 1024).splitlines()[1:]:
                fields = line.split()
                if len(fields) > 9 and fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:  # noqa: PLR2004 - columns of /proc/net/tcp
                    yield fields[1], fields[9]

    async def _show(self, name: str, properties: str) -> Mapping[str, str]:
        said = await run(self._systemctl, "show", "--no-pager", f"--property={properties}", "--", name)
        pairs = (line.partition("=") for line in said.output.splitlines())
        return {key: value for key, _, value in pairs}


INTERPRETERS = re.compile(r"^(?:python|pypy|node|nodejs|ruby|perl|php|java|deno|bun)[\d.]*$")


def programs(process: Process) -> tuple[str, ...]:
    """Names that a process goes by: its program, and the script or module that an interpreter runs, lower case."""
    names = [process.name.lower()]
    if process.argv:
        first = process.argv[0].split(":")[0].split(" ")[0]  # a title: "nginx: master process ..."
        names.append(Path(first).name.lower())
        names.extend(_script(process.argv))
    return tuple(dict.fromkeys(names))


def _script(argv: Sequence[str]) -> Iterable[str]:
    if not INTERPRETERS.match(Path(argv[0]).name):
        return
    words = iter(argv[1:])
    for word in words:
        if word == "-m":
            yield next(words, "").partition(".")[0].lower()
            return
        if word == "-c":
            return
        if not word.startswith("-"):
            yield Path(word).name.lower().removesuffix(".py").removesuffix(".js")
            return


def _address(local: str) -> str:
    raw = bytes.fromhex(local.partition(":")[0])
    words = [raw[i : i + 4][::-1] for i in range(0, len(raw), 4)]  # the kernel prints host byte order, word by word
    joined = b"".join(words)
    if len(joined) == 4:  # noqa: PLR2004 - IPv4
        return ".".join(map(str, joined))
    if not any(joined):
        return "::"
    return "::1" if joined == b"\0" * 15 + b"\1" else joined.hex(":", 2)


def _entries(folder: Path) -> Sequence[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _read(path: Path, limit_bytes: int) -> str:
    try:
        return read_bytes(path, limit_bytes).decode("utf-8", "replace")
    except OSError:
        return ""
