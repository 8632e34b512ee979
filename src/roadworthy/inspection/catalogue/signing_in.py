"""Passwords and those who guess them: tried with the registration and the sign-in that flows of the target describe."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from roadworthy.contracts.checks import Severity, Verdict
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.catalogue.declaring import check
from roadworthy.inspection.catalogue.flows import undescribed
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.servers import Database
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, Site, reply
from roadworthy.inspection.model import Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes.flows import FlowsProbe
from roadworthy.inspection.probes.postgres import PostgresProbe
from roadworthy.inspection.probes.sessions import visit
from roadworthy.inspection.scenario import Flow, Step

PASSWORD_KEYS = re.compile(
    r"^(?:.*\[)?(?:new_?)?pass(?:word|wd|phrase)?(?:_?(?:confirm\w*|again|repeat|1|2))?\]?$|^password_?confirm\w*$",
    re.IGNORECASE,
)
WHO_KEYS = re.compile(r"^(?:.*\[)?(?:e-?mail|user_?name|user|login|identifier)\]?$", re.IGNORECASE)
WEAK = ("123456", "password", "aaaaaaaa", "1")
REFUSED = frozenset({400, 406, 409, 422})
STOPPED = frozenset({423, 429})
GUESSES, GUESSES_MAX = 10, 25
LOCKED = re.compile(r"\block(?:ed|out)\b|too many|temporarily|try again (?:in|later)|throttl|blocked", re.IGNORECASE)
HASHES = re.compile(
    r"^(?:\$argon2|\$2[abxy]\$|\$scrypt|scrypt[:$]|\$pbkdf2|pbkdf2[_:$]|\$y\$|\$7\$|argon2\$|bcrypt(?:_sha256)?\$)"
)
COLUMNS = """
select table_schema, table_name, column_name from information_schema.columns
where table_schema not in ('pg_catalog', 'information_schema') and data_type in ('text', 'character varying')
and column_name ~* '^(hashed_?)?(password|passwd|pass)(_?(hash|digest))?$|^encrypted_password$'
order by 1, 2, 3 limit 8
"""
LIBRARIES: Mapping[str, str] = {
    **dict.fromkeys(("argon2-cffi", "argon2", "passlib", "pwdlib"), "argon2"),
    **dict.fromkeys(("bcrypt", "bcryptjs", "devise", "flask-bcrypt", "golang-org/x/crypto"), "bcrypt"),
    **dict.fromkeys(("django", "fastapi-users", "werkzeug"), "its framework's hashes"),
}
_WEAK_HASH = re.compile(
    r"(?:md5|sha1|sha256|sha512)\([^)\n]*passw|createHash\([\"'](?:md5|sha1|sha256)[\"']\)[^\n]*passw", re.IGNORECASE
)
_ABOUT_HASH = re.compile(r"hash|bcrypt|argon|scrypt|pbkdf|salt|stor(?:ed|age)|encrypt|plain", re.IGNORECASE)
_ABOUT_STRENGTH = re.compile(r"strength|strong|weak|polic|complex|length|minimum|requirement", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A flow with its registration step, its sign-in step, or both."""

    flow: Flow
    register: Step | None
    login: Step | None


def entry(flows: FlowsProbe | None, *, registers: bool) -> Entry | None:
    """The first flow that registers somebody (or else signs in) with a password."""
    for flow in flows.flows if flows else ():
        steps = [step for step in flow.steps if step.method == "POST" and any(map(PASSWORD_KEYS.match, _sent(step)))]
        register = next((one for one in steps if re.search(r"regist|sign-?up|/users?$|/accounts?$", one.path)), None)
        login = next((one for one in steps if one is not register), None)
        if register if registers else login:
            return Entry(flow, register, login)
    return None


def _sent(step: Step) -> Mapping[str, object]:
    if isinstance(step.json, dict):
        inner = [value for value in step.json.values() if isinstance(value, dict)]
        return {**step.json, **{key: value for one in inner for key, value in one.items()}}
    return step.form or {}


