"""Documents that must agree with something: the architecture with what is deployed, the schema with its tables."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import prose, sources, surface
from roadworthy.inspection.catalogue.declaring import Run, Tree, of_tree
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import images, manifests, packages, yaml_files
from roadworthy.inspection.probes.repo import Match, RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, table

WORDS_MIN = 60
SPECS = ("openapi*.json", "openapi*.yaml", "openapi*.yml", "swagger*.json", "swagger*.yaml", "swagger*.yml")
SPEC_LIMIT_BYTES = 4 * 1024 * 1024
METHODS = frozenset({"get", "post", "put", "patch", "delete"})
ARCHITECTURE = re.compile(
    r"\barchitectur|system (?:overview|design)|^[\W\d]*(?:system |main |core |key )?components\b|how it works",
    re.IGNORECASE,
)
SCHEMA = re.compile(
    r"\b(?:database|db|data)\b.{0,200}\b(?:schema|models?|tables?)\b|\bschema\b|\bdata ?models?\b|\bentit(?:y|ies)\b"
    r"|\berd\b",
    re.IGNORECASE,
)
TABLES = re.compile(
    r"(?i)\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?(?:[\"`]?\w+[\"`]?\.)?[\"`]?(\w+)|\bcreate_table\s+[:\"'](\w+)"
    r"|\bop\.create_table\(\s*[\"'](\w+)|__tablename__\s*=\s*[\"'](\w+)|^model\s+(\w+)\s*\{", re.MULTILINE,
)  # fmt: skip
WHERE_TABLES = ("*.sql", "schema.rb", "schema.prisma", "*.py")
API = re.compile(
    r"\bapi (?:reference|docs?|documentation|endpoints|overview|routes|guide)\b|\bendpoints\b|^api$|\brest api\b",
    re.IGNORECASE,
)
OF_OTHERS = re.compile(
    r"/(?:node_modules|fixtures?|tests?|specs?|__tests__|examples?|samples?|vendor\w*(?:-\w+)?|third_party|clients?|stubs?"
    r"|mocks?|petstore\w*|\w*-?(?:stripe|github|twilio|sendgrid|slack)(?:-\w+)?)/",
    re.IGNORECASE,
)
"""Where specifications of others lie: of what the tests speak to, and of what the service calls."""
URL_OF_DOCS = re.compile(r"https?://|\b(?:accessible|reachable|served|available) (?:at|on|under)\b", re.IGNORECASE)
WHOLE = re.compile(r"\bcurrent\b|\bupdate[sd]?\b|\bup[- ]to[- ]date\b|\bcomplete\b|\ball\b|\bevery\b", re.IGNORECASE)
FLAGS = frozenset(
    {"launchdarkly-server-sdk", "launchdarkly-node-server-sdk", "@launchdarkly/node-server-sdk", "unleashclient"}
    | {"unleash-client", "unleash", "flipper", "django-waffle", "django-flags", "flagsmith", "flagsmith-nodejs"}
    | {"@growthbook/growthbook", "growthbook", "openfeature-sdk", "@openfeature/server-sdk", "rollout"}
    | {"go-feature-flag", "configcat-client", "configcat-node", "posthog", "split-io"}
)
OWN_FLAG = re.compile(
    r"\bFEATURE_(?!COL|NAME|IMPORT|SET|MAP|DIM|MATRIX|VEC|EXTRACT|STORE|LIST|ORDER|TYPE|SIZE|COUNT)[A-Z0-9_]{3,}\b|\b(?i:feature_?flags?)\b|\b(?:isFeatureEnabled|is_feature_enabled)\("
)
GIVEN = re.compile(r"[\"'`]?[ \t]{0,20}(?::[^=\n;,]{0,200})?=(?![=>])|[\"']?[ \t]{0,20}:(?!:)")
BROUGHT = re.compile(r"\s{0,200}(?:import|export\s{0,9}[{*]|from|type|interface)\b|.{0,300}\bimport\s{0,9}\{")
MADE = re.compile(r"\bFeature_?Flags?\($")
ASKED = re.compile(
    r"\bFlipper\.enabled\?|\bflag_is_active\(|\.is_?[eE]nabled\(|\.variation\(|useFeature|get_?[bB]oolean_?[vV]alue\("
)
"""How libraries are asked; counts only where one is a dependency."""


def section_about(repo: RepoProbe, topic: re.Pattern[str]) -> tuple[prose.Section | None, Sequence[prose.Document]]:
    """The longest section about it, and the documents that tell how this system is."""
    documents, _ = prose.operating(repo)
    found = sorted(filter(prose.of_the_whole, prose.about(documents, topic)), key=lambda one: -one.words)
    return (found[0] if found else None), documents


def _text(documents: Sequence[prose.Document], path: str) -> str:
    return next((one.text for one in documents if one.path == path), "")


async def _api(probes: Probes, requirement: Requirement) -> Verdict:
    repo = offered(probes.repo, "repo")
    committed = [(path, routes) for path in repo.find(*SPECS, aside=True) if (routes := _routes(repo, path))]
    subject = requirement.text("subject")
    section, documents = await asyncio.to_thread(section_about, repo, API)
    served = await _served(probes)
    lines = [f"{path}: {counted(len(routes), 'route')}" for path, routes in committed[:4]]
    lines += [f"{section.path}: {section.heading}, {section.words} words"] if section else []
    lines += [f"served: {counted(len(served), 'route')}"] if served else []
    evidence = observe(
        "descriptions of the API", "\n".join(lines) or f"none in {counted(len(documents), 'document')}", repo.vantage
    )
    if committed and served:
        missing = sorted(one for one in served if not _told(one, committed[0][1]))
        if missing:
            return failed(
                f"{committed[0][0]} lacks {counted(len(missing), 'route')} that are served: {missing[0]}",
                evidence,
                mend="generate it anew",
            )
    if doubt := _doubt(subject, served=bool(served)):
        return unknown(doubt, evidence, mend="[http] url of the running service, which serves /openapi.json")
    if served or committed:
        where = committed[0][0] if committed else "the service's own document"
        return passed(f"{where} describes {len(committed[0][1]) if committed else len(served)} routes", evidence)
    if section and section.words >= WORDS_MIN:
        return passed(f"{section.path} describes the API under '{section.heading}'", evidence)
    if not documents:
        raise Unobservable(
            "neither a specification of the API nor a document is in the source tree", "name the tree that holds it"
        )
    if section:
        return failed(
            f"{section.path} says little of the API under '{section.heading}': {counted(section.words, 'word')}",
            evidence,
            mend="commit its OpenAPI document, or let the framework serve it",
        )
    return failed(
        "nothing describes the API", evidence, mend="commit its OpenAPI document, or let the framework serve it"
    )


def _doubt(subject: str, *, served: bool) -> str:
    """What the line asks that files alone don't show."""
    if WHOLE.search(subject) and not served:
        return "whether it is current and whole shows only beside the routes that are served"
    return "the line gives an address, and whether that answers was not seen" if URL_OF_DOCS.search(subject) else ""


