"""What lies open inside: secrets in columns, and who did what."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.host import HostProbe

GUARDED_COLUMNS = """
select table_schema, table_name, column_name, data_type from information_schema.columns
where table_schema not in ('pg_catalog', 'information_schema') and data_type in ('text', 'character varying', 'bytea')
and column_name ~* ('(access|refresh|oauth|api)_?token|api_?key|client_?secret|private_?key'
    || '|(^|_)(ssn|iban|tax_id|passport|card_number)$')
and column_name !~* 'hash|digest|_id$|type|expires|last4|hint|name'
order by 1, 2, 3 limit 12
"""
ENCRYPTED = re.compile(
    r"^(?:gAAAA|enc[:_]|vault:v\d|\$aes|-----BEGIN PGP|age1|AQIC|v\d+[:.]|\\x|k1:|aes)", re.IGNORECASE
)
PLAIN = re.compile(
    r"^(?:eyJ|ya29\.|1//|gh[opusr]_|sk[-_]|rk_|pk_|xox|AKIA|BQ[A-Za-z0-9]|EAA|\d{3}-?\d{2}-?\d{4}$|[A-Z]{2}\d{2}[A-Z0-9]|[45]\d{3})"
)
ABOUT_DISKS = re.compile(
    r"\b(?:rds|aurora|storage|disks?|volumes?|drives?|partitions?|luks|at the (?:disk|volume)|ebs|buckets?|backups?)\b",
    re.IGNORECASE,
)
AUDIT_TABLES = """
select table_schema || '.' || table_name as name,
count(*) filter (where column_name ~* 'user|actor|who|admin|subject|by$') as who,
count(*) filter (where column_name ~* '_at$|time|date|created') as moments,
count(*) filter (where column_name ~* 'action|event|verb|change|object|target|type|message') as deeds
from information_schema.columns where table_schema not in ('pg_catalog', 'information_schema')
and table_name ~* '(^|_)audit|activity_log|security_event|django_admin_log|^versions$|event_log|action_log'
group by 1 order by 1 limit 10
"""
TABLES = "select count(*) from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema')"


async def _encrypted(probes: Probes, requirement: Requirement) -> Verdict:
    if ABOUT_DISKS.search(requirement.text("subject")):
        return _disks(offered(probes.host, "host"))
    postgres = offered(probes.postgres, "postgres")
    seen: dict[str, Sequence[str]] = {}
    for row in await postgres.rows(GUARDED_COLUMNS):
        column, name = row["column_name"], f'"{row["table_schema"]}"."{row["table_name"]}"'
        query = f'select left("{column}"::text, 10) as shown from {name} where "{column}" is not null limit 50'  # noqa: S608 - quoted names of the catalogue
        seen[f"{row['table_name']}.{column}"] = [str(one["shown"]) for one in await postgres.rows(query)]
    filled = {name: values for name, values in seen.items() if values}
    plain = [name for name, values in filled.items() if any(map(PLAIN.match, values))]
    sealed = [name for name, values in filled.items() if all(map(ENCRYPTED.match, values))]
    evidence = observe(
        "how values of sensitive columns begin",
        f"columns: {listed(seen)}; filled: {listed(filled)}; readable: {listed(plain)}; encrypted: {listed(sealed)}",
        postgres.vantage,
    )
    if plain:
        return failed(
            f"{plain[0]} holds readable values",
            evidence,
            mend="encrypt them in the application (Fernet, AES-GCM), the key outside the database",
        )
    if not filled or set(sealed) != set(filled):
        return unknown(
            f"{len(sealed)} of {len(filled)} filled sensitive columns look encrypted",
            evidence,
            mend="say in an attestation how they are kept",
        )
    return passed(f"{listed(sealed)} hold encrypted values", evidence)


def _disks(host: HostProbe) -> Verdict:
    mapped = host.files("sys/block/dm-*/dm/uuid")
    sealed = [path.split("/")[3] for path, text in mapped.items() if text.startswith("CRYPT-")]
    evidence = observe("device mapper", f"{len(mapped)} devices; encrypted: {listed(sealed)}", "host")
    return unknown(
        "which of the disks hold the data can't be told"
        if sealed
        else "no encrypted disk is to be seen here; a provider may encrypt below",
        evidence,
        mend="attest it with the provider's setting",
    )


async def _audit(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    postgres = offered(probes.postgres, "postgres")
    tables = int(await postgres.value(TABLES) or 0)
    rows = await postgres.rows(AUDIT_TABLES)
    fit = [row["name"] for row in rows if row["who"] and row["moments"] and row["deeds"]]
    counts: dict[str, int] = {}
    for name in fit:
        schema, _, table = str(name).partition(".")
        query = f'select count(*) from (select 1 from "{schema}"."{table}" limit 1000) as sample'  # noqa: S608 - as above
        counts[str(name)] = int(await postgres.value(query) or 0)
    evidence = [
        observe(
            "tables that record who did what, when",
            f"{tables} tables; {listed([f'{name} ({n} rows)' for name, n in counts.items()])}",
            postgres.vantage,
            basis=listed(counts),
        )
    ]
    kept = [name for name, count in counts.items() if count]
    if kept:
        return passed(f"{kept[0]} records who did what, when", *evidence)
    if fit:
        return unknown(
            f"{fit[0]} is there and empty: nothing was recorded yet",
            *evidence,
            mend="do something that it should record",
        )
    code = await probes.repo.facts(sources.code) if probes.repo else ()
    spoken = await sources.everywhere(code, re.compile(r"(?i)\baudit(?:_?log|\b)"))
    if not code or spoken or not tables:
        raise Unobservable(
            f"no table of {tables} records who did what; it may be logged elsewhere",
            "offer the repository, or attest where it is kept",
        )
    evidence.append(
        observe("audit in the code", f"nowhere in {len(code)} files", probes.repo.vantage if probes.repo else "")
    )
    return failed(
        f"none of {tables} tables and {counted(len(code), 'file')} records who did what",
        *evidence,
        mend="a table of who, what, when; written with the change itself",
    )


_AUDITED = ["create table users (id int)", "create table audit_log (actor_id int, action text, created_at timestamptz)"]
_RECORDED = [*_AUDITED, "insert into audit_log values (1, 'deleted user 7', now())"]


def _tokens(value: str) -> Stage:
    planted = f"insert into accounts values (1, '{value}')"  # noqa: S608 - a value of the fixture
    return Stage(database=Database(sql=["create table accounts (id int, refresh_token text)", planted]))


CHECKS = (
    check(
        "sec.encrypt",
        "columns",
        "Sensitive values are encrypted in the database",
        _encrypted,
        Documentation(
            what="Columns called like tokens, keys, tax or card numbers hold ciphertext.",
            why="A stolen dump of readable tokens opens every account that they belong to.",
            how_verified="Looks at the first 10 characters of up to 50 values a column. Disks are unknown: whether "
            "the provider encrypts is not seen from inside.",
            how_to_mend="Encrypt in the application, with a key that the database does not hold.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        needs=(),
        strength=Strength.CONFIGURATION,
        params={"subject": "Encrypt tokens at rest"},
        must_fail=_tokens("ya29.a0AfB_byC"),
        mended=_tokens("gAAAAABl9f2b7c41d08e6a53b1c7"),
    ),
    check(
        "sec.audit",
        "recorded",
        "Sensitive actions are recorded",
        _audit,
        Documentation(
            what="A table records who did what, when, and holds records.",
            why="Without it nobody can say what an intruder, or a colleague, has done.",
            how_verified="Looks for tables called like an audit or activity log with columns for who, what and when, "
            "and counts up to 1,000 rows. Without one it fails only if the code does not speak of audit either.",
            how_to_mend="A table of who, what and when, written in the transaction of the change.",
            not_applicable_when="Never.",
        ),
        severity=Severity.MEDIUM,
        needs=("postgres",),
        strength=Strength.CONFIGURATION,
        must_fail=Stage(database=Database(sql=_AUDITED[:1]), repo={"app.py": "x = 1\n"}),
        mended=Stage(database=Database(sql=_RECORDED)),
    ),
)
