"""Limits on the size of a request that agree along the way: what the application takes, the proxy lets through."""

from __future__ import annotations

import ast
import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue.kit import failed, listed, observe, passed, unknown
from roadworthy.inspection.catalogue.virtual_servers import PASSES, served
from roadworthy.inspection.errors import Unobservable, if_seen
from roadworthy.inspection.fixtures.machine import PORT
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import syntax
from roadworthy.inspection.probes.repo import RepoProbe

NGINX_BYTES = 1024**2
"""What nginx lets through where nothing is said."""
MEBIBYTE = 1024**2
UNITS = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1024**2, "mb": 1024**2, "mib": 1024**2,
         "g": 1024**3, "gb": 1024**3, "gib": 1024**3}  # fmt: skip
VARIABLE = re.compile(
    r"(?:MAX_(?:UPLOAD|CONTENT|BODY|FILE|REQUEST)\w*(?:SIZE|LENGTH|BYTES|MB|KB|LIMIT)\w*|(?:UPLOAD|BODY|REQUEST|FILE)_\w*"
    r"(?:LIMIT|MAX)\w*)$"
)
OTHERS = re.compile(r"LOG|CACHE|HEADER|COUNT|RATE|PER_|TIME|SECONDS|NUMBER|CHUNK|MEMORY")
SETTINGS = ("MAX_CONTENT_LENGTH", "DATA_UPLOAD_MAX_MEMORY_SIZE", "MAX_UPLOAD_SIZE", "MAX_UPLOAD_BYTES", "MAX_FILE_SIZE")
IN_SCRIPTS = re.compile(
    r"(?:\blimit|\bbodyLimit|\bfileSize|\bsizeLimit)\s*:\s*(?:[\"'](\d+\s*\w*)[\"']|([\d_]+(?:\s*\*\s*[\d_]+)*))"
)
ABOUT_BODIES = re.compile(
    r"express\.(?:json|urlencoded|raw|text)|bodyParser|multer|bodyLimit|fileSize|sizeLimit", re.IGNORECASE
)
COMMENT = re.compile(r"^[ \t]*(?://|#|\*)")


@dataclass(frozen=True, slots=True)
class Size:
    """The most bytes that one part takes, and where that stands."""

    bytes: int
    source: str

    def __str__(self) -> str:
        return f"{self.bytes / MEBIBYTE:g} MiB ({self.source})"


async def _agree(probes: Probes, requirement: Requirement) -> Verdict:
    proxy = _proxy(probes)
    application = await asyncio.to_thread(lambda: [*_variables(probes), *_code(probes.repo)])
    wanted = requirement.number("bytes")
    evidence = observe(
        "the most that a request may hold",
        f"proxy: {proxy or 'not seen'}; application: {listed(application)}"
        + (f"; the line: {wanted / MEBIBYTE:g} MiB" if wanted else ""),
        "configuration of proxy and application",
    )
    largest = max(application, key=lambda one: one.bytes, default=None)
    inner = max([largest.bytes if largest else 0, wanted or 0])
    if proxy is not None and inner > proxy.bytes:
        taker = str(largest) if largest and largest.bytes >= (wanted or 0) else f"{inner / MEBIBYTE:g} MiB (the line)"
        return failed(
            f"the proxy refuses beyond {proxy}, though {taker} is promised",
            evidence,
            mend="let the proxy through what the application takes",
            patch=f"client_max_body_size {-(-inner // MEBIBYTE):g}m;",
        )
    if largest is not None and wanted and largest.bytes < wanted:
        return failed(
            f"the application refuses beyond {largest}, the line promises {wanted / MEBIBYTE:g} MiB",
            evidence,
            mend="raise the limit, or mend the line",
        )
    if proxy is None or largest is None:
        raise Unobservable(
            f"the limit of the {'proxy' if proxy is None else 'application'} is not to be seen",
            '[nginx] config = "/etc/nginx/nginx.conf"' if proxy is None else "name it by a variable: MAX_UPLOAD_SIZE",
        )
    if not proxy.bytes or proxy.bytes > 100 * largest.bytes:
        return unknown(f"the proxy takes far more ({proxy}) than the application ({largest})", evidence)
    return passed(f"the proxy lets through {proxy}, the application takes {largest}", evidence)