def _routes(repo: RepoProbe, path: str) -> frozenset[str]:
    if OF_OTHERS.search(f"/{path}"):
        return frozenset()
    text = repo.read(path, SPEC_LIMIT_BYTES)
    try:
        told = json.loads(text) if path.endswith(".json") else yaml_files.document(text)
    except (ValueError, RecursionError, NotYaml):
        return frozenset()
    return _of_document(told)


def _of_document(told: Any) -> frozenset[str]:
    paths = table(table(told).get("paths"))
    return frozenset(
        f"{method.upper()} {path}" for path, one in paths.items() for method in table(one) if method in METHODS
    )


def _told(route: str, known: frozenset[str]) -> bool:
    """Whether a route is described, with or without the prefix that all have."""
    method, _, path = route.partition(" ")
    return any(one.startswith(f"{method} ") and path.endswith(one.partition(" ")[2]) for one in known)


async def _served(probes: Probes) -> frozenset[str]:
    if probes.http is None:
        return frozenset()
    for path in (*surface.DOCUMENTS, "/v3/api-docs", "/api-json"):
        try:
            answer = await probes.http.get(path)
            found = _of_document(json.loads(answer.text)) if answer.status == 200 else frozenset()  # noqa: PLR2004 - OK
        except (Unobservable, ValueError, RecursionError):
            continue
        if found:
            return found
    return frozenset()


