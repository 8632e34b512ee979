"""What strangers write must stay text: in SQL and in pages. The code is read, and parameters are tried."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import quote

from roadworthy.contracts.checks import BlastRadius, Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import openapi, sources, surface
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, passed, unknown
from roadworthy.inspection.catalogue.statements import Statement, statements
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, reply
from roadworthy.inspection.model import PROBE_REMEDIES, Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses, comments
from roadworthy.inspection.probes.http import Answer, HttpProbe
from roadworthy.inspection.probes.repo import Match, RepoProbe
from roadworthy.inspection.probes.sessions import visit
from roadworthy.inspection.redaction import unsaid

PARAMETERS_LIMIT = 6
BROKEN = 500
POLICY = re.compile(r"\bcsp\b|content.security.policy", re.IGNORECASE)
COOKIES = re.compile(r"httponly|same-?site|\bcookies?\b", re.IGNORECASE)
QUOTE = "rw7'\""
MARKER = "rw7<i>\"'x"
USUAL_NAMES = ("q", "search", "query", "name", "s")
BROKEN_SQL = re.compile(
    r"syntax error at or near|unterminated quoted string|you have an error in your sql syntax|SQLSTATE\["
    r"|sqlite3?\.\w*Error|SQLITE_ERROR|unrecognized token|psycopg2?\.|asyncpg\.|ORA-\d{5}"
    r"|quoted string not properly terminated"
    r"|PG::SyntaxError|ER_PARSE_ERROR|near \"[^\"]*\": syntax error",
    re.IGNORECASE,
)
ORMS = (
    "sqlalchemy",
    "django",
    "tortoise-orm",
    "peewee",
    "sqlmodel",
    "prisma",
    "@prisma/client",
    "sequelize",
    "typeorm",
    "knex",
    "drizzle-orm",
    "mikro-orm",
    "mongoose",
    "rails",
    "activerecord",
    "sequel",
    "gorm",
    "gorm.io/gorm",
    "ent",
    "sqlc",
    "eloquent",
    "doctrine",
    "hibernate-core",
    "spring-boot-starter-data-jpa",
)
_PYTHON_SINKS = (
    r"\b(?:mark_safe|Markup)\(\s*(?:f[\"']|[a-z_][\w.]*\s*[,)+%]|[\"'][^\"']*[\"']\s*[%+])|autoescape\s*=\s*False"
)
_SCRIPT_SINKS = (
    r"dangerouslySetInnerHTML|\bv-html\s*=|\.innerHTML\s*\+?=(?!=)|\.outerHTML\s*="
    r"|insertAdjacentHTML\(|document\.write\(|bypassSecurityTrustHtml"
)
SINKS: Mapping[str, re.Pattern[str]] = {
    "python": re.compile(_PYTHON_SINKS),
    "javascript": re.compile(_SCRIPT_SINKS),
    "ruby": re.compile(r"\.html_safe\b|\braw\("),
    "go": re.compile(r"\btemplate\.(?:HTML|JS)\("),
    "php": re.compile(r"echo\s+\$_(?:GET|POST|REQUEST)"),
}
TEMPLATES = (
    "*.html",
    "*.htm",
    "*.jinja",
    "*.jinja2",
    "*.j2",
    "*.erb",
    "*.haml",
    "*.ejs",
    "*.hbs",
    "*.handlebars",
    "*.pug",
    "*.twig",
    "*.mustache",
)
TEMPLATE_SINKS = re.compile(
    r"\|\s*safe\b|\{%-?\s*autoescape\s+(?:off|false)|<%-(?!\s*include|\s*partial|\s*yield)"
    r"|\{\{\{|<%==|!=\s*\w|\.html_safe|<%=\s*raw\b|\|\s*raw\b"
)
CLEANED = re.compile(
    r"DOMPurify|sanitize|bleach|nh3|JSON\.stringify|tojson|json_script|csrf|(?<!auto)escape|yield|content_for|render",
    re.IGNORECASE,
)


async def _sql(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    found = await probes.repo.facts(_statements) if probes.repo else []
    files = len(await probes.repo.facts(sources.code)) if probes.repo else 0
    evidence = []
    if probes.repo:
        texts = sources.quoted([one.place for one in found if one.built])
        told = f"{len(found)} in {files} files; put together from texts: {texts}"
        evidence.append(observe("statements in the code", told, probes.repo.vantage))
    handed = [one.place for one in found if one.handed]
    if handed:
        return failed(
            f"{handed[0].path}:{handed[0].line} puts what it is handed into a statement",
            *evidence,
            mend='pass values beside the statement: execute("... where id = %s", (value,))',
        )
    tried, broken = await _tried(probes.http, QUOTE, _breaks) if probes.http else ([], [])
    if tried and probes.http:
        evidence.append(
            observe(f"parameters with {QUOTE}", f"{listed(tried)}; broke: {listed(broken)}", probes.http.vantage)
        )
    if broken:
        return failed(
            f"a quote in {broken[0]} breaks the statement", *evidence, mend="pass values beside the statement"
        )
    if probes.repo is None:
        raise Unobservable(
            f"{len(tried)} parameters took a quote; the statements themselves were not seen", '[repository] path = "."'
        )
    built = [one.place for one in found if one.built]
    if built:
        return unknown(
            f"{built[0].path}:{built[0].line} puts a statement together: from what can't be told",
            *evidence,
            mend="pass values beside the statement, or keep the pieces in constants",
        )
    known = await probes.repo.facts(sources.dependencies)
    mapper = next((name for name in ORMS if name in known), "")
    if not found and not (mapper and files):
        raise Unobservable(f"no statement and no mapper of SQL was seen in {files} files", '[repository] path = "."')
    by = f", and {mapper} writes the rest" if mapper else ""
    return passed(
        f"none of {len(found)} statements is built from texts{by}; {len(tried)} parameters took a quote",
        *evidence,
    )


def _statements(repo: RepoProbe) -> Sequence[Statement]:
    return [one for source in repo.known(sources.code) for one in statements(source)]


async def _tried(http: HttpProbe, value: str, wrong: Callable[[Answer], bool]) -> tuple[list[str], list[str]]:
    """Parameters of readable operations that were given `value`, and those of them that took it wrongly."""
    targets = await _parameters(http)
    tried, bad = [], []
    async with visit(http) as stranger:
        for path, name in targets[:PARAMETERS_LIMIT]:
            plain = await stranger.send("GET", f"{path}?{name}=rw7", headers=surface.HTML)
            answer = await stranger.send("GET", f"{path}?{name}={quote(value)}", headers=surface.HTML)
            if plain.status < surface.BAD:
                tried.append(f"{path}?{name}")
                bad += [f"{path}?{name}"] if wrong(answer) else []
    return tried, bad


async def _parameters(http: HttpProbe) -> Sequence[tuple[str, str]]:
    """(path, query parameter) of documented readable operations; where none are, usual names on pages that exist."""
    documented = [one for one in await openapi.operations(http) if one.method == "GET" and one.plain and not one.meta]
    found = [(one.path, name) for one in documented for name in one.query]
    if found:
        return sorted(found, key=lambda pair: (pair[1] not in USUAL_NAMES, pair))
    pages = ["/"]
    with if_seen():
        shown = await surface.pages(http)
        forms = [addresses.parse(addresses.join(http.url, link)) for one in shown for link in one.page.links]
        pages += [one.path for one in forms if "search" in one.path and one.host == http.host]
    return [(path, name) for path in dict.fromkeys(pages) for name in USUAL_NAMES[:2]]


def _breaks(answer: Answer) -> bool:
    status, text = answer.status, answer.text
    return status >= BROKEN or BROKEN_SQL.search(text) is not None


def _reflects(answer: Answer) -> bool:
    return MARKER in answer.text and "html" in answer.content_type


async def _scripts(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if COOKIES.search(subject):
        raise Unobservable("the line is about cookies, not about what pages write", "")
    evidence: list[Evidence] = []
    sinks: Sequence[Match] = []
    looked = 0
    if probes.repo:
        sinks, looked = await probes.repo.facts(_sinks)
        evidence.append(
            observe(
                "unescaped output in code and templates",
                f"{looked} files looked at: {sources.quoted(sinks)}",
                probes.repo.vantage,
            )
        )
    tried, open_ones = await _tried(probes.http, MARKER, _reflects) if probes.http else ([], [])
    if tried and probes.http:
        evidence.append(
            observe(
                f"parameters with {MARKER}",
                f"{listed(tried)}; came back as markup: {listed(open_ones)}",
                probes.http.vantage,
            )
        )
    if open_ones:
        return failed(f"{open_ones[0]} comes back as markup", *evidence, mend="escape what is written into a page")
    if sinks:
        return failed(
            f"{sinks[0].path}:{sinks[0].line} writes without escaping: {unsaid(sinks[0].text)[:60]}",
            *evidence,
            mend="let the template escape, or sanitize with nh3 or DOMPurify right there",
        )
    if probes.repo is None or not looked:
        raise Unobservable(
            f"{counted(len(tried), 'parameter')} came back as text; templates were not seen", '[repository] path = "."'
        )
    await sources.seen_whole(probes.repo)
    if not await probes.repo.facts(_draws):
        return unknown(f"{looked} files, and none that writes pages: nothing to escape was seen", *evidence)
    if POLICY.search(subject) and (missing := await _policy(probes, evidence)):
        return unknown(f"{looked} files escape what they write; {missing}", *evidence, mend=PROBE_REMEDIES["http"])
    return passed(f"{looked} files escape what they write; {len(tried)} parameters came back as text", *evidence)


async def _policy(probes: Probes, evidence: list[Evidence]) -> str:
    """What is missing of the policy that the line promises as well; empty where the front page sends one."""
    if probes.http is None:
        return "the Content-Security-Policy that the line speaks of was not seen"
    sent = (await probes.http.get("/", headers=surface.HTML)).headers.get("content-security-policy", "")
    evidence.append(observe("Content-Security-Policy of /", sent or "(absent)", probes.http.vantage))
    return "" if sent else "/ sends no Content-Security-Policy"


def _sinks(repo: RepoProbe) -> tuple[Sequence[Match], int]:
    """Places that write without escaping and without a sanitizer beside them, and how many files were looked at."""
    code = repo.known(sources.code)
    found: list[Match] = []
    for source in code:
        pattern = SINKS.get(source.language)
        lines = source.text.splitlines() if pattern else []
        for number, line in enumerate(lines, start=1):
            around = " ".join(lines[max(0, number - 3) : number + 2])
            if pattern and pattern.search(line) and not CLEANED.search(around):
                found.append(Match(source.path, number, line.strip()[:120]))
    templates = repo.find(*TEMPLATES, aside=False)
    for path in templates:
        text = comments.without(repo.read(path), comments.TEMPLATES)
        for number, line in enumerate(text.splitlines(), start=1):
            if TEMPLATE_SINKS.search(line) and not CLEANED.search(line) and "!=" not in line:
                found.append(Match(path, number, line.strip()[:120]))
    return found, len(code) + len(templates)


def _draws(repo: RepoProbe) -> bool:
    """Whether the tree writes pages: templates, or a frontend's components."""
    return bool(repo.find(*TEMPLATES, "*.jsx", "*.tsx", "*.vue", "*.svelte", aside=False))


