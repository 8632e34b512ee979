"""What migrations of Alembic, Django and Rails lock: read from the calls that they make, newest first."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from roadworthy.inspection.probes import syntax
from roadworthy.inspection.probes.repo import RepoProbe, keyword

NEWEST = 20
"""What ran years ago locks nothing any more: so many of each tool's newest are read."""
INDEX = "an index is made without CONCURRENTLY"
NOT_NULL = "a column is added NOT NULL without a default"
SET_NOT_NULL = "a column is set NOT NULL"
TYPE = "a column changes its type"
CHECKED = "a constraint is checked on all rows at once (no NOT VALID)"
RENAMED = "something is renamed"
DROPPED = "a column that running code may read is dropped"
_PYTHON = ("*/versions/*.py", "versions/*.py")
_DJANGO = ("*/migrations/0*.py", "migrations/0*.py")
_RAILS = ("db/migrate/*.rb", "*/db/migrate/*.rb")
_RUBY_LINE = re.compile(r"^[ \t]*(?:t\.)?(\w+)[ (]+:?[\"']?(\w+)[\"']?(.*)$")
_BACKWARDS = re.compile(r"^[ \t]*(?:def (?:self\.)?down\b|dir\.down\b)")
_SQL = re.compile(r"[\"'](\s*(?:create|alter|drop|set)\b[^\"']{3,5000})[\"']|<<[~-]?SQL\s*\n(.*?)^\s*SQL\s*$",
                  re.IGNORECASE | re.MULTILINE | re.DOTALL)  # fmt: skip
_LIMIT = re.compile(r"lock_timeout", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """What was read: `problems` with their files, statements in SQL for others to judge, and what can't be told."""

    files: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    sql: tuple[tuple[str, str], ...] = ()
    unclear: tuple[str, ...] = ()
    limited: bool = False


def read(repo: RepoProbe) -> Found:
    """The newest migrations of each tool, for `RepoProbe.facts`."""
    files: list[str] = []
    problems: list[str] = []
    sql: list[tuple[str, str]] = []
    unclear: list[str] = []
    for globs, judge in ((_PYTHON, _alembic), (_DJANGO, _django), (_RAILS, _rails)):
        for path in sorted(repo.find(*globs, aside=False), key=lambda one: one.rpartition("/")[2])[-NEWEST:]:
            text = repo.read(path)
            told = list(judge(text))
            if told or _is_migration(text):
                files.append(path)
            problems += [f"{path}: {words}" for words in told if words and not words.startswith(("?", "="))]
            unclear += [f"{path}: {words[1:]}" for words in told if words.startswith("?")]
            sql += [(path, words[1:]) for words in told if words.startswith("=")]
    places = repo.find("env.py", "settings*.py", "database.yml", "*strong_migrations*.rb", "*.ini", aside=False)
    limited = any(_LIMIT.search(repo.read(path)) for path in (*files, *places))
    return Found(tuple(files), tuple(dict.fromkeys(problems)), tuple(sql), tuple(dict.fromkeys(unclear)), limited)


def _is_migration(text: str) -> bool:
    return bool(re.search(r"^def upgrade\(|\bmigrations\.Migration\b|ActiveRecord::Migration", text, re.MULTILINE))


def _alembic(text: str) -> Iterator[str]:
    """Problems; "=..." for a statement in SQL, "?..." for what can't be told."""
    tree = syntax.module(text)
    up = next(
        (one for one in getattr(tree, "body", ()) if isinstance(one, ast.FunctionDef) and one.name == "upgrade"), None
    )
    if up is None:
        return
    calls = [one for one in ast.walk(up) if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute)]
    made = {_first(one) for one in calls if _name(one) == "create_table"}
    for one in calls:
        if _name(one) == "execute":
            yield from _statement(one)
        elif (_argument(one, 1) if _name(one) in {"create_index", "create_foreign_key", "create_check_constraint"}
              else _first(one)) not in made:  # fmt: skip
            yield from _of_alembic(one)


