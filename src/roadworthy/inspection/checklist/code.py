"""Code blocks that are requirements: variables, SQL, directives, commands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markdown_it.token import Token

from roadworthy.inspection.model import Form, Item

BLOCK_LIMIT_LINES = 400
LINE_LIMIT_CHARACTERS = 500
_ENV_LINE = re.compile(
    r"^(?:[-*] \[[ xX]\] )?(?:export )?[A-Z][A-Z0-9_]{2,}\s?=\s?\S.*$|^(?:export )?[A-Z][A-Z0-9_]{2,}=$"
)
_NGINX_LINE = re.compile(r"^[a-z_]+\s+[^;{}=]*[;{]\s*(?:#.*)?$|^\}$")
_SQL_LINE = re.compile(
    r"^(?:create|alter|grant|revoke|select|insert|update|delete|drop|vacuum|analyze|show|set)\s", re.IGNORECASE
)
_LANGUAGES = {
    "env": "env", "dotenv": "env", "ini": "env", "properties": "env", "toml": "env", "conf": "nginx", "nginx": "nginx",
    "sql": "sql", "postgresql": "sql", "pgsql": "sql", "psql": "sql", "bash": "shell", "sh": "shell", "shell": "shell",
    "console": "shell", "zsh": "shell", "powershell": "shell", "python": "python", "py": "python",
}  # fmt: skip
_COMMENTS = {"env": "#", "shell": "#", "nginx": "#", "python": "#", "sql": "--"}
_PROMPT = re.compile(r"^(?:[$>#]\s+|sudo\s+(?:-u \S+ )?)+")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str
    above: tuple[str, ...]


def read(token: Token, section: tuple[str, ...], context: tuple[str, ...]) -> list[Item]:
    """An item for each line of the block that may ask for something; none is firm."""
    first = (token.map or [0])[0] + (2 if token.type == "fence" else 1)
    lines = [line.rstrip() for line in token.content.split("\n")][:BLOCK_LIMIT_LINES]
    language = _language(token.info.strip().split(" ")[0].lower() if token.info.strip() else "", lines)
    return [
        Item(
            line=line.number,
            end_line=line.number,
            section=section,
            context=(*context, *line.above),
            text=line.text,
            form=Form.CODE,
            language=_line_language(language, line.text),
            firm=False,
        )
        for line in _lines(lines, first, language)
    ]


def _language(info: str, lines: Sequence[str]) -> str:
    """What the block is written in: as it says, or as its lines look."""
    meant = _LANGUAGES.get(info, info)
    if meant not in {"", "text", "txt", "plaintext", "shell", "yaml", "ini"}:
        return meant
    telling = [line.strip() for line in lines if line.strip() and not line.strip().startswith(("#", "--"))]
    guesses = (("env", _ENV_LINE), ("sql", _SQL_LINE), ("nginx", _NGINX_LINE))
    for language, pattern in guesses[:1] if meant == "shell" else guesses:
        if telling and sum(bool(pattern.match(line)) for line in telling) >= 0.6 * len(telling):
            return language
    return meant or "shell"


def _line_language(language: str, text: str) -> str:
    """A shell block holds variables and SQL as well ("sudo -u postgres psql", then statements)."""
    if language in {"shell", "python"} and re.match(r"^[A-Z][A-Z0-9_]{2,}=\S", text):
        return "env"
    if language != "shell":
        return language
    return "env" if _ENV_LINE.match(text) else "sql" if _SQL_LINE.match(text) and text.endswith(";") else language


def _lines(lines: Sequence[str], first: int, language: str) -> Iterator[_Line]:
    mark = _COMMENTS.get(language, "#")
    comment, pending, start = "", "", 0
    open_blocks: list[str] = []
    for offset, raw in enumerate(lines):
        text = raw.strip()
        if language == "nginx":
            open_blocks = _blocks(open_blocks, text)
        if not text:
            comment = ""
        elif text.startswith(mark):
            comment = text.lstrip(mark + "#- ").strip()
        elif text.endswith("\\") and language == "shell":
            start = start if pending else first + offset
            pending += text[:-1]
        elif len(text) <= LINE_LIMIT_CHARACTERS:
            above = tuple(part for part in (*open_blocks, comment) if part and part != text.rstrip(" {"))
            yield _Line(start if pending else first + offset, _bare(pending + text, language), above)
            pending = ""


def _blocks(opened: list[str], text: str) -> list[str]:
    """The blocks that are open after `text`: `server`, `location /uploads`."""
    if text.split("#", maxsplit=1)[0].rstrip().endswith("{"):
        return [*opened, text.split("#", maxsplit=1)[0].rstrip(" {")]
    return opened[:-1] if text.startswith("}") else opened


def _bare(text: str, language: str) -> str:
    text = re.sub(r"^[-*] \[[ xX]\] ", "", text)
    if language in {"shell", "sql"}:
        text = _PROMPT.sub("", text)
    return text.removeprefix("export ") if language in {"shell", "env"} else text
