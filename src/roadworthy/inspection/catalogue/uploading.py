"""Uploads: the wrong kind and too large are refused, large ones are streamed; tried with a flow that uploads."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from roadworthy.contracts.checks import Evidence, Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.flows import undescribed
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.flows import FlowsProbe, Trodden, multipart
from roadworthy.inspection.probes.http import HttpProbe
from roadworthy.inspection.probes.repo import Match
from roadworthy.inspection.probes.sessions import CONTENT_LIMIT_BYTES, Visit, visit
from roadworthy.inspection.scenario import Flow, Step, Upload

REFUSED = frozenset({400, 403, 406, 409, 411, 413, 415, 422})
TOO_LARGE = 413
DEFAULT_BYTES = 10 * 1024 * 1024
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-" + b"ANTIVIRUS-TEST-FILE!$H+H*"
PROGRAM = b"\x7fELF\x02\x01\x01" + bytes(57)
SCRIPT = b"#!/bin/sh\nexit 1\n"
ABOUT_SCAN = re.compile(r"\b(?:scan|virus|malware|antivirus|clamav|content)", re.IGNORECASE)
TAKES = re.compile(
    r"UploadFile\b|UploadedFile|request\.(?:files|FILES|stream)\b|\bupload(?:ed)?(?:_?file)?\.(?:read|chunks|stream|file)\b"
    r"|multer|formidable|busboy|FormFile\(|MultipartReader|has_(?:one|many)_attached|params\[:?\w*file|@fastify/multipart"
)
"""What only code says that is handed files over HTTP."""
WHOLE = {
    "python": re.compile(
        r"(?:await\s+)?\b(?:file|upload|uploaded_file|uploadfile|document)\w*\.(?:file\.)?read\(\s*\)"
        r"|\brequest\.(?:get_data\(|data\b|body\b\s*\))|await request\.body\(\)"
    ),
    "javascript": re.compile(
        r"\bmemoryStorage\(|\bmulter\(\s{0,9}(?:\)|\{(?![^}]{0,300}\b(?:dest|storage)\b))|\.toBuffer\(\s*\)|\bfile\.buffer\b"
        r"|await\s+\w*file\w*\.arrayBuffer\("
    ),
    "go": re.compile(r"\b(?:io|ioutil)\.ReadAll\((?:file|f|r\.Body|req\.Body|part)\b"),
    "ruby": re.compile(r"params\[:?\w*file\w*\]\.(?:read|tempfile\.read)\b|\bfile\.read\b"),
}
STREAMED = {
    "python": re.compile(
        r"\.chunks\("
        r"|\b(?:\w*file|upload\w*|part|stream|body)\.(?:file\.)?read\(\s*[\w.* <]*(?:CHUNK|SIZE|BYTES|chunk|\d{3,})"
        r"|copyfileobj\(|request\.stream\("
        r"|async for \w+ in (?:request|file|upload)|MultipartUpload|upload_fileobj|create_multipart_upload"
    ),
    "javascript": re.compile(
        r"multer\.diskStorage\(|\bbusboy\b|\bformidable\b|\.pipe\(|pipeline\(|createMultipartUpload|@uppy/tus"
        r"|tus-(?:js|node)|\bmulter\(\{[^}]{0,300}\bdest\b|\bmulter-?[sS]3\b"
    ),
    "go": re.compile(r"\bio\.Copy(?:N|Buffer)?\(|MultipartReader\(|http\.MaxBytesReader"),
    "ruby": re.compile(r"direct_upload|has_(?:one|many)_attached|IO\.copy_stream|Shrine|multipart_upload"),
}


READ_WHOLE = {
    "python": re.compile(r"(?<!\))\.read\(\s{0,9}\)"),
    "javascript": re.compile(r"\.buffer\b|readFileSync\("),
    "ruby": re.compile(r"\.read\b(?!\()"),
}
"""Whose it is that is read whole, words don't tell: `f.read()`."""


@dataclass(frozen=True, slots=True)
class Uploading:
    """A flow with its step that sends a file."""

    flow: Flow
    step: Step


def uploading(flows: FlowsProbe | None) -> Uploading | None:
    """The first step of any flow that sends a file."""
    for flow in flows.flows if flows else ():
        step = next((one for one in flow.steps if one.file is not None), None)
        if step:
            return Uploading(flow, step)
    return None


