"""What frameworks are told for production: Django's settings, Rails' environment and database, Spring's properties.

A setting that holds only in development, is commented out, or is overridden for production does not count.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roadworthy.inspection.probes import syntax, yaml_files
from roadworthy.inspection.probes.production import ELSEWHERE, SETTINGS
from roadworthy.inspection.probes.repo import RepoProbe
from roadworthy.inspection.probes.yaml_files import NotYaml, at, table

_DJANGO = re.compile(r"\bINSTALLED_APPS\b|\bROOT_URLCONF\b|\bdjango\b")
_ERB = re.compile(
    r"<%=\s*ENV(?:\.fetch)?[(\[]\s*[\"']\w+[\"']\s*[)\]]?\s*(?:,|\{|\|\|)?\s*[\"']?(\w+)?[\"']?\s*[)}]?\s*%>"
)
BLOCK_COMMENT = re.compile(r"^=begin\b.*?(?:^=end\b|\Z)", re.MULTILINE | re.DOTALL)
"""Ruby's comments over several lines."""
LOOSE_COOKIES = ("httponly", "secure", "same_site")
_COOKIE = re.compile(r"\b(httponly|secure|same_site):\s*(false|nil|:none)\b")
IMPORTS_DEPTH = 5
ANYTHING = "*"
"""Told of a tree whose settings may hold more than is read here."""
CHANGING = frozenset({"append", "extend", "remove", "insert", "update", "pop", "clear", "setdefault", "add", "discard"})
_FALSE = frozenset({"", "0", "false", "no", "off", "f", "n"})


@dataclass(frozen=True, slots=True)
class Told:
    """A setting: its value where it is written down, the place, and whether the environment decides.

    `from_environment`: the environment may say otherwise (by `variable`, where that is known), and `value` is what
    holds where it says nothing.
    """

    name: str
    value: Any
    path: str
    line: int
    from_environment: bool = False
    computed: bool = False
    variable: str = ""

    @property
    def where(self) -> str:
        """As reports name it."""
        return f"{self.path}:{self.line}"


def django(repo: RepoProbe) -> Mapping[str, Told]:
    """Django's settings as production has them: the plain module's, then those of production's.

    None where the tree holds several projects and nothing says which one is the service.
    """
    found = repo.find("settings.py", "settings/*.py", "*/settings/*.py", "*settings*.py", aside=False)
    chosen = [path for path in found if not ELSEWHERE.search(path) and _DJANGO.search(repo.read(path))]
    production = [path for path in found if SETTINGS.search(path) and not ELSEWHERE.search(path)]
    own = _own_project(repo, [*chosen, *production])
    told: dict[str, Told] = {}
    for path in [*(one for one in chosen if one not in production), *production]:
        if _project(path) == own:
            told |= _module(repo, path)
    return told if any(name in told for name in ("INSTALLED_APPS", "ROOT_URLCONF", "MIDDLEWARE")) else {}


def _project(path: str) -> str:
    """The folder whose settings a module is."""
    return path.rpartition("/")[0].removesuffix("/settings").removesuffix("settings").rstrip("/")


def _own_project(repo: RepoProbe, paths: Sequence[str]) -> str | None:
    """The folder of the service's project: the only one, or the only one that a manage.py names."""
    projects = {_project(path) for path in paths if re.search(r"^ROOT_URLCONF\b", repo.read(path), re.MULTILINE)}
    projects = projects or {_project(path) for path in paths}
    named = {
        name for path in repo.find("manage.py", "wsgi.py", "asgi.py", aside=False)
        for name in re.findall(r"DJANGO_SETTINGS_MODULE[\"'],\s*[\"']([\w.]+)", repo.read(path))
    }  # fmt: skip
    fitting = {
        one for one in projects
        if any(name.rpartition(".")[0].removesuffix(".settings").endswith(one.rpartition("/")[2]) for name in named)
    }  # fmt: skip
    if not named and len(projects) == 1:
        return projects.pop()
    return fitting.pop() if len(fitting) == 1 else None


def _module(repo: RepoProbe, path: str, depth: int = 0) -> Mapping[str, Told]:
    """What a module leaves its names at. What is changed in a way that is not read here counts as computed."""
    tree = syntax.module(repo.read(path))
    if not isinstance(tree, ast.Module):
        return {}
    told: dict[str, Told] = {}
    for statement, read in _holding(tree.body):
        if isinstance(statement, ast.ImportFrom):
            told |= _brought(repo, path, statement, told, depth) if _brings_all(statement) else {}
        elif read and isinstance(statement, ast.Assign | ast.AnnAssign):
            told |= {one.name: one for one in _assigned(path, statement)}
        else:
            told |= {name: _hidden(name, path, statement.lineno) for name in _touched(statement, told)}
    return told


