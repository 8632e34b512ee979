"""A role has the powers of those that it is a member of."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.servers import LENT, Database, Servers
from roadworthy.inspection.fixtures.stage import Stage

DROP = ("drop role if exists roadworthy_fixture_app", "drop role if exists roadworthy_fixture_between")


@pytest.mark.parametrize(("power", "status"), [("pg_execute_server_program", Status.FAIL), ("pg_monitor", Status.PASS)])
async def test_membership(power: str, status: Status, servers: dict[str, str]) -> None:
    LENT.set(Servers(servers["admin"], None))
    sql = (
        "create role roadworthy_fixture_between",
        f"grant {power} to roadworthy_fixture_between",
        "create role roadworthy_fixture_app login in role roadworthy_fixture_between",
    )
    stage = Stage(database=Database(role="nosuperuser", sql=sql, undo=DROP))
    verdict = await verdict_of("db.leastpriv.role", stage, role="roadworthy_fixture_app")
    assert verdict.status is status, verdict.summary
