from __future__ import annotations

import hashlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
DECISION = ROOT / "docs" / "decisions" / "0031-reference-searches.md"


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for file in sorted(folder.glob("*.py")):
        found.update(f"{file.name}\0".encode() + file.read_bytes())
    return found.hexdigest()


def test_the_reference_is_as_its_decision_froze_it() -> None:
    assert digest(ROOT / "benchmarks" / "reference") in DECISION.read_text(encoding="utf-8")
