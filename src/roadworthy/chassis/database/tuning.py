"""Settings of the embedded PostgreSQL: sized to the machine, small enough for a laptop or a container."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from roadworthy.chassis.processes.state import LOOPBACK

MEGABYTE = 1024 * 1024
SHARED_MEMORY_FOLDER = Path("/dev/shm")  # noqa: S108  # looked at, nothing is written there
SHARED_MEMORY_NEEDED_BYTES = 256 * MEGABYTE
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def server_settings(port: int, logs: Path, *, durable: bool = True) -> str:
    """The text of a configuration file for a server that listens on loopback at `port` and logs into `logs`."""
    memory = memory_bytes() // MEGABYTE
    settings: dict[str, str | int] = {
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",  # a state folder's path may be longer than a socket's name may be
        "max_connections": 200,
        "password_encryption": "scram-sha-256",
        "shared_buffers": f"{min(max(memory // 8, 64), 1024)}MB",
        "effective_cache_size": f"{max(memory // 2, 256)}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(max(memory // 16, 64), 256)}MB",
        "max_wal_size": "1GB",
        "wal_compression": "on",
        "random_page_cost": "1.1",
        "jit": "off",  # compiling costs more than our short queries take
        "max_parallel_workers_per_gather": 0,  # one page view never takes a second core from the others
        "dynamic_shared_memory_type": dynamic_shared_memory(),
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track": "all",
        "track_io_timing": "on",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
        **_logging(logs),
    }
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return "".join(f"{name} = '{str(value).replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())


def _logging(logs: Path) -> dict[str, str | int]:
    # A file a weekday, emptied when its day comes round: the logs never grow past a week.
    return {
        "logging_collector": "on",
        "log_directory": str(logs),
        "log_filename": "postgres-%a.log",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %u@%d %a ",
        "log_min_duration_statement": "250ms",
        "log_parameter_max_length": 200,
        "log_lock_waits": "on",
        "log_temp_files": "10MB",
        "log_autovacuum_min_duration": "1s",
    }


def dynamic_shared_memory(folder: Path = SHARED_MEMORY_FOLDER) -> str:
    """`posix`, or `mmap` (files in the data folder) where /dev/shm is as small as a container's 64 MB."""
    try:
        roomy = shutil.disk_usage(folder).total >= SHARED_MEMORY_NEEDED_BYTES
    except OSError:
        return "mmap"
    return "posix" if roomy else "mmap"


def memory_bytes() -> int:
    """Memory this process may use: the machine's, or its container's limit if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *filter(None, map(_limit, CGROUP_LIMITS))])


def _limit(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # no such controller, or "max"
        return None
