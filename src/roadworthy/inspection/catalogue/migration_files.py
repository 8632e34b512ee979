"""Migrations as a source tree holds them, one reader a tool: what they are called, and whether each has a way back."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from roadworthy.inspection.probes import syntax
from roadworthy.inspection.probes.repo import RepoProbe

Version = tuple[int, ...]
_NUMBERED_SCRIPT = re.compile(r"^\d{8,17}[-_].+\.(?:js|ts|cjs|mjs|mts|cts)$")
_RAILS = re.compile(r"(?:^|/)db/migrate/(?:.*/)?(\d{14})_\w+(?:\.\w+)?\.rb$")
_PRISMA = re.compile(r"(?:^|/)(\d{14}_[^/]+|0_init)/migration\.sql$")
_GOLANG = re.compile(r"(?:^|/)(\d+)_[^/]*\.up\.(?:sql|json|cql)$")
_FLYWAY = re.compile(r"(?:^|/)V(\d+(?:[._]\d+)*)__[^/]+\.(?:sql|java|kt)$")
_DJANGO = re.compile(r"(?:^|/)([^/]+)/migrations/(\w+)\.py$")
_COMMENT_C = re.compile(r"/\*.*?\*/|//[^\n]*", re.DOTALL)
_COMMENT_SQL = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_COMMENT_RUBY = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_DOWN = re.compile(
    r"(?:exports\.down\s*=|export\s+(?:async\s+)?function\s+down\b|export\s+const\s+down\s*=|\basync\s+down\s*\("
    r"|\bdown\s*:\s*(?:async\s+)?(?:function|\())(?P<body>.*)",
    re.DOTALL,
)
_UP = re.compile(
    r"exports\.up\s*=|export\s+(?:async\s+)?function\s+up\b|export\s+const\s+up\s*=|\basync\s+up\s*\("
    r"|\bup\s*:\s*(?:async\s+)?(?:function|\()"
)
_DOES = re.compile(r"\b(?:knex|schema|queryInterface|queryRunner|db|trx|sql|pool|client|pgm)\b\s*[.`(\[]")
"""A way back that calls nothing goes nowhere."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: `key` as the version table names it, `path` in the tree; `back`: whether it says how to undo it.

    `replaces` are keys that it stands for (a squashed one), `after` those that it builds on, where files tell.
    """

    key: str
    path: str
    back: bool = True
    replaces: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Every migration of one tool in the tree, oldest first; `unread` are files that could not be understood."""

    tool: str
    migrations: tuple[Migration, ...]
    unread: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """What the version table should name."""
        return frozenset(one.key for one in self.migrations)


@dataclass(slots=True)
class _Gathered:
    """Migrations while they are collected."""

    found: list[Migration] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def plans(repo: RepoProbe) -> Sequence[Plan]:
    """The plan of each tool that has migrations in the tree, outside tests and examples."""
    files = [path for path in repo.files if not _aside(path)]
    made = (reader(repo, files) for reader in READERS.values())
    return [plan for plan in made if plan.migrations or plan.unread]


def version(key: str) -> Version:
    """A version as numbers: 1.2 and 1_2 and 01.2 are the same."""
    numbers = [int(part) for part in re.split(r"[._]", key) if part.isdigit()]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _aside(path: str) -> bool:
    # unlike elsewhere, "db/migrate/..._test_x.rb" and a folder called "docs_app" are no tests
    return bool({"test", "tests", "spec", "fixtures", "examples", "example", "testdata"} & set(path.split("/")[:-1]))


def _alembic(repo: RepoProbe, files: Iterable[str]) -> Plan:
    gathered = _Gathered()
    for path in (one for one in files if one.endswith(".py")):
        text = repo.read(path)
        if "down_revision" in text and "revision" in text:
            _alembic_file(path, text, gathered)
    return Plan("Alembic", tuple(gathered.found), tuple(gathered.unread))


def _alembic_file(path: str, text: str, gathered: _Gathered) -> None:
    module = syntax.module(text)
    if module is None:
        gathered.unread.append(path)
        return
    values = dict(_assigned(module))
    if "down_revision" not in values or "revision" not in values:
        return
    revision = _literal(values["revision"])
    before = [_literal(values[name]) for name in ("down_revision", "depends_on") if name in values]
    if not isinstance(revision, str) or _MISSING in before:
        gathered.unread.append(path)
        return
    after = tuple(str(one) for part in before for one in _several(part))
    gathered.found.append(Migration(revision, path, _python_back(module), after=after))


