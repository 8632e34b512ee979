"""SQL put together from texts, as the code shows it: what a caller hands in must travel beside the statement."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from roadworthy.inspection.catalogue.sources import Source
from roadworthy.inspection.probes.repo import Match

METHODS = frozenset(
    {
        *(
            "execute",
            "executemany",
            "executescript",
            "raw",
            "text",
            "fetch",
            "fetchrow",
            "fetchval",
            "fetchall",
            "fetch_all",
        ),
        *("fetch_one", "fetch_val", "exec_driver_sql", "read_sql", "query", "extra", "RawSQL"),
    }
)
SQL = re.compile(
    r"\b(?:select\s.{1,1000}?\sfrom|insert\s+into|update\s+\S+\s+set|delete\s+from|where\s|order\s+by|values\s*\()",
    re.IGNORECASE | re.DOTALL,
)
_JAVASCRIPT = re.compile(
    r"(?:\.|\b)(?:query|execute|raw|\$queryRawUnsafe|\$executeRawUnsafe|all|run|prepare)\(\s*(?P<text>`[^`]*`|[\"'][^\"'\n]*[\"']\s*\+[^\n;]*)"
)
_HOLE = re.compile(r"\$\{\s{0,40}([^}]{0,400})\}")
_GO = re.compile(
    r"(?:Query|QueryRow|Exec|QueryContext|QueryRowContext|ExecContext|Raw)\((?:\s*\w+\s*,)?\s*(?P<text>fmt\.Sprintf\(\s*[\"`][^\"`]*[\"`][^\n]*|\"[^\"\n]*\"\s*\+[^\n]*)"
)
_RUBY = re.compile(
    r"(?:where|find_by_sql|execute|exec_query|select_all|order|having|joins|pluck)\(?\s*(?P<text>\"[^\"\n]*#\{[^}]*\}[^\"\n]*\")"
)
_PHP = re.compile(r"(?:query|exec|prepare|mysqli_query)\([^\"\n]{0,300}(?P<text>\"[^\"\n$]*\$\w[^\"\n]*\")")
_CALLS = re.compile(r"(?:query|execute|exec|raw|Query\w{0,40}|Exec\w{0,40}|find_by_sql)\s*\(")
CONSTANT = re.compile(
    r"^[A-Z][A-Z0-9_.]*$|^(?:placeholders?|columns?_sql|cols)\b|\bquote(?:_ident|_table_name|_column_name)?\(|\bmap\(|^Prisma\.|\bsql\."
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in the code: where; `built` from other texts; `handed`: from what a caller or a request hands in."""

    place: Match
    built: bool
    handed: bool


def statements(source: Source) -> Iterator[Statement]:
    """Statements that a file sends to a database."""
    if source.language == "python":
        yield from _python(source)
        return
    pattern = {"javascript": _JAVASCRIPT, "go": _GO, "ruby": _RUBY, "php": _PHP}.get(source.language)
    if pattern is None:
        return
    built = [one for one in pattern.finditer(source.text) if SQL.search(one["text"]) or source.language == "ruby"]
    for one in built:
        yield Statement(source.at(one.start(), one[0]), built=True, handed=_handed(one["text"], source.language))
    starts = {one.start() for one in built}
    for one in _CALLS.finditer(source.text):
        if one.start() not in starts and SQL.search(source.text[one.end() : one.end() + 300]):
            yield Statement(source.at(one.start()), built=False, handed=False)


def _handed(text: str, language: str) -> bool:
    if language == "javascript":
        holes = _HOLE.findall(text)
        return any(not CONSTANT.search(one.strip()) for one in holes) if holes else "+" in text
    if language == "ruby":
        return any(not CONSTANT.search(one) for one in re.findall(r"#\{\s{0,9}([^{}]{0,300})\}", text))
    if language == "go":
        return re.search(r"%[svdq]|\+", text) is not None
    return True


