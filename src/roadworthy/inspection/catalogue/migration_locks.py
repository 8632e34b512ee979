"""What a migration locks while it runs: read from its statements, as PostgreSQL takes locks for them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import migration_code
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.repo import RepoProbe

FILES_LIMIT = 400
STATEMENTS_LIMIT = 5_000
BACK = re.compile(r"\.down\.sql$|(?:^|/)down\.sql$|/U\d|rollback|undo", re.IGNORECASE)
_FOLDER = re.compile(r"(?:^|/)(?:\w{0,60}?migrat\w{0,60}|versions)/", re.IGNORECASE)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_CREATED = re.compile(r"\bcreate\s+(?:unlogged\s+)?table\s+(?:if\s+not\s+exists\s+)?([\w.\"]+)", re.IGNORECASE)
_TABLE = re.compile(
    r"\b(?:alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?|\son\s+(?:only\s+)?)([\w.\"]+)", re.IGNORECASE
)
_LIMITED = re.compile(r"\bset\s+(?:local\s+)?lock_timeout\b", re.IGNORECASE)
LOCKING: Sequence[tuple[str, re.Pattern[str]]] = (
    (
        "an index is made without CONCURRENTLY",
        re.compile(r"^create\s+(?:unique\s+)?index\s+(?!concurrently\b)", re.IGNORECASE),
    ),
    (
        "a column is added NOT NULL without a default",
        re.compile(r"\badd\s+column\b(?![^,]*\bdefault\b)[^,]*\bnot\s+null\b", re.IGNORECASE),
    ),
    (
        "a column changes its type",
        re.compile(r"\balter\s+(?:column\s+)?[\w\"]+\s+(?:set\s+data\s+)?type\b", re.IGNORECASE),
    ),
    (
        "a constraint is checked on all rows at once (no NOT VALID)",
        re.compile(r"\badd\s+(?:constraint\s+\S+\s+)?(?:foreign\s+key|check)\b(?!.*\bnot\s+valid\b)", re.IGNORECASE),
    ),
    ("a column is set NOT NULL", re.compile(r"\balter\s+(?:column\s+)?[\w\"]+\s+set\s+not\s+null\b", re.IGNORECASE)),
    (
        "something is renamed",
        re.compile(r"^alter\s+table\b.*\brename\s+(?:column\b|to\b|[\w\"]+\s+to\b)", re.IGNORECASE),
    ),
    ("a column that running code may read is dropped", re.compile(r"\bdrop\s+column\b", re.IGNORECASE)),
)
"""What a statement does to a table that is in use -> how it looks."""


MEND = (
    "make indexes CONCURRENTLY, constraints NOT VALID and validate them later, add columns with a default or nullable; "
    "expand first and contract in a later release"
)


async def _locks(probes: Probes, requirement: Requirement) -> Verdict:
    if requirement.text("what") != "locks":
        raise Unobservable("the line asks for a way back, not for what a migration locks")
    repo = offered(probes.repo, "repo")
    texts = await asyncio.to_thread(lambda: [(path, _COMMENT.sub(" ", repo.read(path))) for path in _files(repo)])
    code = await repo.facts(migration_code.read)
    statements = [(path, one) for path, text in texts for one in _statements(text)][:STATEMENTS_LIMIT]
    if not statements and not code.files:
        raise Unobservable(
            "no migration in SQL, of Alembic, Django or Rails is in the tree: what others lock is not read",
            "let the tool print its SQL (alembic upgrade --sql, sqlmigrate) into the tree, or run squawk",
        )
    inside = [(path, one) for path, text in code.sql for one in _statements(text)]
    found = [f"{path}: {words}" for path, one in (*statements, *inside) for words in _problems(one)]
    found += code.problems
    unlimited = [path for path, text in texts if _alters(text) and not _LIMITED.search(text)]
    in_sql = f"{counted(len(statements), 'statement')} in {counted(len(texts), 'file')} of SQL"
    looked = f"{in_sql}, {counted(len(code.files), 'migration')} in code"
    said = (
        f"{looked}; locking: {listed(found)}; no lock_timeout: {listed(unlimited)}; unclear: {listed(code.unclear, 4)}"
    )
    evidence = observe("what migrations do", said, repo.vantage)
    if found or unlimited:
        words = found or [f"{path}: waits for its locks without a limit" for path in unlimited]
        return failed(listed(words, 4), evidence, mend=MEND, patch="SET lock_timeout = '2s';" if unlimited else None)
    if code.unclear or (code.files and not code.limited):
        words = list(code.unclear) or ["no lock_timeout is set for them that the tree shows"]
        return unknown(
            f"nothing that locks is seen in {looked}; {words[0]}", evidence,
            mend="set lock_timeout where migrations connect, and print their SQL into the tree",
        )  # fmt: skip
    return passed(f"none of {looked} locks a table in use", evidence)


def _files(repo: RepoProbe) -> Sequence[str]:
    found = [path for path in repo.find("*.sql", aside=False) if _FOLDER.search(path) and not BACK.search(path)]
    if len(found) > FILES_LIMIT:
        raise Unobservable(f"{counted(len(found), 'migration')} in SQL are more than are read")
    return found


def _statements(text: str) -> Iterator[str]:
    """Statements about tables that the same file does not make."""
    made = {name.strip('"').lower() for name in _CREATED.findall(text)}
    for one in re.split(r";", text):
        statement = " ".join(one.split())
        table = _TABLE.search(f" {statement}")
        if statement and not (table and table[1].strip('"').lower() in made):
            yield statement


def _problems(statement: str) -> Iterator[str]:
    yield from (words for words, pattern in LOCKING if pattern.search(statement))


def _alters(text: str) -> bool:
    return any(re.match(r"(?i)alter\s+table\b", one) for one in _statements(text))


SLOWLY = "CREATE INDEX orders_total ON orders (total);\nALTER TABLE orders ADD COLUMN total integer NOT NULL;\n"
QUICKLY = (
    "SET lock_timeout = '2s';\nCREATE INDEX CONCURRENTLY orders_total ON orders (total);\n"
    "ALTER TABLE orders ADD COLUMN total bigint NOT NULL DEFAULT 0;\n"
)
CHECKS = (
    Check(
        id="db.migration_plan.locks",
        requirements=("db.migration_plan",),
        title="No migration locks a table that is in use",
        severity=Severity.MEDIUM,
        blast_radius=BlastRadius.READ_ONLY,
        strength=Strength.FILE,
        needs=frozenset({"repo"}),
        run=_locks,
        documentation=Documentation(
            what="For lines about migrations without downtime or locks: no statement or call of a migration "
            "rewrites or locks a table that exists, and each that alters one limits how long it waits.",
            why="An ALTER that waits for a long query holds up every query behind it: the site is down until it ends.",
            how_verified="Reads migrations in SQL, statement by statement, and the calls of the "
            f"{migration_code.NEWEST} newest of Alembic, Django and Rails each; tables that the same file makes are "
            "nobody's yet. A field that Django alters, a statement that is computed, and no lock_timeout in sight for "
            "migrations in code leave the line unknown.",
            how_to_mend="CREATE INDEX CONCURRENTLY, NOT VALID and VALIDATE later, defaults, SET lock_timeout; expand, "
            "then contract.",
            not_applicable_when="Never; without such migrations the line is unknown.",
        ),
        fixtures=twins(
            "db.migration_plan",
            {"what": "locks"},
            must_fail=Stage(repo={"migrations/0002_orders.sql": SLOWLY}),
            mended=Stage(repo={"migrations/0002_orders.sql": QUICKLY}),
        ),
    ),
)
