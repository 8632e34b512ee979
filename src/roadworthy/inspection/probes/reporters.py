"""Runs a program that only reports: without input, bounded in time and output."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass

from roadworthy.inspection.errors import Unobservable

TIMEOUT_SECONDS = 4.0
OUTPUT_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """What a program printed, and how it ended."""

    code: int
    output: str
    errors: str


async def run(program: str | None, *arguments: str, timeout_seconds: float = TIMEOUT_SECONDS) -> Said:
    """Run `program`, an absolute path or a name to be found.

    Raises:
        Unobservable: it is not there, did not end in time, or printed without end.
    """
    found = shutil.which(program) if program else None
    if found is None:
        name = (program or "").rpartition("/")[2] or "the program"
        raise Unobservable(f"{name} is not there", "run on the machine that serves")
    process = await asyncio.create_subprocess_exec(
        found,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={"LC_ALL": "C", "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
            code = await process.wait()
    except TimeoutError:
        raise Unobservable(f"{found.rpartition('/')[2]} gave no answer in {timeout_seconds:g} seconds") from None
    finally:
        await _ended(process)
    return Said(code, output, errors)


async def _bounded(stream: asyncio.StreamReader | None) -> str:
    if stream is None:
        return ""
    raw = bytearray()
    while len(raw) <= OUTPUT_LIMIT_BYTES:
        chunk = await stream.read(64 * 1024)
        if not chunk:
            return raw.decode("utf-8", "replace")
        raw += chunk
    raise Unobservable("the program prints without end")


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
