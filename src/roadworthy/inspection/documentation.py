"""Writes a page for each check, from its declaration: `python -m roadworthy.inspection.documentation docs/checks`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.inspection.catalogue import CHECKS
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Strength
from roadworthy.inspection.requirements import BY_ID

INDEX = "README.md"
RESTS_ON: Mapping[Strength, str] = {
    Strength.BEHAVIOUR: "behaviour: what the running system did",
    Strength.CONFIGURATION: "configuration: what the running system was told",
    Strength.FILE: "files: what stands in the source tree",
}
RADIUS: Mapping[str, str] = {
    "read_only": "reads only",
    "probe": "provokes: sends what a client could send, on purpose",
    "disruptive": "disrupts: only when asked for",
}


def pages(checks: Sequence[Check] = CHECKS) -> Mapping[str, str]:
    """File name -> Markdown, an index included."""
    return {INDEX: _index(checks), **{f"{check.id}.md": _page(check) for check in checks}}


def write(folder: Path) -> int:
    """Bring `folder` up to date: pages of checks that are gone are removed. Returns how many files changed."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    changed = 0
    for gone in {path.name for path in folder.glob("*.md")} - set(wanted):
        (folder / gone).unlink()
        changed += 1
    for name, text in wanted.items():
        if not (folder / name).exists() or (folder / name).read_text("utf-8") != text:
            (folder / name).write_text(text, "utf-8")
            changed += 1
    return changed


def _index(checks: Sequence[Check]) -> str:
    rows = [
        f"| [{check.id}]({check.id}.md) | {check.title} | {', '.join(check.requirements)} | {check.severity} |"
        for check in sorted(checks, key=lambda check: check.id)
    ]
    head = (
        "# Checks\n\nGenerated from their declarations. Each has a planted defect that it must find, and a mended twin "
    )
    table = "| check | what it says | answers | severity |\n|---|---|---|---|\n"
    return f"{head}that it must pass: `roadworthy inspect --self-test`.\n\n{table}" + "\n".join(rows) + "\n"


def _page(check: Check) -> str:
    text = check.documentation
    needs = [f"`{PROBE_REMEDIES.get(name, f'[{name}]')}`" for name in sorted(check.needs)]
    facts = {
        "Answers": "; ".join(f"`{name}` ({BY_ID[name].title.lower()})" for name in check.requirements),
        "Severity": str(check.severity),
        "Rests on": RESTS_ON[check.strength],
        "Blast radius": RADIUS[check.blast_radius],
        "Needs": ", ".join(needs) or "nothing certain; it takes what the target offers",
        "Time limit": f"{check.timeout_seconds:g} seconds",
    }
    parts = {
        "What": text.what,
        "Why": text.why,
        "How it is verified": text.how_verified,
        "How to mend": text.how_to_mend,
        "When it does not apply": text.not_applicable_when,
    }
    table = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    body = "\n\n".join(f"## {name}\n\n{words}" for name, words in parts.items())
    return f"# {check.title}\n\n`{check.id}`\n\n| | |\n|---|---|\n{table}\n\n{body}\n"


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004 - the module and the folder
        sys.exit("usage: python -m roadworthy.inspection.documentation docs/checks")
    sys.stdout.write(f"{write(Path(sys.argv[1]))} pages changed\n")