_DOCUMENT = {"openapi": "3.1.0", "paths": {"/api/items": {"get": {"parameters": [{"name": "q", "in": "query"}]}}}}


def _searching(*, careless: bool, html: bool = False) -> Site:
    def answer(asked: Asked) -> Reply:
        if asked.path == "/openapi.json":
            return reply(_DOCUMENT)
        if asked.path != "/api/items":
            return reply("not found", 404)
        wanted = asked.query.get("q", [""])[0]
        if html:
            shown = wanted if careless else wanted.replace("<", "&lt;").replace('"', "&quot;")
            return reply(f"<html><body><p>nothing for {shown}</p></body></html>")
        return reply({"title": "syntax error at or near"}, 500) if careless and "'" in wanted else reply({"items": [1]})

    return lambda: answer


_BUILT = "def find(db, name):\n    return db.execute(f\"select * from items where name = '{name}'\")\n"
_BESIDE = 'def find(db, name):\n    return db.execute("select * from items where name = %s", (name,))\n'
STATEMENTS = Check(
    id="sec.sqli.tried",
    requirements=("sec.sqli",),
    title="What people write stays out of SQL",
    severity=Severity.CRITICAL,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.FILE,
    needs=frozenset(),
    run=_sql,
    timeout_seconds=60.0,
    documentation=Documentation(
        what="No statement in the code is put together from what a function or a request hands in, and no documented "
        "parameter breaks on a quote.",
        why="One such statement gives the whole database to whoever finds it.",
        how_verified="Reads Python by its syntax, JavaScript, Ruby, Go and PHP by their text: f-strings, "
        "concatenation, "
        f"templates and Sprintf that reach a database call. Gives a quote to up to {PARAMETERS_LIMIT} query "
        f"parameters. "
        "Statements built from something else than constants are unknown. Without the code it can fail, never pass.",
        how_to_mend="Parameters beside the statement; identifiers from a fixed list, quoted by the driver.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.sqli",
        must_fail=Stage(site=_searching(careless=False), repo={"app/items.py": _BUILT}),
        mended=Stage(site=_searching(careless=False), repo={"app/items.py": _BESIDE}),
    ),
)
SCRIPTS = Check(
    id="sec.xss.tried",
    requirements=("sec.xss",),
    title="What people write stays text on pages",
    severity=Severity.HIGH,
    blast_radius=BlastRadius.PROBE,
    strength=Strength.FILE,
    needs=frozenset(),
    run=_scripts,
    timeout_seconds=60.0,
    documentation=Documentation(
        what="No template or component writes without escaping or sanitizing, and no parameter comes back as markup.",
        why="A script in a page acts as whoever looks at it.",
        how_verified="Looks for |safe, mark_safe, html_safe, raw, {{{, dangerouslySetInnerHTML, v-html, "
        "innerHTML and their "
        f"like without a sanitizer beside them; gives markup to up to {PARAMETERS_LIMIT} query parameters and "
        f"reads what "
        "comes back as HTML. Without templates or components to look at it can fail, never pass.",
        how_to_mend="Leave escaping on; sanitize rich text with nh3, bleach or DOMPurify where it is written.",
        not_applicable_when="Never.",
    ),
    fixtures=twins(
        "sec.xss",
        must_fail=Stage(repo={"templates/item.html": "<p>{{ item.text | safe }}</p>"}),
        mended=Stage(repo={"templates/item.html": "<p>{{ item.text }}</p>"}),
    ),
)
CHECKS = (STATEMENTS, SCRIPTS)
