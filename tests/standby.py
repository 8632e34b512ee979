"""A standby of an embedded PostgreSQL, made by its own pg_basebackup."""

from __future__ import annotations

import shutil
from pathlib import Path
from urllib.parse import urlsplit

from roadworthy.chassis.database.embedded import EmbeddedPostgres, programs


class Standby(EmbeddedPostgres):
    """Follows `primary`, and answers reads."""

    def __init__(self, state_dir: Path, primary: EmbeddedPostgres) -> None:
        super().__init__(state_dir, durable=False)
        self._primary = primary

    def _initialise(self) -> None:
        if self._data.exists():
            return
        shutil.copy(self._primary._credentials_file, self._credentials_file)
        command: list[str | Path] = [programs() / "pg_basebackup", "-D", self._data, "-d", self._primary.admin_dsn]
        self._to_completion([*command, "-X", "stream", "--checkpoint=fast", "--no-sync"])
        (self._data / "standby.signal").touch()

    def _configure(self, port: int) -> None:
        super()._configure(port)
        at = urlsplit(self._primary.admin_dsn)
        conninfo = f"host={at.hostname} port={at.port} user={at.username} password={at.password}"
        with (self._data / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
            file.write(f"primary_conninfo = '{conninfo}'\nhot_standby = 'on'\nwal_retrieve_retry_interval = '100ms'\n")
