"""What is installed against what was locked."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.packages import normal
from roadworthy.inspection.probes.repo import RepoProbe

PINNED = re.compile(
    r"^[ \t]*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*==\s*([\w.!+-]+)(?:\s*;\s*(.*?))?\s*\\?\s*(?:--hash.*|#.*)?$",
    re.MULTILINE,
)
NEEDED = re.compile(r"^[ \t]*([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?\s*(?:[<>=!~;@].*)?(?:#.*)?$", re.MULTILINE)
LOCKS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements/base.txt",
    "requirements.lock",
)
OTHER_LOCKS = (
    *("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "uv.lock", "poetry.lock"),
    *("Pipfile.lock", "Gemfile.lock", "composer.lock", "Cargo.lock", "go.sum"),
)
ENVIRONMENTS = (".venv", "venv", "env")
INFOS_LIMIT = 3_000


async def _locked(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    wanted = requirement.text("command") + " " + " ".join(requirement.names("names"))
    lock = _lock(repo, wanted)
    site = await asyncio.to_thread(_site_packages, repo)
    pins, loose = _pins(repo.read(lock))
    if site is None:
        raise Unobservable(
            f"{lock} names {len(pins) + len(loose)} packages; where they are installed was not seen",
            "inspect on the machine that serves, with its .venv in the tree",
        )
    there = await asyncio.to_thread(_installed, site)
    if not there:
        raise Unobservable(f"{site} holds no installed package", "install them")
    missing = [name for name in (*pins, *loose) if name not in there]
    other = [
        f"{name} {there[name]} instead of {version}"
        for name, version in pins.items()
        if name in there and there[name] != version
    ]
    evidence = observe(
        f"{lock} against {site.relative_to(repo.root)}",
        f"{len(pins)} pinned, {len(loose)} loose, {len(there)} installed; missing: {listed(missing)}; other "
        f"versions: {listed(other)}",
        repo.vantage,
    )
    if missing or other:
        return failed(
            f"{(missing or other)[0]}{' is not installed' if missing else ''}", evidence, mend=f"pip install -r {lock}"
        )
    if not pins and not loose:
        return unknown(f"{lock} names no package", evidence)
    how = f", as pinned{', each with hashes' if _hashed(repo.read(lock)) else ''}" if pins else ""
    return passed(f"all {len(pins) + len(loose)} packages of {lock} are installed{how}", evidence)


def _lock(repo: RepoProbe, wanted: str) -> str:
    """The list to compare with: one at a usual place, or that which the line names.

    Raises:
        Unobservable: there is none, or several and the line names none of them.
    """
    usual = next(
        (path for path in LOCKS if path in repo.files and (path in wanted or "requirements" not in wanted)), ""
    )
    lists = [path for path in repo.files if re.fullmatch(r"requirements/[\w.-]+\.txt", path)]
    if found := usual or next((path for path in lists if path in wanted), ""):
        return found
    if lists:
        raise Unobservable(
            f"which of {listed(lists, 4)} is what serves is not known", f"name it in the line: `{lists[-1]}`"
        )
    if others := [path for path in OTHER_LOCKS if path in repo.files]:
        raise Unobservable(
            f"{others[0]} is there; what is installed is compared with lists of Python packages alone",
            "attest to it, with a link to the job that installs from it",
        )
    raise Unobservable("no list of pinned packages was found in the tree", "name it in the line: `requirements.txt`")


def _hashed(text: str) -> bool:
    """Whether every package that is named brings the hashes of its files."""
    plain = re.sub(r"\\\n\s*", " ", text)
    named = [line for line in plain.splitlines() if line.strip() and line.strip()[0] not in "#-"]
    return bool(named) and all("--hash=" in line for line in named)


def _pins(text: str) -> tuple[Mapping[str, str], Sequence[str]]:
    """Packages with their exact version, and those without one; those for other platforms are left out."""
    plain = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^[ \t]*(?:#|-).*$", "", text))
    pins = {normal(name): version for name, version, marker in PINNED.findall(plain) if not marker}
    conditional = {normal(name) for name, _, marker in PINNED.findall(plain) if marker}
    loose = [
        normal(line) for line in NEEDED.findall(plain) if normal(line) not in pins and normal(line) not in conditional
    ]
    return pins, [] if any(";" in line for line in plain.splitlines()) else loose


def _site_packages(repo: RepoProbe) -> Path | None:
    """Where packages of the tree's own environment stand."""
    for name in ENVIRONMENTS:
        found = sorted((repo.root / name).glob("lib/python3*/site-packages"))
        if found and found[0].resolve().is_relative_to(repo.root.resolve()):
            return found[0]
    return None


def _installed(site: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for number, entry in enumerate(site.glob("*.dist-info")):
        if number >= INFOS_LIMIT:
            break
        name, _, version = entry.name.removesuffix(".dist-info").rpartition("-")
        found[normal(name)] = version
    return found


_PINNED = {"requirements.txt": "flask==3.1.0\nrequests==2.32.3\n"}
_FLASK, _REQUESTS = (
    f".venv/lib/python3.12/site-packages/{name}.dist-info/METADATA" for name in ("flask-3.1.0", "requests-2.32.3")
)
_OLD = ".venv/lib/python3.12/site-packages/requests-2.19.0.dist-info/METADATA"
CHECKS = (
    check(
        "srv.deps",
        "installed",
        "Installed packages are those that were locked",
        _locked,
        Documentation(
            what="Every package that the requirements name is installed in the tree's own environment, in the pinned "
            "version.",
            why="What was tested is not what runs, otherwise.",
            how_verified="Compares requirements.txt with the names and versions of the packages in .venv. Lines with "
            "conditions are left out. Other languages' locks are unknown to it.",
            how_to_mend="pip install -r requirements.txt, in the environment that serves.",
            not_applicable_when="Never.",
        ),
        severity=Severity.MEDIUM,
        needs=("repo",),
        strength=Strength.CONFIGURATION,
        params={"command": "pip install -r requirements.txt"},
        must_fail=Stage(repo={**_PINNED, _FLASK: "", _OLD: ""}),
        mended=Stage(repo={**_PINNED, _FLASK: "", _REQUESTS: ""}),
    ),
)
