"""How the frontend was built: hashed bundles, in parts, without source maps."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.assets import SAMPLE, site
from roadworthy.inspection.catalogue.kit import counted, failed, listed, not_applicable, observe, offered, passed
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.http import HttpProbe

HASHED = re.compile(r"[.-](?=[0-9a-zA-Z_]*\d)[0-9a-zA-Z_]{6,}\.(?:m?js)(?:\?|$)|/_next/static/chunks/")
LOADS_MORE = re.compile(r"\bimport\s*[({*\"']|\bwebpackChunk|__webpack_require__")
BUNDLE_BYTES = 100_000
"""A single script below it is no application bundle: taking it apart costs more requests than it saves bytes."""


async def _built(probes: Probes, requirement: Requirement) -> Verdict:
    return await _bundles(probes, requirement, least=1)


async def _split(probes: Probes, requirement: Requirement) -> Verdict:
    http, repo = offered(probes.http, "http"), offered(probes.repo, "repo")
    shown = await surface.pages(http)
    small = await _no_bundle(http, shown) if repo.find("package.json", aside=False) else ""
    if not small:
        return await _bundles(probes, requirement, least=2)
    evidence = observe(f"scripts of {surface.described(shown)}", small, http.vantage)
    words = f"no application bundle to split: {small} on {surface.described(shown)}"
    return not_applicable(words, evidence)


async def _no_bundle(http: HttpProbe, shown: Sequence[surface.Shown]) -> str:
    """The scripts in words, where they are one at most, small, and load no others; else empty."""
    scripts = surface.local_assets(http, shown, "scripts")
    elsewhere = [url for url in surface.foreign_assets(http, shown) if re.search(r"\.m?js(?:\?|$)", url)]
    if len(scripts) > 1 or elsewhere:
        return ""
    answers = [await http.get(url) for url in scripts]
    if any(one.status != surface.OK or one.truncated or LOADS_MORE.search(one.text) for one in answers):
        return ""
    total = sum(len(one.body) for one in answers)
    return "" if total >= BUNDLE_BYTES else f"one script of {total} bytes" if answers else "no script"


async def _bundles(probes: Probes, requirement: Requirement, *, least: int) -> Verdict:  # noqa: ARG001 - nothing more in the line
    """Hashed bundles on the pages, where the tree has a frontend that is built."""
    http, repo = offered(probes.http, "http"), offered(probes.repo, "repo")
    builds = [path for path in repo.find("package.json", aside=False) if _has_build(repo.read(path))]
    packages = repo.find("package.json", aside=False)
    shown = await surface.pages(http)
    scripts = surface.local_assets(http, shown, "scripts")
    hashed = [url for url in scripts if HASHED.search(url)]
    evidence = [
        observe(
            "package.json with a build",
            f"{listed(builds)}; {counted(len(repo.files), 'file')} looked at",
            repo.vantage,
            basis=listed(builds),
        )
    ]
    evidence.append(
        observe(
            f"scripts of {surface.described(shown)}",
            f"{len(scripts)}, {len(hashed)} of them hashed bundles",
            http.vantage,
        )
    )
    if not packages:
        nothing = f"no package.json among {len(repo.files)} files; {len(scripts)} scripts on {len(shown)} pages"
        return not_applicable(f"no frontend is built here: {nothing}", *evidence)
    if not builds and not hashed:
        return failed(
            "package.json has no build script", *evidence, mend="add one", patch='"scripts": {"build": "vite build"}'
        )
    if len(hashed) < least:
        return failed(
            f"{len(hashed)} hashed bundle(s) on {counted(len(shown), 'page')}, {least} or more expected",
            *evidence,
            mend="serve the built files, split into parts",
        )
    maps = [url for url in hashed[:SAMPLE] if (await http.get(f"{url}.map")).status == surface.OK]
    if maps:
        return failed(
            f"source maps are served: {maps[0]}.map", *evidence, mend="keep source maps out of the public folder"
        )
    return passed(f"{len(hashed)} hashed bundles are served, without source maps", *evidence)


def _has_build(text: str) -> bool:
    try:
        package = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(package, dict) and "build" in (package.get("scripts") or {})


BUILT = Check(
    id="fe.build.bundles",
    requirements=("fe.build",),
    title="The frontend is served as built",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "repo"}),
    run=_built,
    documentation=Documentation(
        what="Pages load hashed bundles that a build made, and no source map lies beside them.",
        why="A development bundle is several times as large, and tells the whole source.",
        how_verified="package.json in the tree, scripts of up to four pages. The build itself is not run.",
        how_to_mend="npm run build, and serve what it wrote.",
        not_applicable_when="The tree has no package.json: nothing is built.",
    ),
    fixtures=twins(
        "fe.build",
        must_fail=Stage(site=site("main.js"), repo={"package.json": '{"scripts": {"build": "vite build"}}'}),
        mended=Stage(site=site("main.4f9a1c2e.js"), repo={"package.json": '{"scripts": {"build": "vite build"}}'}),
    ),
)

SPLIT = Check(
    id="fe.split.bundles",
    requirements=("fe.split",),
    title="Scripts load in parts",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http", "repo"}),
    run=_split,
    documentation=Documentation(
        what="Pages load at least two hashed bundles.",
        why="One bundle makes each change load everything again.",
        how_verified="package.json in the tree, scripts of up to four pages and their size.",
        how_to_mend="The bundler's splitting: vendor and common chunks, dynamic imports.",
        not_applicable_when="The tree has no package.json: nothing is built. Or the pages load one script "
        f"at most, of less than {BUNDLE_BYTES // 1000} kB: that is no bundle.",
    ),
    fixtures=twins(
        "fe.split",
        must_fail=Stage(
            site=site("main.4f9a1c2e.js", bytes_least=BUNDLE_BYTES),
            repo={"package.json": '{"scripts": {"build": "vite build"}}'},
        ),
        mended=Stage(
            site=site("main.4f9a1c2e.js", '<script src="/static/vendor.77ab12cd.js"></script>'),
            repo={"package.json": '{"scripts": {"build": "vite build"}}'},
        ),
    ),
)

CHECKS = (BUILT, SPLIT)