async def _validated(probes: Probes, requirement: Requirement) -> Verdict:
    http, flows = offered(probes.http, "http"), probes.flows
    found = uploading(flows)
    if found is None or flows is None:
        return await undescribed(probes, "File upload", ['an upload (file = {path = "sample.pdf"})'])
    walk = await flows.walk(found.flow)
    good = next((one for one in walk.trodden if one.step is found.step), None)
    if good is None or good.problem:
        raise Unobservable(
            f"{found.flow.name}: {walk.problem}: what refuses everything refuses bad files too", "mend the flow"
        )
    answers = await _offered(http, flows, found, good, _bad_files(found.step, requirement))
    evidence = observe(
        f"{found.step.path}, a good file: {good.status}",
        listed([f"{what}: {status or 'cut off'}" for what, status in answers.items()]),
        http.vantage,
    )
    return _refusing(found.step.path, answers, evidence)


def _bad_files(step: Step, requirement: Requirement) -> Mapping[str, tuple[str, str, bytes]]:
    """What a service should refuse: name, type and content by what it is."""
    limit = int(requirement.number("bytes", DEFAULT_BYTES))
    files = {
        "a program under the allowed name and type": (_name(step), _type(step), PROGRAM),
        "a shell script": ("probe.sh", "application/x-sh", SCRIPT),
    }
    if limit < CONTENT_LIMIT_BYTES - 4096:
        files["a file over the limit"] = (_name(step), _type(step), _start(step) + b"\0" * limit)
    if ABOUT_SCAN.search(requirement.text("subject")):
        files["the EICAR test virus"] = (_name(step), _type(step), _start(step) + EICAR)
    return files


async def _offered(
    http: HttpProbe, flows: FlowsProbe, found: Uploading, good: Trodden, files: Mapping[str, tuple[str, str, bytes]]
) -> Mapping[str, int]:
    """The status of each file, sent by one visitor who has taken the steps before."""
    answers: dict[str, int] = {}
    async with visit(http, apart=True) as visitor:
        known = flows.fresh()
        for step in found.flow.steps[: found.flow.steps.index(found.step)]:
            await flows.tread(visitor, step, known)
        for what, file in files.items():
            answers[what] = await _send(visitor, found.step, good, known, file)
    return answers


def _refusing(path: str, answers: Mapping[str, int], evidence: Evidence) -> Verdict:
    taken = [what for what, status in answers.items() if 0 < status < 400]  # noqa: PLR2004 - taken
    if taken:
        mend = "look at the first bytes, cap the size, refuse the rest with 4xx"
        return failed(f"{path} takes {taken[0]}", evidence, mend=mend)
    broken = [what for what, status in answers.items() if status >= 500]  # noqa: PLR2004 - the server's own errors
    if broken:
        return failed(f"{path} breaks on {broken[0]}", evidence, mend="refuse it with 415 or 422")
    if not all(status in REFUSED or status == 0 for status in answers.values()):
        return unknown(f"refused by {listed(sorted(set(answers.values())))}: not for what they are", evidence)
    return passed(f"a good file is taken; {listed(answers)} are refused", evidence)


async def _send(visitor: Visit, step: Step, good: Trodden, known: dict[str, str], file: tuple[str, str, bytes]) -> int:
    """The status; 0 where the connection was closed on the way, as servers do with what is too large."""
    name, kind, content = file
    kept = {key: value for key, value in good.sent_headers.items() if key not in {"content-type", "content-length"}}
    if step.bearer and "{" in step.bearer:  # this visit signed in for itself
        token = re.sub(r"\{(\w+)\}", lambda match: known.get(match[1], ""), step.bearer)
        kept["authorization"] = f"Bearer {token}"
    headers, body = multipart(kept, step.file.field if step.file else "file", name, kind, content)
    try:
        return (await visitor.send(step.method, good.sent_path, headers=headers, content=body)).status
    except Unobservable:
        return 0


def _name(step: Step) -> str:
    return step.file.path.name if step.file else "probe"


def _type(step: Step) -> str:
    return step.file.type if step.file else "application/octet-stream"


def _start(step: Step) -> bytes:
    """How the good file begins, so that only what is wrong with the probe is wrong."""
    try:
        with step.file.path.open("rb") as file:  # type: ignore[union-attr]  # a step of `uploading` has one
            return file.read(512)
    except OSError:
        return b""


