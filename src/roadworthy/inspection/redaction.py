"""Takes secrets out of text before it is kept, shown or written anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

MASK = "[redacted]"
COMMON_WORDS = frozenset({"password", "passwd", "postgres", "secret", "changeme", "default", "example", "username"})
"""What everybody would try first is masked where it stands as a value; by value it would eat the sentences."""
SHORTEST_SECRET = 6
"""Shorter values ("app", "5432") stand in too many innocent places to be masked by value."""

_OPENS_A_DOOR = (
    r"(?:pass(?:wd|word|phrase)?|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|signing[_-]?key"
    r"|encryption[_-]?key|credentials?|dsn|salt|jwt|session(?:id)?)"
)
_NAME = re.compile(rf"(?i)(?:^|[_\-.]){_OPENS_A_DOOR}(?:$|[_\-.0-9])|(?:{_OPENS_A_DOOR}|auth)$")
"""`redis_auth` is a secret; `auth_group` is a table."""
_SHELL_NAMES = frozenset({"PWD", "OLDPWD", "SSH_AUTH_SOCK", "XAUTHORITY"})
"""Folders and sockets: masked by value, they would tear holes into every path."""
_NOT_SECRET = re.compile(r"(?i)(expire|ttl|minutes|seconds|enabled|algorithm|length|max|min|url_path|lifetime|policy)")
# Password-carrying shapes, whoever wrote them. Each keeps what identifies the thing and drops what opens it.
_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), MASK),
    (
        re.compile(
            r"(?i)\b([a-z][a-z0-9+.\-]{1,30}://[^\s:/@'\"]{0,200}):(?!password@host\b)([^\s'\"@]{1,500}|[^\s/'\"]{1,500})@"
        ),
        rf"\1:{MASK}@",
    ),
    (re.compile(r"(?i)(https?://)[0-9a-f]{32}(?::[0-9a-f]{32})?@"), rf"\1{MASK}@"),
    (
        re.compile(
            r"(?i)([?&](?:sig|signature|key|code|sas|[\w-]*token|api[_-]?key|auth|secret|pass\w*)=)[^&\s\"'`<>]{1,500}"
        ),
        rf"\1{MASK}",
    ),
    (
        re.compile(
            r"(hooks\.slack\.com/(?:services|workflows)/|discord(?:app)?\.com/api/webhooks/\d+/|hc-ping\.com/"
            r"|api\.telegram\.org/bot)[\w/:.-]+"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)((?:account|shared ?access)key=)[A-Za-z0-9+/=]{8,}"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\bcurl\b[^\n|;]{0,200}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"']{1,80}:)[^\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\b(?:mysql\w*|mariadb[\w-]*)\b[^\n|;]{0,200}?\s-p)(?!ort)[^\s\"']+"), rf"\1{MASK}"),
    (re.compile(r"(?i)(\bmachine\s+\S{1,200}\s+login\s+\S{1,200}\s+password\s+)\S+"), rf"\1{MASK}"),
    (
        re.compile(
            r"\b(?:whsec_[A-Za-z0-9+/=]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_[A-Za-z0-9]{30,}|pypi-AgE[\w-]{20,})"
        ),
        MASK,
    ),
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization[\"']?\s*[:=]\s*[\"']?(?:[a-z]{3,12}\s+)?)[^\s\"',;]{4,}"),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=\-]{8,}"), rf"\1 {MASK}"),
    (re.compile(r"(?i)\b((?:set-)?cookie[\"']?\s*[:=]\s*[\"']?[^=;\s]{1,80}=)[^;\s\"']+"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)(?<!\S)(--?[\w\-]*(?:pass|pwd|token|secret)[\w\-]*[ =])(?:\"[^\"\n]*\"|'[^'\n]*'|[^\s\[-]\S*)"
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"(?i)\b(password|identified by)\s+'[^'\n]{1,200}'"), rf"\1 '{MASK}'"),
    (re.compile(r"\beyJ[A-Za-z0-9_\-]{5,}\.[A-Za-z0-9_\-]{5,}\.?[A-Za-z0-9_\-]*"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w\-]{16,})"), MASK),
    (re.compile(r"\b(?:sk|pk|rk)[_\-](?:live|test|proj|ant)?[_\-]?[A-Za-z0-9_\-]{16,}"), MASK),
    (re.compile(r"\bxox[abprs]-[A-Za-z0-9\-]{10,}"), MASK),
    (re.compile(r"\bAIza[0-9A-Za-z_\-]{30,}"), MASK),
    (re.compile(r"\$(?:2[aby]|argon2(?:id?|d)|scrypt|pbkdf2[\w\-]*|[156y])\$[^\s\"']{8,}"), MASK),
)
_SECRET_OPTION = re.compile(r"(?i)^--?[\w\-]*(?:pass|pwd|token|secret|credential|api-?key|private-?key)[\w\-]*(=?)")
_OPEN_ADDRESS = re.compile(
    r"(?:postgres(?:ql)?|mysql|mongodb|rediss?|amqps?)://(?:[\w.\-]{1,80}@)?[\w.\-]{1,200}(?::\d+)?(?:/[\w.\-]*)?"
)
"""An address without a password, in a `DSN = ...`, opens no door; what to write into target.toml is one."""
_PLAIN = re.compile(r"(?i)true|false|none|null|nil|\d{1,4}")
"""A switch or a small number: what SESSION_COOKIE_SECURE is set to opens nothing, and readers must see it."""
_LITERAL = re.compile(r"\"[^\"\n]{3,}(?:\"|$)|'[^'\n]{3,}(?:'|$)|`[^`\n]{3,}(?:`|$)")
_QUOTED = re.compile(r"\"[^\"\n]{3,}\"|'[^'\n]{3,}'")
_ADDRESS = re.compile(r"\b([a-z][a-z0-9+.\-]{1,30}://)(?:[^\s/@]{1,300}@)?([\w.\-]{1,200}(?::\d{1,5})?)/[^\s\"']+")
_RANDOM = re.compile(r"(?<![\w./-])(?=[a-zA-Z_-]{0,100}\d)(?=[\d_-]{0,100}[a-zA-Z])[\w-]{12,}(?![\w./])")
"""A word of letters and digits that is no path: what people call things has hardly a dozen of them."""
_OPENINGS = frozenset({"[", "{", "(", "[{"})
"""What follows is a list or an object, and is looked at by itself."""
_EXAMPLE = "postgresql://user:password@host:5432/name"
"""What is proposed to be written: the words to put one's own in place of."""
_ASSIGNMENT = re.compile(
    r"""(?P<head>(?P<name>[A-Za-z][A-Za-z0-9_.\-]{1,80})["']?\s*(?:=|:(?!\s*[\w.\-]+\s*[=:]))\s*)"""
    r"""(?!\#)(?P<value>\([^()\n]{0,300}\)|"[^"\n]*"|'[^'\n]*'|[^\s,;&"']+)"""
)


