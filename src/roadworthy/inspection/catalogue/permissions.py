"""Who may do what, and which version of the API says so."""

from __future__ import annotations

import re

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import openapi, wording
from roadworthy.inspection.catalogue.contract import OK, OPERATIONS_LIMIT, declared, documented
from roadworthy.inspection.catalogue.flows import quoted, undescribed
from roadworthy.inspection.catalogue.kit import failed, listed, observe, offered, passed
from roadworthy.inspection.fixtures.items import items
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.model import Documentation, Probes, Requirement
from roadworthy.inspection.scenario import Flow, Step

VERSIONED = re.compile(r"/v\d+(?:\.\d+)?(?:/|$)")
ROLES = re.compile(
    r"\brbac\b|\broles?\b|\bpermissions?\b|\bauthori[sz]\w+|\baccess\b|\brls\b|\bpolic(?:y|ies)\b", re.IGNORECASE
)
_GENERIC_ROLES = frozenset(
    {
        "role",
        "roles",
        "based",
        "access",
        "control",
        "rbac",
        "permission",
        "permissions",
        "rls",
        "policies",
        "policy",
        "enforced",
        "level",
        "used",
        "resource",
        "proper",
    }
)


IN_PATHS = re.compile(r"\b(?:ur[li]s?|paths?|routes?|prefix\w*)\b|/v\d", re.IGNORECASE)


async def _versions(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    known = [one for one in await documented(http) if not re.search(r"^/$|/(?:auth|login|token|oauth)", one.path)]
    told = [one for one in known if VERSIONED.search(one.path)]
    readable = next((one.path for one in (told or known) if one.method == "GET" and one.plain), "")
    answer = await http.get(readable, headers={"accept": "application/json"}) if readable else None
    header = next((name for name in answer.headers if re.fullmatch(r"(?:x-)?api-version", name)), "") if answer else ""
    evidence = observe(
        "documented paths", f"{len(told)} of {len(known)} carry a version; header: {header or 'none'}", http.vantage
    )
    if IN_PATHS.search(requirement.text("subject")):
        header = ""  # the line says where
    if len(told) == len(known) or header:
        return passed(f"{header or told[0].path} tells the version; {len(known)} operations looked at", evidence)
    plain = [one.path for one in known if one not in told]
    words = f"{len(plain)} of {len(known)} documented operations carry no version: {listed(dict.fromkeys(plain), 3)}"
    return failed(words, evidence, mend="put /v1 before the paths, or send api-version")


async def _roles(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    known = [one for one in await openapi.operations(http) if one.secured and one.method == "GET" and one.plain]
    answers = [
        await http.get(one.path, headers={"accept": "application/json"}, follow=False)
        for one in known[:OPERATIONS_LIMIT]
    ]
    told = listed([f"{one.path}: {one.status}" for one in answers])
    evidence = [observe("operations documented as secured, asked by a stranger", told, http.vantage)]
    open_ones = [one.path for one in answers if one.status == OK]
    if open_ones:
        return failed(
            f"{open_ones[0]} answers a stranger, and is documented as secured",
            *evidence,
            mend="check the role where the request comes in",
        )
    subject = requirement.text("subject") or "Role-based access control"
    flows = [flow for flow in (probes.flows.flows if probes.flows else ()) if any(map(ROLES.search, flow.phrases))]
    walks = [await probes.flows.walk(flow) for flow in flows] if probes.flows else []
    evidence += [quoted(walk, http.vantage) for walk in walks]
    broken = next((walk for walk in walks if walk.problem), None)
    if broken:
        return failed(
            f"{broken.flow.name}: {broken.problem}", *evidence, mend="check the role where the request comes in"
        )
    wanted = [word for word in wording.significant(re.sub(r"[()/,]", " ", subject)) if word not in _GENERIC_ROLES]
    spoken = [
        phrase for flow in flows for phrase in (*flow.phrases, *(name for step in flow.steps for name in step.save))
    ]
    unnamed = [
        word for word in wanted if not any(word in wording.significant(phrase.replace("_", " ")) for phrase in spoken)
    ]
    if not any(_told_apart(flow) for flow in flows) or unnamed:
        what = unnamed or ["a role that is refused (expect = 403) what another is given"]
        return await undescribed(probes, subject, what, evidence)
    return passed(f"{listed(flow.name for flow in flows)}: what one role is given, another is refused", *evidence)


def _told_apart(flow: Flow) -> bool:
    """Whether the flow sees one request refused with credentials, and given with others."""
    refused = {(one.method, one.path, _credentials(one)) for one in flow.steps if one.refuses and _credentials(one)}
    given = {(one.method, one.path, _credentials(one)) for one in flow.steps if not one.refuses and _credentials(one)}
    return any((a, b) == (c, d) and x != y for a, b, x in refused for c, d, y in given)


def _credentials(step: Step) -> str:
    return step.bearer or next(
        (value for name, value in step.headers.items() if name.lower() in {"authorization", "cookie", "x-api-key"}), ""
    )


ROLE_FLOW = Flow(
    "Access control by roles",
    [Step(get="/api/items", bearer="user", expect=403), Step(get="/api/items", bearer="admin", expect=200)],
)
CHECKS = (
    declared(
        "ver.api",
        "told",
        "The API tells its version",
        _versions,
        Severity.LOW,
        Documentation(
            what="Every documented path carries a version, or answers carry an api-version header.",
            why="Without one a change breaks every client on the same day.",
            how_verified="Reads the paths of the OpenAPI document and the headers of one answer.",
            how_to_mend="Put /v1 before the paths.",
            not_applicable_when="Never.",
        ),
        (Stage(site=items()), Stage(site=items("/api/v1"))),
    ),
    declared(
        "sec.rbac",
        "walked",
        "What one role may, another may not",
        _roles,
        Severity.CRITICAL,
        Documentation(
            what="Operations documented as secured refuse strangers, and a flow of target.toml sees the same request "
            "given to one role and refused to another.",
            why="A role that is only hidden in the menu is no role.",
            how_verified=f"Asks up to {OPERATIONS_LIMIT} secured operations without credentials; walks the flows "
            f"whose name or matches speak of roles, access or permissions. Roles that the line names must be named by "
            f"a flow.",
            how_to_mend="Check the role on the server, for every operation.",
            not_applicable_when="Never.",
        ),
        (
            Stage(site=items(secured=True, guarded=False), flows=[ROLE_FLOW]),
            Stage(site=items(secured=True), flows=[ROLE_FLOW]),
        ),
    ),
)
