"""What a line names besides the behaviour: a package, a file, a server. Behaviour alone does not show those."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from roadworthy.contracts.checks import Remediation, Status, Verdict
from roadworthy.inspection.catalogue.kit import counted, listed, observe
from roadworthy.inspection.model import Check, Probes, Requirement
from roadworthy.inspection.probes import packages
from roadworthy.inspection.probes.host import programs

ALSO_CALLED: Mapping[str, tuple[str, ...]] = {
    "prometheus-client": (
        *(
            "prometheus-client",
            "prom-client",
            "client-golang",
            "micrometer-registry-prometheus",
            "prometheus-client-rb",
        ),
        *("prometheus-fastapi-instrumentator", "starlette-exporter", "django-prometheus", "express-prom-bundle"),
    ),
    "nest-throttler": ("@nestjs/throttler",),
    "helmet": ("helmet", "@fastify/helmet", "fastify-helmet", "koa-helmet"),
    "gunicorn": ("gunicorn",),
}
"""A tool as lines call it -> the packages that bring it."""
SUBJECTS: Mapping[str, re.Pattern[str]] = {
    "rl": re.compile(r"limit|throttl", re.IGNORECASE),
    "sec": re.compile(r"header|cors|csp|hsts|secur|helmet|origin", re.IGNORECASE),
    "srv": re.compile(r"gzip|compress|brotli", re.IGNORECASE),
    "mon": re.compile(r"metric|prometheus|instrument|monitor", re.IGNORECASE),
    "cache": re.compile(r"cache", re.IGNORECASE),
    "log": re.compile(r"log", re.IGNORECASE),
}
"""Group of a requirement -> what a file that brings it about mentions."""

Run = Callable[[Probes, Requirement], Awaitable[Verdict]]
Further = Callable[[Verdict, Probes, Requirement], Awaitable[Verdict]]


def held(check: Check) -> Check:
    """`check`, whose pass must also hold for the package, file and server that the line names."""
    return replace(check, run=_held(check.run))


def _held(run: Run) -> Run:
    async def wrapped(probes: Probes, requirement: Requirement) -> Verdict:
        verdict = await run(probes, requirement)
        for name, further in FURTHER.items():
            if verdict.status is Status.PASS and requirement.params.get(name):
                verdict = await further(verdict, probes, requirement)
        return verdict

    return wrapped


async def _packages(verdict: Verdict, probes: Probes, requirement: Requirement) -> Verdict:
    """Each package is a dependency or a running program; `a|b` stands for alternatives."""
    known = packages.dependencies(probes.repo) if probes.repo else {}
    manifests = packages.manifests(probes.repo) if probes.repo else 0
    seen: list[str] = []
    for wanted in requirement.names("packages"):
        names = [alias for one in wanted.split("|") for alias in ALSO_CALLED.get(one, (one,))]
        where = next(
            (f"{name} in {known[packages.normal(name)]}" for name in names if packages.normal(name) in known), ""
        )
        running = probes.host.running(*names) if probes.host and not where else ()
        if not where and not running:
            return _without(verdict, wanted.replace("|", " or "), manifests, len(known))
        seen.append(where or f"{running[0].name} runs")
    return _with(verdict, "packages that the line names", listed(seen))


def _without(verdict: Verdict, wanted: str, manifests: int, known: int) -> Verdict:
    there = f"the behaviour is there ({verdict.summary})"
    if not manifests:
        words = f"{there}; whether {wanted} brings it was not seen: no manifest of dependencies was offered"
        return _turned(verdict, Status.UNKNOWN, words, '[repository] path = "."')
    looked = observe(
        f"{wanted}", f"not among {known} dependencies of {manifests} manifests, nor a process", "source tree"
    )
    words = f"{there}, {wanted} is not: neither a dependency nor a process"
    return _turned(replace(verdict, evidence=(*verdict.evidence, looked)), Status.FAIL, words,
                   "write what you use into the line, or install it")  # fmt: skip


async def _file(verdict: Verdict, probes: Probes, requirement: Requirement) -> Verdict:
    """The file is in the tree, and mentions what the line says of it."""
    wanted = requirement.text("in_file")
    there = f"the behaviour is there ({verdict.summary})"
    if probes.repo is None:
        words = f"{there}; whether in {wanted} was not seen"
        return _turned(verdict, Status.UNKNOWN, words, '[repository] path = "."')
    own = probes.repo.find("*", aside=False)
    found = [path for path in own if path == wanted or path.endswith(f"/{wanted}")]
    looked = observe(f"file {wanted}", f"{listed(found)}; {counted(len(own), 'file')} looked at", probes.repo.vantage,
                     basis=listed(found))  # fmt: skip
    verdict = replace(verdict, evidence=(*verdict.evidence, looked))
    if not found:
        return _turned(verdict, Status.FAIL, f"{there}, but there is no {wanted}", f"mend the line: {wanted}")
    subject = SUBJECTS.get(requirement.id.partition(".")[0])
    if subject and not any(subject.search(probes.repo.read(path)) for path in found):
        return _turned(verdict, Status.UNKNOWN, f"{there}; {found[0]} does not mention it", "name the file that does")
    return verdict


async def _server(verdict: Verdict, probes: Probes, requirement: Requirement) -> Verdict:
    """The server answers: by its own word, or as the process on the port."""
    wanted = requirement.text("server").lower()
    if requirement.id != "sec.headers" or probes.http is None:
        return verdict  # other checks look at the server itself
    said = (await probes.http.get("/")).headers.get("server", "").lower()
    owners = probes.host.listeners(probes.http.port) if probes.host and probes.http.loopback else ()
    names = [name for owner in owners for name in programs(owner)]
    answering = said or (owners[0].name if owners else "")
    if wanted in said or wanted in names:
        return _with(verdict, f"{wanted} in front", f"Server: {said or '(absent)'}; on the port: {listed(names)}")
    if answering:
        words = f"the headers are there, but no {wanted} serves them: {answering[:60]} answers"
        return _turned(verdict, Status.FAIL, words, f"mend the line, or send them by {wanted}")
    words = f"the headers are there; whether {wanted} sends them was not seen"
    return _turned(verdict, Status.UNKNOWN, words, "inspect on the machine that serves")


def _with(verdict: Verdict, asked: str, answer: str) -> Verdict:
    return replace(verdict, evidence=(*verdict.evidence, observe(asked, answer, "source tree and processes")))


def _turned(verdict: Verdict, status: Status, summary: str, mend: str) -> Verdict:
    return Verdict(status, summary, verdict.evidence, Remediation(mend))


FURTHER: Mapping[str, Further] = {"packages": _packages, "in_file": _file, "server": _server}
"""Parameter of a requirement -> what must hold besides."""
