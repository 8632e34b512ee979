"""A secret that the checklist or a statement spells out is in no report, whoever reads it."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console
from tests.unit.inspection.fakes import inspection, line

from roadworthy.contracts.checks import Status
from roadworthy.inspection import attestation, people
from roadworthy.inspection.attestation import People
from roadworthy.inspection.command import Encode
from roadworthy.inspection.model import Item
from roadworthy.inspection.reports import junit, machine, page, sarif, terminal
from roadworthy.inspection.results import Inspection

CANARY = "c4nary-0f-the-m1ne"


def on_a_terminal(found: Inspection) -> bytes:
    console = Console(file=io.StringIO(), width=200)
    terminal.show(console, found)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().encode()


@pytest.mark.parametrize("encode", [machine.encode, page.encode, sarif.encode, junit.encode, on_a_terminal])
@pytest.mark.parametrize("status", [Status.PASS, Status.FAIL, Status.UNKNOWN, Status.HUMAN, Status.UNMAPPED])
def test_no_report_repeats_it(encode: Encode, status: Status) -> None:
    item = Item(1, (f"Set API_TOKEN={CANARY}",), f"DB_PASSWORD={CANARY}")
    today = datetime.now(UTC).date()
    waiver = attestation.Waiver(line=item.text, owner="Ben", reason=f"it is {CANARY}", until=today)
    lost = attestation.Waiver(line=f"no such line, password={CANARY}", owner="Ben", reason="x", until=today)
    found = people.beside(inspection(line(item, status)), People(waiver=(waiver, lost)), today, frozenset({CANARY}))
    assert found.lines[0].statements
    assert found.notes
    assert CANARY not in encode(replace(found, target="shop")).decode()
