"""How long the inspector's patterns take over hostile texts, by growth: run as a child that can be killed.

A pattern that takes the square of a text's length takes sixteen times as long over four times the text; one that is
linear takes four times. Prints a line for each pattern that is not linear, and how many were tried.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import itertools
import pkgutil
import re
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

from roadworthy import inspection

SHORT, LONG = 1_000, 4_000
WORTH_A_LOOK_SECONDS = 0.00022
GROWTH = 7.5
"""Between four, which is linear, and sixteen, which is the square."""
LIMIT_SECONDS = 3.0
UNBOUNDED = re.compile(r"(?<!\\)[*+]|,\}")
"""Without such a repetition a match has a longest length, and there is no square."""
OUTSIDE = ("fixtures",)
"""What no stranger's text reaches."""
ATOMS = (
    *(" ", "\t", "\n", "\r\n", "a", "A", "1", "_", "-", "/", "\\", ".", ",", ":", ";", '"', "'", "`", "#", "*", "%"),
    *("(", "{", "[", "<", "${", "<!--", "/*", "//", "<%", "{#", "```\n", " \n", "\n ", "a\n", "a ", "a\t", " a", "a."),
    *("a-", "a/", "a_", "A_", "a(", "a{", "a=", "a: ", "= ", "-a ", "# ", "* ", "| ", "1,", "1.", "- [ ] ", "a, "),
    *('"a', "(a) ", "'a' ", "http://a", "a@", "@", "&", "\\n", "a,", "=", "1 "),
)  # fmt: skip
FLAGS = {name: flag for name, flag in vars(re).items() if isinstance(flag, re.RegexFlag)}


class TooLong(Exception):
    """The pattern was not done in time."""


def patterns() -> Iterator[tuple[str, re.Pattern[str]]]:
    """Every pattern of the inspector with its place: those that modules hold, and those that stand in calls of `re`."""
    seen: set[tuple[str, int]] = set()
    for found in pkgutil.walk_packages(inspection.__path__, f"{inspection.__name__}."):
        if not any(part in OUTSIDE for part in found.name.split(".")):
            module = importlib.import_module(found.name)
            for place, one in itertools.chain(_held(module), _written(module)):
                if (one.pattern, one.flags) not in seen:
                    seen.add((one.pattern, one.flags))
                    yield place, one


def _held(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    for name, value in list(vars(module).items()):
        yield from ((f"{module.__name__}.{name}", one) for one in _inside(value))


def _inside(value: object, depth: int = 0) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
        yield value
    elif depth > 3:
        return
    elif isinstance(value, Mapping):
        for one in itertools.chain(value.keys(), value.values()):
            yield from _inside(one, depth + 1)
    elif isinstance(value, (tuple, list, set, frozenset)):
        for one in value:
            yield from _inside(one, depth + 1)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _inside(getattr(value, field.name, None), depth + 1)


def _written(module: ModuleType) -> Iterator[tuple[str, re.Pattern[str]]]:
    """Patterns that stand in calls such as `re.search(r"...", text)`."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("re.") and node.args:
            text = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            names = re.findall(r"\bre\.([A-Z]+)\b", ast.unparse(node))
            if isinstance(text, str):
                yield f"{module.__name__}:{node.lineno}", re.compile(text, sum(FLAGS[name] for name in set(names)))


def hostile(pattern: re.Pattern[str]) -> Iterator[str]:
    """What runs of may lead a pattern astray: what any may meet, and its own words."""
    yield from ATOMS
    words = re.findall(r"[a-zA-Z_]{3,}", re.sub(r"\\.", " ", pattern.pattern))
    for word in list(dict.fromkeys(words))[:6]:
        yield from (word, f"{word} ", f"{word}(")


def seconds(pattern: re.Pattern[str], text: str) -> float:
    """Processor time for all matches; infinite where it is not done within LIMIT_SECONDS."""
    signal.setitimer(signal.ITIMER_VIRTUAL, LIMIT_SECONDS)
    began = time.thread_time()
    try:
        for _ in pattern.finditer(text):
            pass
        return time.thread_time() - began
    except TooLong:
        return float("inf")
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def squares(pattern: re.Pattern[str]) -> str:
    """The atom whose runs this pattern takes the square of; empty where there is none."""
    if not UNBOUNDED.search(pattern.pattern):
        return ""
    for atom in hostile(pattern):
        short, long = ((atom * size)[:size] for size in (SHORT, LONG))
        if seconds(pattern, short) > WORTH_A_LOOK_SECONDS:
            first = min(seconds(pattern, short) for _ in range(3))
            if first > WORTH_A_LOOK_SECONDS and min(seconds(pattern, long) for _ in range(3)) > GROWTH * first:
                return atom
    return ""


def _stop(*_: object) -> None:
    raise TooLong


def main() -> None:
    """Try every pattern."""
    signal.signal(signal.SIGVTALRM, _stop)
    tried = 0
    for place, pattern in patterns():
        tried += 1
        if atom := squares(pattern):
            print(f"{place} takes the square of a run of {atom!r}", flush=True)  # noqa: T201 - a program of its own
    print(tried)  # noqa: T201 - a program of its own


if __name__ == "__main__":
    main()