async def _architecture(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    documents, _ = await asyncio.to_thread(prose.operating, repo)
    if not documents:
        raise Unobservable("no document here tells how this system is", "[repository] path names the folder that does")
    composed = [one.name for one in await repo.facts(images.compose)]
    deployed = [one.name for one in (await repo.facts(manifests.read)).workloads]
    parts = list(dict.fromkeys([*composed, *deployed]))
    section, missing = _most_complete(documents, parts)
    shown = f"{section.path}: {section.heading}, {section.words} words" if section else "none"
    evidence = observe(
        f"a document of the architecture, among {counted(len(documents), 'document')}",
        f"{shown}; deployed: {listed(parts)}; not in it: {listed(missing)}",
        repo.vantage,
    )
    if section is None:
        return failed(
            "no document describes the architecture", evidence, mend="say which parts there are, and who calls whom"
        )
    if missing:
        return failed(
            f"{section.path} says nothing of {listed(missing, 4)}; {counted(len(parts), 'part')} deployed",
            evidence,
            mend="describe it there",
        )
    return passed(
        f"{section.path} describes the architecture"
        + (f" and names all of {counted(len(parts), 'part')}" if parts else ""),
        evidence,
    )


def _most_complete(
    documents: Sequence[prose.Document], parts: Sequence[str]
) -> tuple[prose.Section | None, Sequence[str]]:
    """The section about the architecture whose document leaves out the fewest parts, and those."""
    long = [one for one in prose.about(documents, ARCHITECTURE) if one.words >= WORDS_MIN and prose.of_the_whole(one)]
    if not long:
        return None, parts
    texts = {document.path: document.text.lower() for document in documents}
    absent = {one: [name for name in parts if not _mentioned(name, texts[one.path])] for one in long}
    best = min(long, key=lambda one: (len(absent[one]), -one.words))
    return best, absent[best]


def _mentioned(name: str, text: str) -> bool:
    words = {"db": ("database", "postgres", "mysql"), "database": ("database", "postgres"), "postgres": ("postgres",)}
    return any(word in text for word in words.get(name.lower(), (name.lower(), re.sub(r"[-_]", " ", name.lower()))))


async def _schema(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    section, documents = await asyncio.to_thread(section_about, repo, SCHEMA)
    tables = await _tables(probes, repo)
    if not tables:
        raise Unobservable("which tables there are was not seen", '[postgres] dsn = "postgresql://user@host/db"')
    text = _text(documents, section.path).lower() if section else ""
    missing = sorted(name for name in tables if not re.search(rf"\b{re.escape(name)}\b", text))
    shown = f"{section.path}: {section.heading}" if section else f"none in {counted(len(documents), 'document')}"
    evidence = observe(
        "a document of the schema", f"{shown}; {len(tables)} tables; not in it: {listed(missing)}", repo.vantage
    )
    if section is None:
        return failed(
            f"no document describes the {len(tables)} tables", evidence, mend="describe each table in a sentence"
        )
    if missing:
        return failed(
            f"{section.path} says nothing of {len(missing)} of {len(tables)} tables: {missing[0]}",
            evidence,
            mend="add them",
        )
    return passed(f"{section.path} names all {len(tables)} tables", evidence)


async def _tables(probes: Probes, repo: RepoProbe) -> frozenset[str]:
    if probes.postgres is not None:
        rows = await probes.postgres.rows(
            "select table_name from information_schema.tables where table_type = 'BASE TABLE' "
            "and table_schema not in ('pg_catalog', 'information_schema')"
        )
        return frozenset(str(row["table_name"]).lower() for row in rows if not _bookkeeping(str(row["table_name"])))
    found = (match for path in repo.find(*WHERE_TABLES, aside=False) for match in TABLES.findall(repo.read(path)))
    names = (next(filter(None, groups), "").lower() for groups in found)
    return frozenset(name for name in names if name and not _bookkeeping(name))


def _bookkeeping(name: str) -> bool:
    return bool(
        re.match(
            r"(?:alembic_version|django_\w+|auth_\w+|schema_migrations|ar_internal_metadata|_prisma\w+|flyway\w*|if)$",
            name,
        )
    )


def _asks(one: Source, asked: Sequence[re.Pattern[str]]) -> Iterator[Match]:
    """Places that ask; in Python only conditions and calls, so that a text that speaks of flags is none."""
    if one.tree is None:
        found = (match for pattern in asked for match in pattern.finditer(one.text))
        yield from (one.at(match.start(), match[0]) for match in found if not _defines(one.text, match))
        return
    for node in ast.walk(one.tree):
        said = ""
        if isinstance(node, ast.If | ast.IfExp):
            said = ast.unparse(node.test)
        elif isinstance(node, ast.Call):
            said = f"{ast.unparse(node.func)}("
            said = "" if MADE.search(said) else said
        if any(pattern.search(said) for pattern in asked):
            yield Match(one.path, getattr(node, "lineno", 0), said[:120])


def _defines(text: str, name: re.Match[str]) -> bool:
    """Whether flags are only given a value, a type or a name there."""
    before = text[text.rfind("\n", 0, name.start()) + 1 : name.start()]
    return bool(BROUGHT.match(before) or GIVEN.match(text, name.end()))


async def _flags(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    code = await repo.facts(sources.code)
    if not code:
        raise Unobservable("the source tree holds no code", "[repository] path names the root of the source")
    named = sorted(set(packages.dependencies(repo)) & FLAGS)
    asked = (OWN_FLAG, ASKED) if named else (OWN_FLAG,)
    used = await asyncio.to_thread(lambda: [match for one in code for match in _asks(one, asked)])
    answer = f"libraries: {listed(named)}; uses: {sources.quoted(used, 4)}; {counted(len(code), 'file')} looked at"
    evidence = observe("switches of features", answer, repo.vantage)
    if used:
        return passed(f"{len(used)} places switch features{f' by {named[0]}' if named else ''}", evidence)
    if named:
        return unknown(f"{named[0]} is a dependency; no place that asks it was found", evidence)
    return failed(
        f"none of {len(code)} files asks whether a feature is on", evidence, mend="put risky features behind a flag"
    )


LONG = (
    "A request comes in over the balancer, web answers it, worker takes what lasts longer, and db keeps the data. "
    "Each part logs to one place, and every line carries the id of the request that it was written for. "
    "Whoever changes a part tells the others in the channel of the team, and waits until somebody has answered. "
    "What went wrong last time stands at the end of this page, with the day and the name of the person who mended it. "
)
COMPOSE = "services:\n  web: {image: shop/web:1}\n  worker: {image: shop/web:1}\n"
ARCH = {"docs/architecture.md": f"# Architecture\n\n{LONG}\n", "compose.yml": COMPOSE}
SQL = {"db/schema.sql": "create table orders (id int);\ncreate table people (id int);\n"}
ROUTES = json.dumps({"openapi": "3.1.0", "info": {"title": "shop"}, "paths": {"/orders": {"get": {}}}})
README = {"README.md": "# Shop\n\nIt sells.\n", "docs/operations.md": f"# Operations\n\n{LONG}\n"}
HOW = (
    "Headings and words of Markdown, reStructuredText and AsciiDoc; checklists, road maps and records of decisions are "
    "left out. "
)


def declared(
    check: str, title: str, run: Run, said: tuple[str, str, str, str], stages: Sequence[Tree], **asked: str
) -> Check:
    """A check of documents: `said` is its page, `stages` the trees that it fails and passes."""
    page = Documentation(*said, not_applicable_when="Never.")
    radius = BlastRadius.PROBE if check == "doc.api.routes" else BlastRadius.READ_ONLY
    return of_tree(check, title, run, Severity.LOW, page, *stages, params=asked, radius=radius)


CHECKS = (
    declared(
        "doc.api.routes", "The API is described", _api,
        ("A specification of the API with routes is committed or served, or a document has a section about it.",
         "What is not described is asked for, or guessed.",
         HOW + "OpenAPI and Swagger files with routes; where one is served too, its routes must stand there.",
         "Generate the specification from the code, and commit it."),
        (README, {**README, "docs/openapi.json": ROUTES}),
    ),
    declared(
        "doc.arch.parts", "The architecture is described, with every part that is deployed", _architecture,
        ("A document has a section about the architecture, and names every compose service and workload.",
         "A drawing without the queue sends the one who is on call to the wrong machine.",
         HOW + "Names of services and workloads of production against the document.",
         "Say which parts there are, and who calls whom."),
        ({**ARCH, "compose.yml": COMPOSE + "  mailer: {image: shop/mail:1}\n"}, ARCH),
    ),
    declared(
        "doc.schema.tables", "The schema is described, with every table", _schema,
        ("A document about the schema names every table.",
         "Who joins two tables by guess gets numbers that are nearly right.",
         HOW + "Tables of the database, or of SQL, Rails, Alembic, SQLAlchemy and Prisma files, against the document.",
         "Describe each table in a sentence."),
        ({**SQL, "docs/schema.md": f"# Database schema\n\norders: {LONG}\n"},
         {**SQL, "docs/schema.md": f"# Database schema\n\norders, people: {LONG}\n"}),
    ),
    declared(
        "feature.flag.used", "Features are switched by flags", _flags,
        ("Code asks whether a feature is on, by a library or its own setting.",
         "Turning a feature off is faster than a rollback.",
         "Words of the common libraries, and of settings called FEATURE_, in code that serves.",
         "Put risky features behind a flag."),
        ({"app.py": "x = 1\n"}, {"app.py": "if settings.FEATURE_CHECKOUT:\n    x = 1\n"}),
    ),
)  # fmt: skip
