"""Takes a dependency away and gives it back, or tells the service to stop and starts it again: only when asked for."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.redaction import redact
from roadworthy.inspection.scenario import Cut, Stop

COMMAND_SECONDS = 30.0
WATCH_SECONDS = 90.0
"""After so long a dependency is given back, whatever became of the inspector."""
_WATCHDOG = """
import select, subprocess, sys
readable, _, _ = select.select([sys.stdin], [], [], float(sys.argv[1]))
if not (readable and sys.stdin.buffer.read(4) == b"done"):
    subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, timeout=60)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that was run: its exit code, and the end of what it wrote."""

    command: str
    code: int
    said: str


class DisruptionsProbe:
    """What the target allows to be taken away. One thing at a time."""

    def __init__(self, cuts: Sequence[Cut], stop: Stop | None = None) -> None:
        """Take the cuts and the stop that target.toml describes."""
        self.cuts = tuple(cuts)
        self.stop = stop
        self.one_at_a_time = asyncio.Lock()

    @property
    def vantage(self) -> str:
        """From where it was done."""
        return "commands on this machine"

    @asynccontextmanager
    async def taken_away(self, cut: Cut) -> AsyncIterator[Ran]:
        """The dependency is cut inside, and given back at the end whatever happens, this program's death included.

        Raises:
            Unobservable: a command is missing, or the cut failed, or it could not be given back.
        """
        cutting, restoring = _words(cut.cut), _words(cut.restore)
        async with self.one_at_a_time, _watchdog(restoring) as stand_down:
            try:
                ran = await run(cutting)
                if ran.code != 0:
                    raise Unobservable(f"`{ran.command}` ended with {ran.code}: {ran.said}", "mend the cut command")
                yield ran
            finally:
                given_back = await asyncio.shield(asyncio.ensure_future(run(restoring)))
                if given_back.code == 0:
                    stand_down.set()
            if given_back.code != 0:
                raise Unobservable(
                    f"{cut.dependency} was NOT given back: `{given_back.command}` ended with {given_back.code}: "
                    f"{given_back.said}",
                    f"run it by hand now: {given_back.command}",
                )

    async def aclose(self) -> None:
        """Nothing is held open."""


async def run(words: Sequence[str]) -> Ran:
    """Run a command without a shell, at most `COMMAND_SECONDS`."""
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(COMMAND_SECONDS):
            _, errors = await process.communicate()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        return Ran(redact(shlex.join(words)), -1, f"no end within {COMMAND_SECONDS:g} seconds")
    return Ran(redact(shlex.join(words)), process.returncode or 0, redact(errors.decode("utf-8", "replace")[-200:]))


def terminate(pid: int) -> None:
    """Ask a process of this user to stop.

    Raises:
        Unobservable: there is no such process, or it is somebody else's.
    """
    try:
        owner = os.stat(f"/proc/{pid}").st_uid  # noqa: PTH116 - a Path adds nothing here
        if owner != os.getuid():
            raise Unobservable(f"process {pid} belongs to another user", "run as the service's own user")
        os.kill(pid, signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        raise Unobservable(f"there is no process {pid}", "[stop] pid is the running service's") from None


def runs(pid: int) -> bool:
    """Whether a process is there and no mere entry that its parent has not collected."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:  # noqa: PTH123 - as above
            return file.read(4096).rpartition(")")[2].split()[0] not in {"Z", "X"}
    except (OSError, IndexError):
        return False


def _words(command: str) -> Sequence[str]:
    words = shlex.split(command)
    if not words or shutil.which(words[0]) is None:
        raise Unobservable(f"{words[0] if words else 'the command'} is not installed here", "mend the command")
    return words


@asynccontextmanager
async def _watchdog(restoring: Sequence[str]) -> AsyncIterator[asyncio.Event]:
    """A process that gives back what was taken, should this one die or take too long before the event is set."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _WATCHDOG,
        str(WATCH_SECONDS),
        *restoring,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    stand_down = asyncio.Event()
    try:
        yield stand_down
    finally:
        if stand_down.is_set() and process.stdin is not None:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(b"done")
                await process.stdin.drain()
        if process.stdin is not None:
            process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(COMMAND_SECONDS):
                await process.wait()