def _assigned(path: str, statement: ast.Assign | ast.AnnAssign) -> Iterator[Told]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    for target in targets:
        if isinstance(target, ast.Name) and target.id.isupper() and statement.value is not None:
            value, from_environment, computed = _value(statement.value)
            variable = _variable(statement.value) if from_environment else ""
            yield Told(target.id, value, path, statement.lineno, from_environment, computed, variable)


def _hidden(name: str, path: str, line: int) -> Told:
    return Told(name, None, path, line, computed=True)


def _brings_all(statement: ast.ImportFrom) -> bool:
    return any(one.name == "*" for one in statement.names)


def _brought(
    repo: RepoProbe, path: str, statement: ast.ImportFrom, told: Mapping[str, Told], depth: int
) -> Mapping[str, Told]:
    """What `from .base import *` brings; of a module that is not in the tree, anything."""
    folder = path.rpartition("/")[0]
    for _ in range(max(0, statement.level - 1)):
        folder = folder.rpartition("/")[0]
    name = (statement.module or "").replace(".", "/")
    wanted = (f"{folder}/{name}.py".lstrip("/"), f"{name}.py", f"{name}/__init__.py")
    place = next((one for one in wanted if one in repo.files or repo.existing(one)), "")
    if not place:  # absolute names count from a folder that the tree does not tell
        place = next((one for one in repo.files if statement.level == 0 and one.endswith(f"/{name}.py")), "")
    if place and place != path and depth < IMPORTS_DEPTH:
        return _module(repo, place, depth + 1)
    if name.startswith(("django/", "split_settings", "decouple", "environ")):
        return {}
    return {one: _hidden(one, path, statement.lineno) for one in (*told, ANYTHING)}