def _of_alembic(call: ast.Call) -> Iterator[str]:
    name = _name(call)
    if name == "create_index" and keyword(call, "postgresql_concurrently") is not True:
        yield INDEX
    elif name in {"create_foreign_key", "create_check_constraint"}:
        yield from () if keyword(call, "postgresql_not_valid") is True else (CHECKED,)
    elif name == "add_column":
        column = next((one for one in ast.walk(call) if isinstance(one, ast.Call) and _name(one) == "Column"), None)
        given = {one.arg for one in column.keywords} if column else set()
        if column and keyword(column, "nullable") is False and not given & {"server_default", "server_onupdate"}:
            yield NOT_NULL
    elif name == "alter_column":
        given = {one.arg for one in call.keywords}
        yield from (TYPE,) if "type_" in given else ()
        yield from (SET_NOT_NULL,) if keyword(call, "nullable") is False else ()
        yield from (RENAMED,) if "new_column_name" in given else ()
    elif name in {"drop_column", "rename_table"}:
        yield DROPPED if name == "drop_column" else RENAMED


_OF_DJANGO = {"AddIndex": INDEX, "AddConstraint": CHECKED, "RemoveField": DROPPED, "RenameField": RENAMED,
              "RenameModel": RENAMED, "AlterField": "?a field is altered, which may rewrite its table"}  # fmt: skip


def _django(text: str) -> Iterator[str]:
    tree = syntax.module(text)
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call)] if tree is not None else []
    made = {str(keyword(one, "name")).lower() for one in calls if _name(one) == "CreateModel"}
    for one in calls:
        if _name(one) == "RunSQL":
            yield from _statement(one)
        elif (
            _name(one) in _OF_DJANGO and str(keyword(one, "model_name") or keyword(one, "old_name")).lower() not in made
        ):
            yield _OF_DJANGO[_name(one)]


def _rails(text: str) -> Iterator[str]:
    forward = []
    for line in text.splitlines():
        if _BACKWARDS.match(line):
            break
        forward.append(line.partition("#")[0])
    whole = "\n".join(forward)
    made = set(re.findall(r"create_table[ (]+:?[\"']?(\w+)", whole))
    for match in _SQL.finditer(whole):
        yield f"={match[1] or match[2]}"
    for line in whole.replace(",\n", ", ").splitlines():
        said = _RUBY_LINE.match(line)
        if said and said[2] not in made and not line.lstrip().startswith("t."):
            yield from _of_rails(said[1], said[3])


def _of_rails(name: str, rest: str) -> Iterator[str]:
    concurrently, unchecked = "concurrently" in rest, bool(re.search(r"validate:\s*false", rest))
    if (name == "add_index" and not concurrently) or (
        name in {"add_reference", "add_belongs_to"} and not concurrently and not re.search(r"index:\s*false", rest)
    ):
        yield INDEX
    elif name in {"add_foreign_key", "add_check_constraint"} and not unchecked:
        yield CHECKED
    elif name == "add_column" and re.search(r"null:\s*false", rest) and "default:" not in rest:
        yield NOT_NULL
    elif name == "change_column":
        yield TYPE
    elif name == "change_column_null" and re.search(r",\s*false\b", rest):
        yield SET_NOT_NULL
    elif name in {"remove_column", "remove_columns"}:
        yield DROPPED
    elif name in {"rename_column", "rename_table"}:
        yield RENAMED


def _statement(call: ast.Call) -> Iterator[str]:
    texts = [one.value for one in ast.walk(call) if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    yield from (f"={one}" for one in texts[:1])
    if not texts:
        yield "?a statement is computed"


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _first(call: ast.Call) -> str:
    return _argument(call, 0)


def _argument(call: ast.Call, place: int) -> str:
    given = call.args[place] if len(call.args) > place else None
    return str(given.value) if isinstance(given, ast.Constant) else ""
