from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace
from io import StringIO

import pytest
from benchmarks.load import Load
from benchmarks.report import latency, picture, throughput
from benchmarks.results import Record, Rounds, memory_record, record
from benchmarks.workloads import WORKLOADS
from rich.console import Console

BY_ID = WORKLOADS[0]
GOOD = Load(30_000, 1.0, 1, 4.0, 8.0, 16.0, status_errors=0, socket_errors=0, timeouts=0)


def rounds(ours: Load = GOOD, *, reference_rps: int = 2_000, limit_rps: float = 90_000) -> Rounds:
    reference = replace(GOOD, requests=reference_rps)
    return Rounds([ours] * 3, [reference] * 3, [limit_rps] * 3, ours_pss_mb=60.0, reference_pss_mb=90.0)


def summed_up(seen: Rounds) -> Record:
    return record(BY_ID, seen, {"2 workers, without slowapi": 2_000.0}, "2 workers, without slowapi", {})


def test_a_record_compares_medians() -> None:
    seen = rounds()
    seen.ours[0] = replace(GOOD, requests=10)

    found = summed_up(seen)

    assert (found.ours_rps, found.ratio, found.share_of_limit, found.ours_p99_ms) == (30_000, 15.0, 0.333, 16.0)
    assert found.bars_met
    assert found.aim_met


@pytest.mark.parametrize(
    "seen",
    [
        rounds(reference_rps=4_000),
        rounds(limit_rps=200_000),
        rounds(replace(GOOD, status_errors=1)),
        rounds(replace(GOOD, socket_errors=1)),
        rounds(replace(GOOD, timeouts=1)),
    ],
    ids=["ratio", "share", "refused", "broken", "late"],
)
def test_a_bar_is_missed(seen: Rounds) -> None:
    assert not summed_up(seen).bars_met


@pytest.mark.parametrize(("pss_mb", "met"), [(0.0, False), (149.0, True), (151.0, False)])
def test_memory_is_held_against_its_bar_and_must_have_been_seen(pss_mb: float, *, met: bool) -> None:
    seen = rounds()
    seen.ours_pss_mb = pss_mb

    assert memory_record([summed_up(seen)], {}).bars_met is met


def test_tables_and_picture_show_every_figure() -> None:
    records = [summed_up(rounds()), memory_record([summed_up(rounds())], {})]
    output = StringIO()

    Console(file=output, width=80).print(throughput(records, "Answers a second"), latency(records))

    for figure in ("15.0x", "bar 10x", "0.33", "bar 0.22", "aim 0.31", "60 MB", "16.0", "met,", "aim too"):
        assert figure in output.getvalue()
    root = ET.fromstring(picture(records))
    assert "30,000" in "".join(root.itertext())