def _touched(statement: ast.stmt, told: Mapping[str, Told]) -> Iterator[str]:
    """Names that a statement may change: assigned anywhere in it, added to, or asked to change themselves."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del) and node.id.isupper():
            yield node.id
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name):
            yield node.value.id
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in CHANGING:
            yield from (node.value.id,) if node.value.id in told else ()
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"globals", "vars", "locals", "setattr", "exec"}:
            yield from (*told, ANYTHING)


def _holding(body: Sequence[ast.stmt]) -> Iterator[tuple[ast.stmt, bool]]:
    """Statements in order, and whether they surely hold where DEBUG is off."""
    for statement in body:
        if isinstance(statement, ast.If):
            yield from _chosen(statement)
        elif isinstance(statement, ast.Try):
            yield from _holding(statement.body)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement, True


def _chosen(statement: ast.If) -> Iterator[tuple[ast.stmt, bool]]:
    test = ast.unparse(statement.test)
    if test == "not DEBUG" or "production" in test.lower():
        yield from _holding(statement.body)
    elif test == "DEBUG":
        yield from _holding(statement.orelse)
    elif not re.search(r"\bDEBUG\b|\btest\w*\b|sys\.argv|__name__", test, re.IGNORECASE):
        yield from ((one, False) for one in (*statement.body, *statement.orelse))


def _value(node: ast.expr) -> tuple[Any, bool, bool]:
    """The value, whether the environment may say otherwise, and whether it is computed in a way that is not read."""
    try:
        return ast.literal_eval(node), False, False
    except (ValueError, TypeError, SyntaxError, RecursionError):
        pass
    text = ast.unparse(node)
    if isinstance(node, ast.Compare) and re.search(r"environ|getenv|config\(|env\(", text):
        calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
        default = _default(calls[0]) if calls else ""
        wanted = [one.value for one in node.comparators if isinstance(one, ast.Constant)]
        return bool(wanted) and str(default).lower() == str(wanted[0]).lower(), True, False
    if isinstance(node, ast.Call):
        inner = next((one for one in ast.walk(node) if isinstance(one, ast.Call) and _reads(one)), None)
        if inner is not None:
            default = _default(inner)
            truth = re.search(r"\bbool\b|strtobool", text) is not None
            return (str(default).lower() not in _FALSE if truth else default), True, False
    return None, "environ" in text or "env(" in text, True


def _variable(node: ast.expr) -> str:
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call) and _reads(one) and one.args]
    name = calls[0].args[0] if len(calls) == 1 else None
    return str(name.value) if isinstance(name, ast.Constant) else ""


def _reads(call: ast.Call) -> bool:
    return bool(re.search(r"(?:environ\.get|getenv|^config|^env(?:\.\w+)?|\benv\.\w+)$", ast.unparse(call.func)))


def _default(call: ast.Call) -> Any:
    given = [*(one.value for one in call.keywords if one.arg == "default"), *call.args[1:2]]
    return given[0].value if given and isinstance(given[0], ast.Constant) else ""


def rails(repo: RepoProbe) -> Mapping[str, Told]:
    """What `config/environments/production.rb` sets, and what `application.rb` sets for all."""
    told: dict[str, Told] = {}
    for path in ("config/application.rb", "config/environments/production.rb"):
        lines = BLOCK_COMMENT.sub(_blanked, repo.read(path)).splitlines() if path in repo.files else ()
        for number, line in enumerate(lines, start=1):
            match = re.match(r"config\.([\w.]{1,200})\s{0,20}=([^#]+)", line.strip())
            if match:
                told[match[1]] = _ruby(match[1], match[2].strip(), path, number)
    return told | dict(_rails_session(repo)) if told else told


def _rails_session(repo: RepoProbe) -> Iterator[tuple[str, Told]]:
    """What the session's cookie is told to be, as far as that is less than Rails' own."""
    for path in ("config/initializers/session_store.rb", "config/application.rb"):
        for number, line in enumerate(repo.read(path).splitlines() if path in repo.files else (), start=1):
            for match in _COOKIE.finditer(line.partition("#")[0]):
                yield match[1], Told(match[1], match[2].lstrip(":"), path, number)


def _blanked(found: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", found[0])


def _ruby(name: str, text: str, path: str, line: int) -> Told:
    words = {"true": True, "false": False, "nil": None}
    if text in words:
        return Told(name, words[text], path, line)
    plain = re.fullmatch(r"[\"':]?([\w./-]+)[\"']?", text)
    return Told(name, plain[1] if plain else text, path, line, "ENV" in text, plain is None)


def rails_database(repo: RepoProbe) -> Mapping[str, Told]:
    """Keys of `config/database.yml` under production, values of the environment replaced by what holds without them."""
    path = "config/database.yml"
    if path not in repo.files:
        return {}
    text = _ERB.sub(lambda match: match[1] or "''", repo.read(path))
    try:
        document = yaml_files.document(re.sub(r"<%.{0,300}?%>", "''", text))
    except NotYaml:
        return {}
    section = table(document.get("production"))
    section = table(section.get("primary")) or section
    return {name: Told(name, value, path, 0, "ENV" in repo.read(path)) for name, value in section.items()}


def spring(repo: RepoProbe) -> Mapping[str, Told]:
    """Spring's properties, those of the production profile over the plain ones, with dotted names."""
    found = repo.find("application*.yml", "application*.yaml", "application*.properties", aside=False)
    told: dict[str, Told] = {}
    for path in sorted((one for one in found if not ELSEWHERE.search(one)), key=lambda one: bool(SETTINGS.search(one))):
        told |= _properties(path, repo.read(path)) if path.endswith(".properties") else _flat(path, repo.read(path))
    return told


def _properties(path: str, text: str) -> Mapping[str, Told]:
    found = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = re.match(r"([\w.\[\]-]{1,300})\s{0,20}[=:](.*)$", line.strip())
        if match and not line.lstrip().startswith(("#", "!")):
            found[match[1]] = _spring(match[1], match[2].strip(), path, number)
    return found


def _flat(path: str, text: str) -> Mapping[str, Told]:
    try:
        documents = yaml_files.documents(text)
    except NotYaml:
        return {}
    found: dict[str, Told] = {}
    for document in documents:
        profile = at(document, "spring", "config", "activate", "on-profile") or at(document, "spring", "profiles")
        if profile is None or SETTINGS.search(str(profile)):
            found |= {name: _spring(name, value, path, 0) for name, value in _dotted(document, "")}
    return found


def _dotted(value: Any, above: str) -> Iterator[tuple[str, Any]]:
    for name, inner in table(value).items():
        key = f"{above}{name}"
        if isinstance(inner, dict):
            yield from _dotted(inner, f"{key}.")
        else:
            yield key, inner


def _spring(name: str, value: Any, path: str, line: int) -> Told:
    given = re.fullmatch(r"\$\{[\w.]+(?::(.*))?\}", str(value))
    return Told(name, given[1] if given else value, path, line, given is not None, bool(given and given[1] is None))