def _proxy(probes: Probes) -> Size | None:
    """The most that the proxy lets through anywhere on the way to the service; endless counts as very much."""
    if probes.nginx is None:
        return None
    with if_seen():
        own = served(probes.nginx, probes.http)
        stated = [
            Size(size or 2**50, f"{one.name} in {one.file}")
            for one in own
            if one.name == "client_max_body_size" and one.words and (size := size_of(one.words[0])) is not None
        ]
        if stated:
            return max(stated, key=lambda one: one.bytes)
        if any(one.name in PASSES for one in own):
            return Size(NGINX_BYTES, "nginx' default")
    return None


def _variables(probes: Probes) -> Iterator[Size]:
    with if_seen():
        for setting in probes.config.matching(VARIABLE) if probes.config else ():
            unit = 1024**2 if "MB" in setting.name else 1024 if "KB" in setting.name else 1
            size = size_of(setting.value)
            if size and not OTHERS.search(setting.name):
                yield Size(size * unit if setting.value.strip().isdigit() else size, setting.name)


def _code(repo: RepoProbe | None) -> Iterator[Size]:
    if repo is None:
        return
    names = re.compile(rf"\b(?:{'|'.join(SETTINGS)})\b[\"'\]]*\s*(?::\s*\w+\s*)?=\s*(?P<value>[\d_ *()]+)\s*(?:#.*)?$")
    for match in repo.grep(names, "*.py", limit=10):
        found = names.search(match.text)
        size = _product(found["value"]) if found and not COMMENT.match(match.text) else None
        if size:
            yield Size(size, f"{match.path}:{match.line}")
    for match in repo.grep(IN_SCRIPTS, "*.js", "*.ts", "*.mjs", "*.cjs", limit=20):
        given = IN_SCRIPTS.search(match.text)
        if given is None or COMMENT.match(match.text) or not ABOUT_BODIES.search(match.text):
            continue
        size = size_of(given[1]) if given[1] else _product(given[2].replace("_", ""))
        if size:
            yield Size(size, f"{match.path}:{match.line}")


def _product(text: str) -> int | None:
    """The value of a product of numbers, as settings are written: 16 * 1024 * 1024."""
    tree = syntax.expression(text)
    return _value(tree) if tree is not None else None


def _value(node: ast.expr) -> int | None:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, int) and node.value < 2**50 else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        left, right = _value(node.left), _value(node.right)
        return left * right if left is not None and right is not None and left * right < 2**60 else None
    return None


def size_of(text: str) -> int | None:
    """A size as settings write it, in bytes: 10m, 10MB, 10485760; None where it is none."""
    match = re.match(r"^(\d{1,15})\s*([a-z]*)$", text.strip().strip("\"'").lower().replace("_", ""))
    return int(match[1]) * UNITS[match[2]] if match and match[2] in UNITS else None


SITE = pages({"/": reply("<h1>Jobs</h1>")})
FRONT = f"server {{ listen {PORT}; client_max_body_size LIMIT; location / {{ proxy_pass http://127.0.0.1:9; }} }}\n"


def _stage(limit: str) -> Stage:
    return Stage(site=SITE, nginx=FRONT.replace("LIMIT", limit), environment={"MAX_UPLOAD_SIZE": str(10 * MEBIBYTE)})


AGREE = Check(
    id="cross.bodies.agree",
    requirements=("cross.bodies",),
    title="The proxy lets through what the application takes",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.CONFIGURATION,
    needs=frozenset(),
    run=_agree,
    documentation=Documentation(
        what="client_max_body_size is at least the application's own limit, and both at least what the line promises.",
        why="nginx refuses beyond 1 MB where nothing is said: an upload that the application would take fails with a "
        "page that nobody wrote.",
        how_verified="nginx' server blocks for this service; variables (MAX_UPLOAD_SIZE, BODY_LIMIT), settings of "
        "Django and Flask, limits of express, fastify and multer in the team's code.",
        how_to_mend="State the limit once, and set the proxy's a little above.",
        not_applicable_when="Never; what is not seen makes it unknown.",
    ),
    fixtures=twins("cross.bodies", must_fail=_stage("1m"), mended=_stage("12m")),
)

CHECKS = (AGREE,)