def changed(step: Step, keys: re.Pattern[str], value: str) -> Step:
    """The step with every field whose name matches set to `value`; any status is taken."""

    def told(body: object) -> object:
        if not isinstance(body, dict):
            return body
        return {
            name: told(one) if isinstance(one, dict) else value if keys.match(name) else one
            for name, one in body.items()
        }

    fields = {
        "json": told(step.json),
        "form": told(step.form),
        "expect": list(range(200, 600)),
        "contains": "",
        "save": {},
    }
    return msgspec.structs.replace(step, **fields)


async def _weak(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if _ABOUT_HASH.search(subject + requirement.text("algorithm")) and not _ABOUT_STRENGTH.search(subject):
        raise Unobservable("the line is about how passwords are kept", "offer the database or the repository")
    http, flows = offered(probes.http, "http"), probes.flows
    found = entry(flows, registers=True)
    if found is None or found.register is None or flows is None:
        return await undescribed(probes, "User registration", ["registration with a password"])
    walk = await flows.walk(found.flow)
    if next((one for one in walk.trodden if one.step is found.register and not one.problem), None) is None:
        raise Unobservable(
            f"{found.flow.name}: {walk.problem}: what refuses everybody refuses weak passwords too", "mend the flow"
        )
    length = int(requirement.number("min_length", 0))
    tried: dict[str, int] = {}
    async with visit(http, apart=True) as stranger:
        for password in (*WEAK, *([("aB3-" * 20)[: length - 1]] if length > 4 else [])):  # noqa: PLR2004 - shorter than that is in WEAK
            known = flows.fresh()
            for step in found.flow.steps[: found.flow.steps.index(found.register)]:
                await flows.tread(stranger, step, known)
            one = await flows.tread(stranger, changed(found.register, PASSWORD_KEYS, password), known)
            tried[password] = one.status
    evidence = observe(
        f"{found.register.path} with weak passwords",
        listed([f"{word}: {status}" for word, status in tried.items()]),
        http.vantage,
    )
    taken = [word for word, status in tried.items() if 200 <= status < 400]  # noqa: PLR2004 - let in or sent on
    if taken:
        return failed(
            f"{listed(map(repr, taken))} is taken as a password",
            evidence,
            mend="twelve characters or more, and none of the passwords that everybody tries first",
        )
    if not all(status in REFUSED for status in tried.values()):
        return unknown(
            f"weak passwords get {listed(sorted(set(tried.values())))}: not refused for what they are", evidence
        )
    return passed(f"{len(tried)} weak passwords are refused, a good one is taken", evidence)


async def _guessing(probes: Probes, requirement: Requirement) -> Verdict:
    http, flows = offered(probes.http, "http"), probes.flows
    found = entry(flows, registers=False)
    if found is None or found.login is None or flows is None:
        return await undescribed(probes, "Login", ["sign-in with a password"])
    count = min(GUESSES_MAX, int(requirement.number("attempts", GUESSES)) + 2)
    answers: list[int] = []
    own = found.register is not None
    async with visit(http, apart=True) as stranger:
        known = flows.fresh()
        before = found.flow.steps[: found.flow.steps.index(found.login)]
        for step in before if own else ():
            await flows.tread(stranger, step, known)
        wrong = changed(found.login, PASSWORD_KEYS, "not-the-password-7")
        # somebody's fixed account is not locked out: a made-up one is guessed at instead
        guess = wrong if own else changed(wrong, WHO_KEYS, f"nobody-{known['random']}@example.com")
        for _ in range(count):
            one = await flows.tread(stranger, guess, known)
            answers.append(one.status)
            if one.status in STOPPED or LOCKED.search(one.said):
                break
    evidence = observe(
        f"{found.login.path}, a wrong password {count} times",
        listed(map(str, answers), 30),
        http.vantage,
        basis=str(answers[-1] in STOPPED),
    )
    if 200 <= answers[0] < 300:  # noqa: PLR2004 - let in
        return failed(f"{found.login.path} takes a wrong password", evidence, mend="verify the password")
    if len(answers) < count or answers[-1] in STOPPED:
        return passed(f"guess {len(answers)} is stopped with {answers[-1]}", evidence)
    if not own:
        return unknown(
            f"{count} guesses at a made-up account were not stopped; the flow registers none of its own to try",
            evidence,
            mend="register a throwaway account in the flow",
        )
    return failed(
        f"{count} wrong passwords in a row, and nobody stops",
        evidence,
        mend="lock the account for a while, or limit sign-ins by address and account",
    )


async def _hashed(probes: Probes, requirement: Requirement) -> Verdict:
    subject = requirement.text("subject")
    if _ABOUT_STRENGTH.search(subject) and not _ABOUT_HASH.search(subject + requirement.text("algorithm")):
        raise Unobservable("the line is about which passwords are taken", "describe the registration as a flow")
    wanted = requirement.text("algorithm").lower()
    if probes.postgres is not None:
        verdict = await _in_database(probes.postgres, wanted)
        if verdict is not None:
            return verdict
    repo = offered(probes.repo, "repo")
    code = await repo.facts(sources.code)
    careless = await sources.everywhere(code, _WEAK_HASH)
    known = await repo.facts(sources.dependencies)
    brought = [f"{name} ({how})" for name, how in LIBRARIES.items() if name in known]
    evidence = observe(
        "password hashes in the code",
        f"{counted(len(code), 'file')}; libraries: {listed(brought)}; fast hashes: {sources.quoted(careless)}",
        repo.vantage,
    )
    if careless:
        return failed(
            f"{careless[0].path}:{careless[0].line} hashes a password fast", evidence, mend="argon2id or bcrypt"
        )
    return unknown(
        "how passwords are kept shows in the database",
        evidence,
        mend='[postgres] dsn = "postgresql://inspector@host/db"',
    )


async def _in_database(postgres: PostgresProbe, wanted: str) -> Verdict | None:
    """Judged by the first characters of what stands in password columns; None where nothing does."""
    seen: dict[str, list[str]] = {}
    for schema, table, column in [tuple(row.values()) for row in await postgres.rows(COLUMNS)]:
        name = f'"{schema}"."{table}"'
        query = f'select left("{column}", 12) as shown from {name} where "{column}" is not null limit 50'  # noqa: S608 - names come from the catalogue, quoted
        rows = await postgres.rows(query)
        seen[f"{schema}.{table}.{column}"] = [str(row["shown"]) for row in rows]
    values = [value for found in seen.values() for value in found]
    if not values:
        return None
    kinds = sorted({(match[0] if (match := HASHES.match(value)) else "no known hash") for value in values})
    evidence = observe(
        "first characters of password columns",
        f"{listed(seen)}: {len(values)} values, {listed(kinds)}",
        postgres.vantage,
        basis=listed(kinds),
    )
    if "no known hash" in kinds:
        return failed(
            "passwords are kept without a known slow hash",
            evidence,
            mend="argon2id or bcrypt; hash again at the next sign-in",
        )
    spelt = {"bcrypt": ("$2", "bcrypt"), "argon2": ("$argon2", "argon2"), "argon2id": ("$argon2", "argon2")}.get(
        wanted, (wanted, f"${wanted}")
    )
    if wanted and not all(kind.startswith(spelt) for kind in kinds):
        return failed(
            f"passwords are kept as {listed(kinds)}, the line says {wanted}",
            evidence,
            mend="mend the line, or hash as it says",
        )
    return passed(f"{len(values)} passwords are kept as {listed(kinds)}", evidence)


_ACCOUNT = {"email": "probe+{random}@example.test", "password": "Invented-horse-battery-7"}
SIGN_UP = Flow(
    "User registration and login", [Step(post="/api/register", json=_ACCOUNT), Step(post="/api/login", json=_ACCOUNT)]
)


LOCKED_AFTER = 5


def _site(*, picky: bool = True, patient: bool = False) -> Site:
    def made() -> Handler:
        failures = {"count": 0}

        def answer(asked: Asked) -> Reply:
            told = msgspec.json.decode(asked.body) if asked.body else {}
            if asked.path == "/api/register":
                good = not picky or len(told["password"]) >= 12  # noqa: PLR2004 - its own rule
                return reply({"id": 1}, 201) if good else reply({"title": "too weak"}, 422)
            if asked.path == "/api/login" and told.get("password") == _ACCOUNT["password"]:
                return reply({"access_token": "t"})
            if asked.path == "/api/login":
                failures["count"] += 1
                stopped = not patient and failures["count"] > LOCKED_AFTER
                return reply({"title": "too many"}, 429) if stopped else reply({"title": "no"}, 401)
            return reply({"title": "not found"}, 404)

        return answer

    return made


def _kept(value: str) -> Database:
    planted = f"insert into users values (1, '{value}')"  # noqa: S608 - a value of the fixture
    return Database(sql=["create table users (id int, password_hash text)", planted])


FLOWS: Sequence[Flow] = (SIGN_UP,)
CHECKS = (
    check(
        "auth.password",
        "weak",
        "Weak passwords are refused",
        _weak,
        Documentation(
            what="Registration refuses the passwords that everybody tries first, and takes a good one.",
            why="Lists of leaked passwords are tried against every sign-in there is.",
            how_verified="Walks the flow of target.toml that registers somebody; then registers with four weak "
            "passwords (and one a character shorter than the line says): they must bring 400 or 422.",
            how_to_mend="A minimum of twelve characters, and a list of common passwords that are refused.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        must_fail=Stage(site=_site(picky=False), flows=FLOWS),
        mended=Stage(site=_site(), flows=FLOWS),
        provokes=True,
        seconds=90.0,
    ),
    check(
        "auth.password",
        "hashed",
        "Stored passwords are hashed slowly",
        _hashed,
        Documentation(
            what="Password columns hold argon2, bcrypt, scrypt or PBKDF2 hashes, the one that the line names if "
            "it does.",
            why="A leaked table of fast hashes is a list of passwords by the next day.",
            how_verified="Looks at the first 12 characters of up to 50 values in columns called like a password. "
            "Without a database the code can fail (md5 or sha of a password), never pass.",
            how_to_mend="argon2id or bcrypt.",
            not_applicable_when="Never.",
        ),
        severity=Severity.CRITICAL,
        needs=(),
        strength=Strength.CONFIGURATION,
        params={"algorithm": "bcrypt"},
        must_fail=Stage(database=_kept("5f4dcc3b5aa765d61d8327deb882cf99")),
        mended=Stage(database=_kept("$2b$12$abcdefghijklmnopqrstuv")),
    ),
    check(
        "auth.lockout",
        "guessed",
        "Guessing passwords is stopped",
        _guessing,
        Documentation(
            what="After some wrong passwords in a row the account or the address has to wait: 423, 429, or words "
            "that say so.",
            why="Without it a script tries a million passwords in a night.",
            how_verified=f"Registers a throwaway account as the flow does and signs in with a wrong password "
            f"{GUESSES} times, or two more than the line says, at most {GUESSES_MAX}. A flow that registers nobody "
            f"has a fixed account, which is not locked out: a made-up one is tried.",
            how_to_mend="Lock for minutes after five failures, or limit sign-ins by address and account.",
            not_applicable_when="Never.",
        ),
        severity=Severity.HIGH,
        must_fail=Stage(site=_site(patient=True), flows=FLOWS),
        mended=Stage(site=_site(), flows=FLOWS),
        provokes=True,
        seconds=90.0,
    ),
)