def _python(source: Source) -> Iterator[Statement]:
    tree = source.tree
    if tree is None:
        return
    shared = {name: value for node in ast.iter_child_nodes(tree) for name, value in _assigned(node).items()}
    for function, calls in _functions(tree):
        handed = _arguments(function)
        local = {**shared, **(_texts(function) if function is not tree else {})}
        for call in calls:
            if _name(call) not in METHODS or not call.args:
                continue
            first = call.args[0]
            shown = local.get(first.id, first) if isinstance(first, ast.Name) else first
            words, holes = _parts(shown)
            if SQL.search(words):
                open_holes = [one for one in holes if not _constant(one)]
                from_callers = any(_roots(one) & (handed | {"request"}) for one in open_holes)
                place = Match(source.path, call.lineno, ast.unparse(call)[:120])
                yield Statement(place, built=bool(open_holes), handed=from_callers)


def _functions(tree: ast.AST) -> Iterator[tuple[ast.AST, Sequence[ast.Call]]]:
    """Each function with the calls that are its own, and the module with the rest."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    stack: list[tuple[ast.AST, list[ast.Call]]] = []

    def visit(node: ast.AST, calls: list[ast.Call]) -> None:
        own = calls
        if isinstance(node, kinds):
            own = []
            stack.append((node, own))
        if isinstance(node, ast.Call):
            own.append(node)
        for child in ast.iter_child_nodes(node):
            visit(child, own)

    top: list[ast.Call] = []
    try:
        visit(tree, top)
    except RecursionError:
        return
    yield tree, top
    yield from stack


def _arguments(function: ast.AST) -> set[str]:
    if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        return set()
    given = function.args
    names = [*given.posonlyargs, *given.args, *given.kwonlyargs, *filter(None, (given.vararg, given.kwarg))]
    return {one.arg for one in names} - {"self", "cls"}


def _texts(function: ast.AST) -> dict[str, ast.expr]:
    """Local names that hold a text, as assigned last."""
    found: dict[str, ast.expr] = {}
    for node in ast.walk(function):
        found.update(_assigned(node))
    return found


def _assigned(node: ast.AST) -> dict[str, ast.expr]:
    """The one name that a statement gives a value, and the value."""
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
        return {node.target.id: node.value}
    if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        return {node.targets[0].id: node.value}
    return {}


def _parts(node: ast.expr) -> tuple[str, list[ast.expr]]:  # noqa: PLR0911 - a kind of expression each
    """The fixed words of a text and what is put between them."""
    if isinstance(node, ast.Constant):
        return (node.value if isinstance(node.value, str) else "", [])
    if isinstance(node, ast.JoinedStr):
        words = " ".join(_parts(one)[0] for one in node.values if isinstance(one, ast.Constant))
        return words, [one.value for one in node.values if isinstance(one, ast.FormattedValue)]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod | ast.Add):
        left, right = _parts(node.left), _parts(node.right)
        if isinstance(node.op, ast.Mod):
            return left[0], [*left[1], *(node.right.elts if isinstance(node.right, ast.Tuple) else [node.right])]
        return f"{left[0]} {right[0]}", [*left[1], *right[1]]
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "format":
            return _parts(node.func.value)[0], [*node.args, *(one.value for one in node.keywords)]
        if _name(node) == "text" and node.args:
            return _parts(node.args[0])
    return "", [node]


def _constant(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name):
        return node.id.isupper()
    if isinstance(node, ast.Attribute):
        return node.attr.isupper() or node.attr in {"__tablename__", "name"}
    words = ast.unparse(node)
    return re.search(
        r"\bsql\.(?:Identifier|SQL|Literal)\(|quote_ident|quote_name|\bint\(|\blen\(", words
    ) is not None or (re.search(r"join\(\s*\[?['\"](?:%s|\?)['\"]", words) is not None)


def _roots(node: ast.expr) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _name(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
