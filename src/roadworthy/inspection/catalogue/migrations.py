"""Migrations: every one of the code is applied to the database, and each has a way back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import prose
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.migration_files import READERS, Plan, plans
from roadworthy.inspection.catalogue.migration_tables import SHOWN_MIGRATIONS, State, state_of
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import RepoProbe

COMMANDS: Mapping[str, tuple[re.Pattern[str], str]] = {
    "Alembic": (re.compile(r"\balembic\b|flask db", re.IGNORECASE), "alembic upgrade head"),
    "Django": (re.compile(r"manage\.py\s+(?:make)?migrat|django", re.IGNORECASE), "python manage.py migrate"),
    "Rails": (re.compile(r"\brails\b|\brake\b", re.IGNORECASE), "bin/rails db:migrate"),
    "Prisma": (re.compile(r"\bprisma\b", re.IGNORECASE), "npx prisma migrate deploy"),
    "Knex": (re.compile(r"\bknex\b", re.IGNORECASE), "npx knex migrate:latest"),
    "Sequelize": (re.compile(r"\bsequelize\b", re.IGNORECASE), "npx sequelize-cli db:migrate"),
    "Flyway": (re.compile(r"\bflyway\b", re.IGNORECASE), "flyway migrate"),
    "golang-migrate": (
        re.compile(r"golang-migrate|\bmigrate -(?:path|database|source)"),
        "migrate -path migrations up",
    ),
}
"""Tool -> how a line names it, and what applies everything."""
WORDS_MIN = 40
"""A section about the way back with fewer is a heading with an intention."""
WAY_BACK = re.compile(
    r"migrat.{0,300}(?:roll(?:ing|ed)?[ -]?back|revers|undo|downgrad|expand|contract|backward)"
    r"|(?:roll(?:ing|ed)?[ -]?back|revers|undo|downgrad|expand\W{1,9}contract).{0,300}(?:migrat|schema)",
    re.IGNORECASE,
)


async def _applied(probes: Probes, requirement: Requirement) -> Verdict:
    repo, postgres = offered(probes.repo, "repo"), offered(probes.postgres, "postgres")
    asked = _asked(await asyncio.to_thread(plans, repo), requirement, repo)
    states = [(plan, await state_of(plan, postgres)) for plan in asked]
    evidence = [_compared(plan, state, postgres.vantage) for plan, state in states]
    missing = [plan for plan, state in states if state is None]
    problems = [words for plan, state in states if state for words in _problems(plan, state, repo)]
    if len(missing) == len(states) and missing[0].migrations:
        total, tool = len(missing[0].migrations), missing[0].tool
        problems = [f"none of {total} migrations of {tool} is applied: the database has no version table"]
    if problems:
        commands = [COMMANDS[plan.tool][1] for plan, state in states if not state or _problems(plan, state, repo)]
        return failed(
            listed(problems, 4),
            *evidence,
            mend="apply them, before the code that needs them",
            patch="\n".join(commands),
        )
    unsure = _unsure(states)
    if unsure:
        return unknown(unsure, *evidence, mend="offer the tree that runs, and the database that it uses")
    said = [f"all {len(plan.migrations)} of {plan.tool}" for plan in asked]
    return passed(f"applied: {listed(said)}", *evidence)


def _asked(found: Sequence[Plan], requirement: Requirement, repo: RepoProbe) -> Sequence[Plan]:
    """The plans that the line means: those of the tool that its command names, else all.

    Raises:
        Unobservable: the tree has none.
    """
    command = requirement.text("command")
    named = {tool for tool, (pattern, _) in COMMANDS.items() if command and pattern.search(command)}
    chosen = [plan for plan in found if not named or plan.tool in named]
    if not chosen:
        others = f"; it has those of {listed(plan.tool for plan in found)}" if found else ""
        raise Unobservable(
            f"no migration of {listed(sorted(named) or READERS)} among {len(repo.files)} files of the tree{others}",
            "[repository] path names the tree that holds the migrations",
        )
    return chosen


def _problems(plan: Plan, state: State, repo: RepoProbe) -> Sequence[str]:
    problems = [f"{plan.tool}: {words}" for words in state.broken]
    if state.pending:
        names = listed((one.path.rpartition("/")[2] for one in state.pending), SHOWN_MIGRATIONS)
        problems.append(
            f"{len(state.pending)} of {len(plan.migrations)} migrations of {plan.tool} are pending: {names}"
        )
    installed = [app for app in state.ignored if _installed(app, repo)]
    if installed:
        problems.append(f"no migration of the installed app {listed(installed)} is applied")
    return problems


def _installed(app: str, repo: RepoProbe) -> bool:
    """Whether Django's settings name the app; a folder of migrations may belong to one that nobody installs."""
    name = re.compile(rf"""["'](?:[\w.]+\.)?{re.escape(app)}(?:\.apps\.\w+)?["']""")
    return any("INSTALLED_APPS" in repo.read(match.path) for match in repo.grep(name, "*.py", limit=200))


def _unsure(states: Sequence[tuple[Plan, State | None]]) -> str:
    """Why a database with nothing pending may still not be the one, or the tree not the one that runs."""
    for plan, state in states:
        if state is None:
            return f"the tree has {len(plan.migrations)} migrations of {plan.tool}, and no version table of it is here"
        if state.strange:
            return (
                f"the database stands at {listed(state.strange)}, which the tree does not know: it is older than what "
                "runs, or another's"
            )
        if plan.unread:
            return f"nothing known is pending, but {listed(plan.unread, 3)} could not be read"
    return ""


