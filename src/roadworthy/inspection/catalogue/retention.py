"""Old data is removed: by a rule of the store, a schedule, or at least by a document that says how."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import prose
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.redaction import unsaid

WORDS_MIN = 40
TOPIC = re.compile(
    r"^(?!.*\b(?:backups?|logs?|metrics?|traces?)\b).*(?:\bretention\b|(?:delet|remov|purg|archiv)\w{0,9}"
    r" (?:of )?old data|data lifecycle|lifecycle polic)",
    re.IGNORECASE,
)
PURGES = re.compile(
    r"\b(?:purge|clean_?up|cleanup|prune|expunge|archive|delete_old|delete_expired|remove_old|remove_expired|retention)\w*",
    re.IGNORECASE,
)
OTHERS = re.compile(
    r"(?:^|[^a-z])(?:logs?|logrotate|backups?|docker|images?|cache|branch|artifacts?|node_modules)(?![a-z])",
    re.IGNORECASE,
)
"""Schedules clean many things; these are not the service's data."""
ELSEWHERE = re.compile(
    r"\b(?:images|artifacts|ECR|GCR|ACR|(?:container |image )?registry|cloudwatch|log groups?|metrics|traces)\b",
    re.IGNORECASE,
)
"""What a registry or a monitoring system keeps by rules of its own."""
SCHEDULES = re.compile(
    r"\bcrontab\(|beat_schedule|@(?:\w+\.)?(?:periodic_task|scheduled|cron|repeat_every)\b|add_job\(|schedule\.every"
    r"|cron\.schedule\(|@Cron\(|@Scheduled|@Interval\(|every\s+:?\d|perform_in|repeat:\s*\{|\bAddFunc\(",
)
NEAR_LINES = 6
LIFECYCLE = re.compile(
    r"^[ \t]*lifecycle_rule\s*\{|^[ \t]*resource\s+\"\w*bucket_lifecycle\w*\"|^[ \t]*LifecycleConfiguration:"
)
CODE = ("*.py", "*.js", "*.ts", "*.rb", "*.go", "*.java", "*.kt", "*.yml", "*.yaml")
JOBS_SQL = "select schedule, left(command, 160) as command from cron.job where active limit 100"


async def _removed(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    if kept := ELSEWHERE.search(requirement.text("subject")):
        raise Unobservable(
            f"what becomes of old {kept[0]} is set where they are kept, which was not looked at", "attest to it"
        )
    evidence: list[Evidence] = []
    rules = await asyncio.to_thread(lambda: [*_lifecycles(repo), *_scheduled(repo)])
    if probes.postgres is not None:
        rules += await _jobs(probes.postgres)
    evidence.append(observe("rules and schedules that remove old data", listed(rules), repo.vantage))
    if rules:
        return passed(f"old data is removed: {rules[0]}", *evidence)
    documents, looked_at = await asyncio.to_thread(prose.operating, repo)
    sections = sorted(prose.about(documents, TOPIC), key=lambda one: -one.words)
    shown = listed(f"{one.path}: {one.heading} ({one.words} words)" for one in sections)
    evidence.append(observe("documents about it", f"{shown}; {looked_at} documents looked at", repo.vantage))
    if sections and sections[0].words >= WORDS_MIN:
        return passed(f"{sections[0].path} says under '{sections[0].heading}' what is kept how long", *evidence)
    if not repo.find(*CODE, aside=False) and not looked_at:
        raise Unobservable("the source tree holds neither code nor documents", "[repository] path names the tree")
    return failed(
        "no rule, schedule or document says what is removed when",
        *evidence,
        mend="decide how long each kind of data is kept, write it down, and let a schedule remove what is older",
        patch="delete from ... where created_at < now() - interval '1 year';  -- by pg_cron, cron or a scheduled task",
    )


def _lifecycles(repo: RepoProbe) -> Sequence[str]:
    found = repo.grep(LIFECYCLE, "*.tf", "*.yml", "*.yaml", limit=5)
    return [f"{match.path}:{match.line} {unsaid(match.text)[:80]}" for match in found]


def _scheduled(repo: RepoProbe) -> Iterator[str]:
    """Something that purges, said to be done on a schedule within a few lines."""
    for path in repo.find(*CODE, aside=False):
        text = repo.read(path)
        if not PURGES.search(text) or not SCHEDULES.search(text):
            continue
        lines = [line if not line.lstrip().startswith(("#", "//", "*")) else "" for line in text.splitlines()]
        for number, line in enumerate(lines):
            around = "\n".join(lines[max(0, number - NEAR_LINES) : number + NEAR_LINES])
            if PURGES.search(line) and not OTHERS.search(line) and SCHEDULES.search(around):
                yield f"{path}:{number + 1} {line.strip()[:80]}"
                break


async def _jobs(postgres: PostgresProbe) -> list[str]:
    """Jobs of pg_cron that delete; nothing where it is not there or may not be read."""
    try:
        if not await postgres.value("select count(*) from pg_extension where extname = 'pg_cron'"):
            return []
        rows = await postgres.rows(JOBS_SQL)
    except Unobservable:
        return []
    deleting = re.compile(r"\b(?:delete from|drop table|drop_partition|run_maintenance)\b", re.IGNORECASE)
    return [f"pg_cron, {row['schedule']}: {row['command']}" for row in rows if deleting.search(str(row["command"]))]


TASK = "def purge_expired_sessions():\n    ...\n\n\n"
BEAT = "app.conf.beat_schedule = {\n    'purge': {'task': 'purge_expired_sessions', 'schedule': crontab(hour=4)},\n}\n"
REMOVED = Check(
    id="data.retention.rule",
    requirements=("data.retention",),
    title="Old data is removed",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_removed,
    documentation=Documentation(
        what="A lifecycle rule of a bucket, a scheduled purge, or a section that says what is kept how long.",
        why="Data that nobody removes slows every query, and is lost all at once when it is stolen.",
        how_verified="Terraform and CloudFormation lifecycle rules, purges within a few lines of a schedule in the "
        "team's code, jobs of pg_cron that delete; else documents. Logs, backups and caches don't count.",
        how_to_mend="Decide how long each kind of data is kept, and let a schedule remove what is older.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "data.retention",
        must_fail=Stage(repo={"app/tasks.py": TASK}),
        mended=Stage(repo={"app/tasks.py": TASK + BEAT}),
    ),
)

CHECKS = (REMOVED,)