def _python_back(module: ast.Module) -> bool:
    """Whether `downgrade` is there and does something."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == "downgrade":
            return any(
                not isinstance(one, ast.Pass | ast.Raise | ast.Return) and not _words_only(one) for one in node.body
            )
    return False


def _words_only(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _django(repo: RepoProbe, files: Iterable[str]) -> Plan:
    gathered = _Gathered()
    for path in files:
        match = _DJANGO.search(path)
        if match is None or match[2] == "__init__":
            continue
        text = repo.read(path)
        if "Migration" in text and "django" in text:
            label = _app_label(repo, path.rpartition("/migrations/")[0], match[1])
            _django_file(path, text, label, match[2], gathered)
    return Plan("Django", tuple(gathered.found), tuple(gathered.unread))


def _app_label(repo: RepoProbe, folder: str, default: str) -> str:
    module = syntax.module(repo.read(f"{folder}/apps.py"))
    for node in ast.walk(module) if module else ():
        if isinstance(node, ast.ClassDef):
            label = _literal(dict(_assigned(node)).get("label"))
            if isinstance(label, str):
                return label
    return default


def _django_file(path: str, text: str, label: str, name: str, gathered: _Gathered) -> None:
    module = syntax.module(text)
    classes = (
        [one for one in module.body if isinstance(one, ast.ClassDef) and one.name == "Migration"] if module else []
    )
    if not classes:
        if module is None:
            gathered.unread.append(path)
        return
    replaced = _literal(dict(_assigned(classes[0])).get("replaces"))
    pairs = replaced if isinstance(replaced, list | tuple) else ()
    replaces = tuple(f"{one[0]}.{one[1]}" for one in pairs if isinstance(one, list | tuple) and len(one) == 2)  # noqa: PLR2004 - app and name
    gathered.found.append(Migration(f"{label}.{name}", path, _django_back(classes[0]), replaces))


def _django_back(migration: ast.ClassDef) -> bool:
    for call in (node for node in ast.walk(migration) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        given = {one.arg for one in call.keywords}
        if name == "RunPython" and len(call.args) < 2 and "reverse_code" not in given:  # noqa: PLR2004 - forward, backward
            return False
        if name == "RunSQL" and len(call.args) < 2 and "reverse_sql" not in given:  # noqa: PLR2004 - forward, backward
            return False
    return True


def _rails(repo: RepoProbe, files: Iterable[str]) -> Plan:
    found = [Migration(match[1], path, _ruby_back(repo.read(path))) for path in files if (match := _RAILS.search(path))]
    return Plan("Rails", tuple(sorted(found, key=lambda one: one.key)))


def _ruby_back(text: str) -> bool:
    code = _COMMENT_RUBY.sub("", text)
    if "IrreversibleMigration" in code:
        return False
    if re.search(r"def\s+(?:self\.)?down\b\s*(?:;|\n)\s*(?!end\b)\S", code):
        return True
    undoable = not re.search(r"^[ \t]*execute\b", code, re.MULTILINE) or "reversible" in code
    return bool(re.search(r"def\s+change\b", code)) and undoable


def _prisma(repo: RepoProbe, files: Iterable[str]) -> Plan:  # noqa: ARG001 - every reader is handed the tree
    found = [Migration(match[1], path, back=False) for path in files if (match := _PRISMA.search(path))]
    return Plan("Prisma", tuple(sorted(found, key=lambda one: one.key)))


def _golang(repo: RepoProbe, files: Iterable[str]) -> Plan:
    names = list(files)
    there = set(names)
    found = []
    for path in names:
        match = _GOLANG.search(path)
        if match:
            down = path.replace(".up.", ".down.")
            back = down in there and bool(_COMMENT_SQL.sub("", repo.read(down)).strip())
            found.append(Migration(str(int(match[1])), path, back))
    return Plan("golang-migrate", tuple(sorted(found, key=lambda one: version(one.key))))


def _flyway(repo: RepoProbe, files: Iterable[str]) -> Plan:  # noqa: ARG001 - every reader is handed the tree
    names = list(files)
    undone = {
        version(match[1]) for path in names if (match := re.search(r"(?:^|/)U(\d+(?:[._]\d+)*)__[^/]+\.sql$", path))
    }
    found = [
        Migration(match[1].replace("_", "."), path, version(match[1]) in undone)
        for path in names
        if (match := _FLYWAY.search(path))
    ]
    return Plan("Flyway", tuple(sorted(found, key=lambda one: version(one.key))))


def _scripts(repo: RepoProbe, files: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Numbered JavaScript and TypeScript files that define a way up, with their code without comments."""
    for path in files:
        name = path.rpartition("/")[2]
        if _NUMBERED_SCRIPT.match(name) and not name.endswith(".d.ts") and not {"dist", "build"} & set(path.split("/")):
            code = _COMMENT_C.sub("", repo.read(path))
            if _UP.search(code):
                yield path, code


def _knex(repo: RepoProbe, files: Iterable[str]) -> Plan:
    found = [
        Migration(path.rpartition("/")[2], path, _script_back(code))
        for path, code in _scripts(repo, files)
        if "knex" in code.lower() and "queryInterface" not in code
    ]
    return Plan("Knex", tuple(sorted(found, key=lambda one: one.key)))


def _sequelize(repo: RepoProbe, files: Iterable[str]) -> Plan:
    found = [
        Migration(path.rpartition("/")[2], path, _script_back(code))
        for path, code in _scripts(repo, files)
        if "queryInterface" in code
    ]
    return Plan("Sequelize", tuple(sorted(found, key=lambda one: one.key)))


def _script_back(code: str) -> bool:
    down = _DOWN.search(code)
    return bool(down and _DOES.search(re.split(r"exports\.up\s*=|\bup\s*\(", down["body"])[0]))


READERS: Mapping[str, Callable[[RepoProbe, Iterable[str]], Plan]] = {
    "Alembic": _alembic,
    "Django": _django,
    "Rails": _rails,
    "Prisma": _prisma,
    "Knex": _knex,
    "Sequelize": _sequelize,
    "Flyway": _flyway,
    "golang-migrate": _golang,
}
"""Tool -> how its migrations are read from a tree."""

_MISSING = object()


def _assigned(holder: ast.Module | ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for node in holder.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value


def _literal(node: ast.expr | None) -> object:
    """The literal value; `_MISSING` where it is computed, or not there."""
    try:
        return ast.literal_eval(node) if node is not None else _MISSING
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return _MISSING


def _several(value: object) -> Sequence[object]:
    if value is None:
        return ()
    return list(value) if isinstance(value, list | tuple | set) else [value]