def _compared(plan: Plan, state: State | None, vantage: str) -> Evidence:
    newest = plan.migrations[-1].path if plan.migrations else "none that can be read"
    there = f"{len(plan.migrations)} in the tree, the last file {newest}"
    if state is None:
        return observe(f"migrations of {plan.tool}", f"{there}; the database has no version table of it", vantage)
    pending = listed((one.key for one in state.pending), SHOWN_MIGRATIONS)
    ignored = f"; no row of {listed(state.ignored)}" if state.ignored else ""
    answer = f"{there}; {state.table} stands at {state.current}; pending: {pending}{ignored}"
    return observe(f"migrations of {plan.tool}, tree against database", answer, vantage)


async def _way_back(probes: Probes, requirement: Requirement) -> Verdict:
    if requirement.text("what") == "locks":
        raise Unobservable("the line asks what a migration locks, not for a way back")
    repo = offered(probes.repo, "repo")
    found = _asked(await asyncio.to_thread(plans, repo), requirement, repo)
    without = [one.path for plan in found for one in plan.migrations if not one.back]
    unread = [path for plan in found for path in plan.unread]
    total = sum(len(plan.migrations) for plan in found)
    tools = listed(plan.tool for plan in found)
    evidence = observe(
        "migrations and their way back",
        f"{total} migrations of {tools} looked at; without a way back: {listed(without)}; not read: {listed(unread)}",
        repo.vantage,
    )
    if total and not without and not unread:
        return passed(f"each of {total} migrations of {tools} says how to undo it", evidence)
    documents, _ = await asyncio.to_thread(prose.operating, repo)
    sections = [one for one in prose.about(documents, WAY_BACK) if one.words >= WORDS_MIN]
    if sections:
        told = observe("documents about the way back", f"{sections[0].path}: {sections[0].heading}", repo.vantage)
        return passed(f"{sections[0].path} says how a schema change is taken back", evidence, told)
    if not without:
        raise Unobservable(f"{listed(unread, 3)} can't be read: whether there is a way back is not known")
    return failed(
        f"{len(without)} of {total} migrations of {tools} have no way back, and no document tells of one: "
        f"{listed(without, 3)}",
        evidence,
        mend="write the step down, or a section 'Rolling back a migration' that says what to do instead (expand, then "
        "contract)",
    )


FIRST = 'revision = "4f1c"\ndown_revision = None\n\n\ndef upgrade():\n    op.create_table("visits")\n'
SECOND = 'revision = "9ab2"\ndown_revision = "4f1c"\n\n\ndef upgrade():\n    op.add_column("visits", column)\n'
TREE = {"migrations/versions/4f1c_first.py": FIRST, "migrations/versions/9ab2_second.py": SECOND}
DOWN = '\n\ndef downgrade():\n    op.drop_column("visits", "city")\n'
VERSIONS = "create table alembic_version (version_num varchar(32) primary key)"

APPLIED = Check(
    id="db.migrations.pending",
    requirements=("db.migrations",),
    title="Every migration of the code is applied to the database",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"repo", "postgres"}),
    run=_applied,
    documentation=Documentation(
        what="The database's version table knows every migration that stands in the source tree, and none failed half "
        "way.",
        why="Code that meets a schema older than itself fails on the first request that needs the new column.",
        how_verified="Reads the migrations of Alembic, Django, Rails, Prisma, Knex, Sequelize, Flyway and "
        "golang-migrate in the tree (tests and examples left out) and compares them with alembic_version, "
        "django_migrations, schema_migrations, _prisma_migrations, knex_migrations, SequelizeMeta or "
        "flyway_schema_history; names those pending. A database ahead of the tree is unknown.",
        how_to_mend="Run the tool's own command as part of the deployment, before the new code takes requests.",
        not_applicable_when="Never; without migrations in the tree it is unknown.",
    ),
    fixtures=twins(
        "db.migrations",
        must_fail=Stage(repo=TREE, database=Database(sql=(VERSIONS, "insert into alembic_version values ('4f1c')"))),
        mended=Stage(repo=TREE, database=Database(sql=(VERSIONS, "insert into alembic_version values ('9ab2')"))),
    ),
)

WAY_BACK_CHECK = Check(
    id="db.migration_plan.way_back",
    requirements=("db.migration_plan",),
    title="Every schema change has a way back",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.FILE,
    needs=frozenset({"repo"}),
    run=_way_back,
    documentation=Documentation(
        what="Each migration says how to undo it, or a document says what is done instead.",
        why="A release that must be taken back at night needs the old schema, by SQL that is written then.",
        how_verified="Reads each migration by syntax: downgrade() that does something, reverse_code and reverse_sql, "
        "down, .down.sql, undo scripts; else looks for a section about rolling back migrations.",
        how_to_mend="Write the way back, or describe how you expand first and contract a release later.",
        not_applicable_when="Never; without migrations in the tree it is unknown.",
    ),
    fixtures=twins(
        "db.migration_plan",
        must_fail=Stage(repo={"migrations/versions/9ab2_second.py": SECOND}),
        mended=Stage(repo={"migrations/versions/9ab2_second.py": SECOND + DOWN}),
    ),
)

CHECKS = (APPLIED, WAY_BACK_CHECK)
