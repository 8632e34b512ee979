"""Who may do what in the database, and whether what a line names is there."""

from __future__ import annotations

import time
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import (
    failed,
    listed,
    observe,
    offered,
    passed,
)
from roadworthy.inspection.errors import Refused
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.postgres import PostgresProbe, Row

ROLE_SQL = """
select rolname, rolsuper, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolcanlogin
from pg_roles where rolname = $1"""
GRANTED_SQL = """
select d.datname from pg_database d, aclexplode(d.datacl) a join pg_roles r on r.oid = a.grantee
where r.rolname = $1 and d.datname <> $2 group by 1 order by 1"""

MEMBER_SQL = """
select r.rolname from pg_roles r, pg_roles own
where own.rolname = $1 and not own.rolsuper and r.oid <> own.oid and pg_has_role(own.oid, r.oid, 'member')
  and (r.rolsuper or r.rolcreatedb or r.rolcreaterole or r.rolreplication or r.rolbypassrls
       or r.rolname in ('pg_write_server_files', 'pg_read_server_files', 'pg_execute_server_program',
                        'pg_write_all_data', 'pg_read_all_data', 'pg_create_subscription', 'pg_maintain'))
order by 1"""
"""Through membership, also by way of other roles, a role may take the powers of another."""


async def _reachable(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    began = time.monotonic()
    try:
        row = await postgres.row("select current_database() as name, current_user as role")
    except Refused as refusal:
        refused = observe("connect", refusal.problem, postgres.vantage, basis="refused")
        return failed("nobody listens at the database's address", refused, mend="start PostgreSQL, or mend the address")
    spent = (time.monotonic() - began) * 1000
    evidence = [
        observe("select 1", f"database {row['name']}, role {row['role']}, answered in {spent:.0f} ms", postgres.vantage)
    ]
    missing = [
        f"{kind} {name}"
        for kind, name, sql in (
            ("database", requirement.text("database"), "select count(*) from pg_database where datname = $1"),
            ("role", requirement.text("role"), "select count(*) from pg_roles where rolname = $1 and rolcanlogin"),
        )
        if name and not await postgres.value(sql, name)
    ]
    if missing:
        evidence.append(
            observe("pg_database, pg_roles", f"there is no {listed(missing)} (that can log in)", postgres.vantage)
        )
        return failed(
            f"there is no {listed(missing)}; the service uses database {row['name']} as role {row['role']}",
            *evidence,
            mend="create what is missing, or write the names in use into the line",
            patch=";\n".join(_creation(one) for one in missing) + ";",
        )
    return passed(f"database {row['name']} answers role {row['role']}", *evidence)


def _creation(missing: str) -> str:
    kind, name = missing.split(" ", 1)
    quoted = '"' + name.replace('"', '""') + '"'
    return f"create {kind} {quoted}" + (" login" if kind == "role" else "")


async def _least_privilege(probes: Probes, requirement: Requirement) -> Verdict:
    postgres = offered(probes.postgres, "postgres")
    role = requirement.text("role") or str(await postgres.value("select current_user"))
    database = requirement.text("database") or str(await postgres.value("select current_database()"))
    found = await postgres.rows(ROLE_SQL, role)
    if not found:
        used = await postgres.value("select current_user")
        evidence = observe("pg_roles", f"no role {role}; the service connects as {used}", postgres.vantage)
        return failed(
            f"there is no role {role}",
            evidence,
            mend="create it, or name the role in use",
            patch=f'create role "{role}" login;',
        )
    problems = [*_powers(found[0]), *await _reach(postgres, role, database)]
    evidence = observe(
        f"pg_roles, grants of {role}", "; ".join(problems) or f"no power beyond {database}", postgres.vantage
    )
    if problems:
        return failed(
            f"role {role} may do more than it needs: {listed(problems, 4)}",
            evidence,
            mend="take the powers away; let migrations use a role of their own",
            patch=f'alter role "{role}" nosuperuser nocreatedb nocreaterole noreplication nobypassrls;\n'
            "revoke create on schema public from public;",
        )
    return passed(f"role {role} is no superuser and has no power beyond database {database}", evidence)


def _powers(row: Row) -> Sequence[str]:
    names = {"rolsuper": "superuser", "rolcreatedb": "creates databases", "rolcreaterole": "creates roles"}
    names |= {"rolreplication": "replicates", "rolbypassrls": "passes row security"}
    return [words for column, words in names.items() if row[column]]


async def _reach(postgres: PostgresProbe, role: str, database: str) -> Sequence[str]:
    problems = []
    if not await postgres.value("select count(*) from pg_database where datname = $1", database):
        problems.append(f"database {database} does not exist")
    granted = [str(row["datname"]) for row in await postgres.rows(GRANTED_SQL, role, database)]
    taken = [str(row["rolname"]) for row in await postgres.rows(MEMBER_SQL, role)]
    if taken:
        problems.append(f"member of {listed(taken)}")
    if granted:
        problems.append(f"granted rights on {listed(granted)} too")
    if await postgres.value(
        "select coalesce(bool_or(a.grantee = 0 and a.privilege_type = 'CREATE'), false) "
        "from pg_namespace n, aclexplode(n.nspacl) a where n.nspname = 'public'"
    ):
        problems.append("everybody may create in schema public")
    return problems


REACHABLE = Check(
    id="db.reachable.answers",
    requirements=("db.reachable",),
    title="The database answers, and the database and role named exist",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"postgres"}),
    run=_reachable,
    server_itself=True,
    documentation=Documentation(
        what="The DSN opens, and the database and login role that the line names are there.",
        why="A set-up step that was skipped on one server shows only when that server is needed.",
        how_verified="Connects read-only, asks for the current database and role, and looks the names up in "
        "pg_database and pg_roles.",
        how_to_mend="Create the database or role, or correct the name in the checklist.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.reachable",
        {"role": "roadworthy_fixture_reader"},
        must_fail=Stage(database=Database()),
        mended=Stage(
            database=Database(
                sql=("create role roadworthy_fixture_reader login",),
                undo=("drop role if exists roadworthy_fixture_reader",),
            )
        ),
    ),
)

LEAST_PRIVILEGE = Check(
    id="db.leastpriv.role",
    requirements=("db.leastpriv",),
    title="The service's role has no power beyond its database",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset({"postgres"}),
    run=_least_privilege,
    server_itself=True,
    documentation=Documentation(
        what="The role is no superuser, creates no databases or roles, has no grants on other databases, is no "
        "member of a role that reads or writes all data, files or programs of the server, and schema public is not "
        "open to everybody.",
        why="An injection through a superuser's connection reads files and runs programs on the database server.",
        how_verified="pg_roles, memberships, database grants, rights on schema public, as its own role sees them.",
        how_to_mend="Run migrations as an owner, the service as a role with rights on its tables only.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "db.leastpriv",
        must_fail=Stage(database=Database(role="superuser")),
        mended=Stage(database=Database(role="nosuperuser nocreatedb nocreaterole")),
    ),
)


CHECKS = (REACHABLE, LEAST_PRIVILEGE)
