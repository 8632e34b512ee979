"""What a load test needs: the tool, the scripts, the folder that a line names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.drills import PREPARES
from roadworthy.inspection.catalogue.installed import located
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import RepoProbe

SCRIPT = re.compile(
    r"""from\s+locust\s+import|import\s+locust|['"]k6(?:/http)?['"]|<jmeterTestPlan|^[ \t]*phases:|gatling"""
    r"""|vegeta\b|autocannon|^[ \t]*(?:wrk|ab|hey)\s+-""",
    re.MULTILINE,
)
SCRIPTS = ("*.py", "*.js", "*.ts", "*.jmx", "*.yml", "*.yaml", "*.scala", "*.sh", "*.lua")
KINDS = re.compile(r"\b(baseline|upload|stress|spike|soak|smoke|endurance|search|login|checkout|api)\b", re.IGNORECASE)
FOLDER = re.compile(r"(?<![\w./-])([\w.-][\w./-]{0,200})/`?\s{1,3}(?:director|folder)", re.IGNORECASE)
TOOLS = re.compile(r"\b(k6|locust|wrk|hey|jmeter|artillery|vegeta|ab|siege|gatling)\b", re.IGNORECASE)
NAMED = re.compile(r"load|stress|perf|k6|locust|soak|spike|bench", re.IGNORECASE)


async def _prepared(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if not PREPARES.search(subject):
        raise Unobservable("the line asks for the result of a load test", '[drills] path = "drills"')
    if re.match(r"^\W*(?:install|set ?up)\b", subject, re.IGNORECASE) and TOOLS.search(subject):
        return _tool(probes, TOOLS.findall(subject))
    repo = offered(probes.repo, "repo")
    folder = FOLDER.search(subject)
    scripts = _scripts(repo)
    if folder:
        inside = [path for path in repo.files if f"/{folder[1]}/" in f"/{path}"]
        evidence = observe(f"folder {folder[1]}", f"{listed(inside)}; {len(repo.files)} files looked at", repo.vantage)
        if not inside:
            return failed(f"there is no folder {folder[1]}", evidence, mend="make it, or mend the line")
        return passed(f"{folder[1]} holds {counted(len(inside), 'file')}", evidence)
    kinds = [kind.lower() for kind in KINDS.findall(subject)]
    fitting = [path for path in scripts if all(kind in path.lower() for kind in kinds)]
    evidence = observe("scripts of load tests", f"{listed(scripts)}; {len(repo.files)} files looked at", repo.vantage)
    if not kinds or not re.match(r"^\W*(?:write|create|add)\b", subject, re.IGNORECASE):
        raise Unobservable("which script the line means was not seen", "name it as its file is called")
    if not fitting:
        return failed(
            f"no script of a load test is called {' '.join(kinds)}", evidence, mend="write it beside the others"
        )
    return passed(f"{fitting[0]} is there", evidence)


def _tool(probes: Probes, names: Sequence[str]) -> Verdict:
    host = offered(probes.host, "host")
    found = {name: located(host, name.lower()) for name in names}
    said = listed(f"{name}: {where or 'not here'}" for name, where in found.items())
    evidence = observe(f"tools {listed(names)}", said, host.vantage)
    there = [name for name, where in found.items() if where]
    if not there:
        raise Unobservable(f"{listed(names)} is not on this machine, where load should not come from anyway",
                           "look where load tests are started")  # fmt: skip
    return passed(f"{there[0]} is at {found[there[0]]}", evidence)


def _scripts(repo: RepoProbe) -> Sequence[str]:
    named = [path for path in repo.find(*SCRIPTS) if NAMED.search(path)]
    return [path for path in named[:200] if SCRIPT.search(repo.read(path))]


K6 = "import http from 'k6/http';\nexport default () => http.get('https://shop.test/');\n"
PREPARED = Check(
    id="load.test.scripts",
    requirements=("load.test",),
    title="What the load test needs is there",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset(),
    run=_prepared,
    documentation=Documentation(
        what="The folder, the script or the tool that the line says is created, written or installed is there.",
        why="A load test that nobody can repeat was an anecdote.",
        how_verified="Folders and scripts of k6, Locust, JMeter, Artillery and others in the source tree, by content; "
        "programs of this machine.",
        how_to_mend="Keep the script beside the code, called after what it tries.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "load.test",
        {"subject": "Write spike test (sudden traffic)"},
        must_fail=Stage(repo={"load-tests/baseline.js": K6, "load-tests/spike.js": "// later\n"}),
        mended=Stage(repo={"load-tests/baseline.js": K6, "load-tests/spike.js": K6}),
    ),
)

CHECKS = (PREPARED,)