def is_secret_name(name: str) -> bool:
    """Whether a variable, header or key of this name carries a secret: `SMTP_PASSWORD`, `apiKey`; not `TOKEN_TTL`."""
    if name in _SHELL_NAMES:
        return False
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return bool(_NAME.search(snake)) and not _NOT_SECRET.search(snake)


def redact_command(argv: Sequence[str], secrets: Iterable[str] = ()) -> str:
    """A command line in one string, with the values of `--password`, `--api-token` and their like masked whole."""
    words: list[str] = []
    follows = False
    for word in argv:
        option = _SECRET_OPTION.match(word)
        if follows and not word.startswith("--"):
            words.append(MASK)
        else:
            words.append(option[0] + MASK if option and option[1] else word)
        follows = bool(option and not option[1]) and not (follows and words[-1] == MASK)
    return redact(" ".join(words), secrets)


def unsaid(code: str) -> str:
    """A line of code without what its strings say: `get("...")`. Its arguments may open a door."""
    return redact(_LITERAL.sub(lambda found: f"{found[0][0]}...{found[0][0]}", code))


def outline(command: str) -> str:
    """A command line by its programs, options and places: no quoted words, no paths of addresses, no random words."""
    bare = _ADDRESS.sub(r"\1\2/...", _QUOTED.sub('"..."', redact(command)))
    return _RANDOM.sub(MASK, bare)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """`text` without anything that opens a door: known `secrets` by value, all others by shape and by name."""
    for secret in sorted(
        {value for value in secrets if len(value) >= SHORTEST_SECRET and value.lower() not in COMMON_WORDS},
        key=len,
        reverse=True,
    ):
        text = text.replace(secret, MASK)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return _ASSIGNMENT.sub(_mask_assignment, text)


def _mask_assignment(match: re.Match[str]) -> str:
    value = match["value"].strip("\"'")
    if not is_secret_name(match["name"]) or not value or value.startswith(("[redacted", "<", "${")):
        return match[0]
    if _OPEN_ADDRESS.fullmatch(value) or _PLAIN.fullmatch(value) or value in _OPENINGS or value == _EXAMPLE:
        return match[0]
    return match["head"] + MASK