async def _streamed(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    repo = offered(probes.repo, "repo")
    code = await repo.facts(sources.code)
    whole, parts, doubtful = [
        await asyncio.to_thread(_places, code, patterns) for patterns in (WHOLE, STREAMED, READ_WHOLE)
    ]
    evidence = observe(
        "how uploads are read",
        f"{counted(len(code), 'file')}; whole: {sources.quoted(whole)}; in parts: {sources.quoted(parts)}",
        repo.vantage,
    )
    if whole:
        return failed(
            f"{whole[0].path}:{whole[0].line} holds a whole upload in memory",
            evidence,
            mend="read and write it in parts of a megabyte, with a limit",
        )
    if doubtful:
        return unknown(
            f"{doubtful[0].path}:{doubtful[0].line} reads something whole where uploads are taken", evidence,
            mend="read uploads in parts, or keep what else is read in a module of its own",
        )  # fmt: skip
    if not parts:
        raise Unobservable(
            f"no place that takes an upload was recognised in {counted(len(code), 'file')}", '[repository] path = "."'
        )
    return passed(f"{parts[0].path}:{parts[0].line} takes uploads in parts", evidence)


def _places(code: Sequence[sources.Source], patterns: Mapping[str, re.Pattern[str]]) -> list[Match]:
    """Where files that take uploads match."""
    speaking = [one for one in code if TAKES.search(one.text) and TAKES.search(one.bare)]
    return [
        place for one in speaking if one.language in patterns for place in one.places(patterns[one.language], bare=True)
    ]


_OWN_TEXT = Path(__file__)
"""The fixture uploads this very file: text that begins as no script does."""
UPLOAD = Flow("File upload", [Step(post="/api/files", file=Upload(_OWN_TEXT, "file", "text/plain"), expect=201)])


def _site(*, looks: bool) -> Site:
    def made() -> Handler:
        def answer(asked: Asked) -> Reply:
            if asked.path != "/api/files" or asked.method != "POST":
                return reply({"title": "not found"}, 404)
            content = asked.body.partition(b"\r\n\r\n")[2].rpartition(b"\r\n--")[0]
            plain = content.startswith(b'"""Uploads') and EICAR not in content
            good = plain and len(content) < DEFAULT_BYTES
            return reply({"id": 1}, 201) if good or not looks else reply({"title": "not taken"}, 415)

        return answer

    return made


_READS = "async def take(upload):\n    data = await upload.read({})\n    return len(data)\n"
CHECKS = (
    check(
        "upload.validate",
        "tried",
        "Uploads are checked",
        _validated,
        Documentation(
            what="The upload that a flow makes takes a good file and refuses a program under its name and type, a "
            "script, and one over the limit; for a line about scanning the EICAR test virus too.",
            why="What is stored unlooked at is served to the next reader.",
            how_verified="Walks the flow of target.toml that sends a file, then sends the bad ones in its place, on "
            "a visit of its own. A limit over 12 MB is not tried.",
            how_to_mend="Look at the first bytes, cap the size while reading, scan; refuse with 413, 415 or 422.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        must_fail=Stage(site=_site(looks=False), flows=[UPLOAD]),
        mended=Stage(site=_site(looks=True), flows=[UPLOAD]),
        provokes=True,
        seconds=90.0,
    ),
    check(
        "upload.chunk",
        "code",
        "Large uploads are read in parts",
        _streamed,
        Documentation(
            what="No place in the code that takes uploads reads a whole one into memory, and one is seen to read "
            "in parts.",
            why="Ten people with a gigabyte each end the process.",
            how_verified="Reads the production code that speaks of uploads: read() without a size, memoryStorage, "
            "ReadAll against chunks(), streams, pipes and direct uploads.",
            how_to_mend="read(1 << 20) in a loop, chunks(), busboy or diskStorage, io.Copy, or a direct upload to "
            "the object store.",
            not_applicable_when="Never.",
        ),
        severity=Severity.MEDIUM,
        needs=("repo",),
        strength=Strength.FILE,
        must_fail=Stage(repo={"app/files.py": _READS.format("")}),
        mended=Stage(repo={"app/files.py": _READS.format("CHUNK_BYTES")}),
    ),
)
