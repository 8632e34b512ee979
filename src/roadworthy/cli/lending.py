"""Throwaway servers for `roadworthy inspect --self-test`, where the chassis that carries them is installed."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.chassis.database.embedded import EmbeddedPostgres
from roadworthy.inspection.fixtures.servers import Servers


@contextlib.contextmanager
def lend() -> Iterator[Servers]:
    """A PostgreSQL and a Valkey of their own, gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="roadworthy-self-test-") as folder,
        EmbeddedPostgres(Path(folder), durable=False) as postgres,
        EmbeddedValkey(Path(folder)) as valkey,
    ):
        yield Servers(postgres.admin_dsn, valkey.url)
