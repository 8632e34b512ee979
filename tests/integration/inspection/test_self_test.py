"""Every check against its planted defect and its mended twin, on real servers; and the sweep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from roadworthy.chassis.cache.embedded import EmbeddedValkey
from roadworthy.contracts.checks import Status, Verdict
from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.fixtures.servers import Servers
from roadworthy.inspection.model import Check
from roadworthy.inspection.selftest import Outcome, self_test
from roadworthy.inspection.sweep import EMPTY, sweep

# The fixtures change settings of the server and empty it: it is nobody else's.
pytestmark = pytest.mark.xdist_group("self-test")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"  # what the inspector runs on


@pytest.fixture(scope="module")
def lent(servers: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield Servers(servers["admin"], valkey.url)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)
async def test_a_check_finds_its_defect_and_passes_the_mended_twin(check: Check, lent: Servers) -> None:
    proofs = await self_test([check], lent)
    assert [(proof.fixture, proof.seen, proof.words) for proof in proofs if proof.outcome is Outcome.WRONG] == []
    assert [proof.words for proof in proofs if proof.outcome is Outcome.NOT_RUN] == []


@pytest.mark.parametrize("name", EMPTY)
async def test_nothing_passes_on_nothing(name: str, lent: Servers) -> None:
    swept = await sweep(CHECKS, lent, {name: EMPTY[name]})
    assert swept.found == []
    assert swept.not_run == []
    assert swept.runs >= sum(not check.needs for check in CHECKS)


async def test_without_servers_it_says_what_it_could_not_run() -> None:
    chosen = [check for check in CHECKS if check.id in {"db.engine.version", "redis.persist.disk"}]
    proofs = await self_test(chosen, Servers())
    assert {(proof.outcome, proof.seen) for proof in proofs} == {(Outcome.NOT_RUN, None)}
    assert all("PostgreSQL" in proof.words or "Valkey" in proof.words for proof in proofs)


async def test_a_broken_check_is_wrong_not_a_crash() -> None:
    check = next(check for check in CHECKS if check.id == "cfg.env.effective")

    async def broken(*_: object) -> Verdict:
        raise KeyError("surprise")

    proofs = await self_test([replace(check, run=broken)], Servers())
    assert {(proof.outcome, proof.seen) for proof in proofs} == {(Outcome.WRONG, Status.UNKNOWN)}
    assert all("surprise" in proof.words for proof in proofs)


def test_only_checks_about_servers_may_pass_on_empty_ones() -> None:
    excused = {check.id for check in CHECKS if check.server_itself}
    assert all(name.startswith(("db.", "redis.")) for name in excused)
