"""Reads from a PromQL expression which series it needs: names and matchers, without evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

EXPRESSION_LIMIT_CHARACTERS = 8_000
SELECTORS_LIMIT = 40
KEYWORDS = frozenset(
    {"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "group_left", "group_right", "atan2"}
    | {"inf", "nan"}
)
LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
AGGREGATORS = frozenset(
    {"sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile"}
)
ABSENCE = frozenset({"absent", "absent_over_time"})
_TOKEN = re.compile(
    r"""\s+|\#[^\n]*
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    |(?P<range>\[[^\]]{0,200}\])
    |(?P<number>0x[0-9a-fA-F]+|\d[\w.]*(?:[eE][-+]?\d+)?|\.\d+)
    |(?P<name>[a-zA-Z_:][\w:]*)
    |(?P<mark>=~|!~|!=|==|>=|<=|.)""",
    re.VERBOSE | re.DOTALL,
)
_COMPARED = re.compile(r"(?:[<>]=?|==)\s*(?:bool\s+)?\(?\s*(\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Match:
    """One condition on a label; `value` is unquoted."""

    label: str
    operator: str
    value: str

    @property
    def text(self) -> str:
        """As PromQL writes it."""
        value = self.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{self.label}{self.operator}"{value}"'


@dataclass(frozen=True, slots=True)
class Selector:
    """Series that an expression needs. `absent`: it asks whether there are none."""

    name: str
    matches: tuple[Match, ...] = ()
    absent: bool = False

    def text(self, *further: str) -> str:
        """As PromQL writes it, with further matchers."""
        inner = ",".join([*(one.text for one in self.matches), *further])
        return f"{self.name}{{{inner}}}" if inner else self.name

    def without(self, labels: frozenset[str]) -> Selector:
        """The same series whatever these labels say."""
        return Selector(self.name, tuple(one for one in self.matches if one.label not in labels), self.absent)


def selectors(expression: str) -> Sequence[Selector]:
    """Every selector in an expression, each once, at most `SELECTORS_LIMIT`; an unnamed one has an empty name."""
    tokens = list(_tokens(expression[:EXPRESSION_LIMIT_CHARACTERS]))
    return list(dict.fromkeys(_selectors(tokens)))[:SELECTORS_LIMIT]


def thresholds(expression: str) -> Sequence[float]:
    """Numbers that an expression compares with."""
    return [float(number) for number in _COMPARED.findall(expression[:EXPRESSION_LIMIT_CHARACTERS])]


def _tokens(expression: str) -> Iterator[tuple[str, str]]:
    for found in _TOKEN.finditer(expression):
        if found.lastgroup is not None:
            yield found.lastgroup, found[0]


def _selectors(tokens: Sequence[tuple[str, str]]) -> Iterator[Selector]:
    position, depth = 0, 0
    absences: list[int] = []
    while position < len(tokens):
        kind, text = tokens[position]
        after = tokens[position + 1][1] if position + 1 < len(tokens) else ""
        position += 1
        if text == "(":
            depth += 1
        elif text == ")":
            depth -= 1
            while absences and depth <= absences[-1]:
                absences.pop()
        elif kind == "name" and text.lower() in LISTS:
            position = _past(tokens, position) if after == "(" else position
        elif kind == "name" and after == "(" and text.lower() not in KEYWORDS:
            if text in ABSENCE:
                absences.append(depth)
        elif text == "{" or (kind == "name" and text.lower() not in KEYWORDS | AGGREGATORS):
            start = position if text == "{" else position + 1 if after == "{" else None
            matches, position = _matches(tokens, start) if start is not None else ((), position)
            yield Selector("" if text == "{" else text, matches, bool(absences))


def _past(tokens: Sequence[tuple[str, str]], position: int) -> int:
    """Behind the parenthesis that closes."""
    while position < len(tokens) and tokens[position][1] != ")":
        position += 1
    return position + 1


def _matches(tokens: Sequence[tuple[str, str]], position: int) -> tuple[tuple[Match, ...], int]:
    found: list[Match] = []
    while position < len(tokens) and tokens[position][1] != "}":
        if tokens[position][0] == "name" and position + 2 < len(tokens) and tokens[position + 2][0] == "string":
            label, operator, value = (text for _, text in tokens[position : position + 3])
            found.append(Match(label, operator, _unquoted(value)))
            position += 3
        else:
            position += 1
    return tuple(found), position + 1


def _unquoted(text: str) -> str:
    return text[1:-1] if text.startswith("`") else re.sub(r"\\(.)", r"\1", text[1:-1])
