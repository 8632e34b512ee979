"""What runs on this machine: who listens, and which of it was started from a repository."""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.probes.forwarding import is_proxy
from roadworthy.inspection.probes.host import LISTENING, HostProbe, Process, programs

ANSWER_SECONDS = 2.0
TABLE_BYTES = 1024 * 1024
ROWS_LIMIT = 2_000
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Listener:
    """A process that listens on `port` of this machine; `folder` is where it was started, if that can be seen."""

    port: int
    process: Process
    folder: Path | None
    proxy: bool

    @property
    def words(self) -> str:
        """The process in a comment: no part of its command line, which may hold a password."""
        program = next(iter(programs(self.process)[-1:]), self.process.name)
        return f"{program} (process {self.process.pid})"


def listeners(host: HostProbe) -> Sequence[Listener]:
    """Everybody that listens, the oldest process of each port, by port; only what this user may see."""
    sockets = _sockets(host.proc)
    found: dict[int, Process] = {}
    try:
        processes = sorted(host.processes(), key=lambda one: (one.ticks, one.pid)) if sockets else ()
    except Unobservable:
        return ()
    for process in processes:
        for opened in host.open_files(process.pid):
            port = sockets.get(opened)
            if port is not None:
                found.setdefault(port, process)
    return [
        Listener(port, process, _folder(host, process.pid), is_proxy(host, process))
        for port, process in sorted(found.items())
    ]


def of_repository(found: Sequence[Listener], root: Path) -> Sequence[Listener]:
    """Those that were started within `root` and are no proxy."""
    return [
        one for one in found if one.folder is not None and one.folder.is_relative_to(root.resolve()) and not one.proxy
    ]


def open_ports(host: HostProbe) -> frozenset[int]:
    """Ports that somebody listens on, whoever it is."""
    return frozenset(_sockets(host.proc).values())


def answers_http(port: int, address: str = LOOPBACK) -> bool:
    """Whether an HTTP server is there: one HEAD request, two seconds at most."""
    connection = http.client.HTTPConnection(address, port, timeout=ANSWER_SECONDS)
    try:
        connection.request("HEAD", "/", headers={"user-agent": "roadworthy-target/0.1"})
        return connection.getresponse().status > 0
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()


def _sockets(proc: Path) -> Mapping[str, int]:
    """The kernel's name of each listening socket -> its port."""
    found: dict[str, int] = {}
    for table in ("net/tcp", "net/tcp6"):
        try:
            with (proc / table).open("rb") as file:
                rows = file.read(TABLE_BYTES).decode("ascii", "replace").splitlines()[1 : ROWS_LIMIT + 1]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if len(fields) > 9 and fields[3] == LISTENING:  # noqa: PLR2004 - columns of /proc/net/tcp
                found[f"socket:[{fields[9]}]"] = int(fields[1].rpartition(":")[2], 16)
    return found


def _folder(host: HostProbe, pid: int) -> Path | None:
    try:
        return Path(os.readlink(host.proc / str(pid) / "cwd"))  # noqa: PTH115 - Path.readlink of a vanished process raises as well
    except OSError:
        return None
