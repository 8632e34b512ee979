from __future__ import annotations

import pytest

from roadworthy.inspection.mapper import code, rules
from roadworthy.inspection.mapper.rules import RuleError, Text
from roadworthy.inspection.mapper.text import Line
from roadworthy.inspection.model import Item
from roadworthy.inspection.requirements import BY_ID, PARAMS


def matches(rule: str, text: str, *section: str) -> bool:
    (parsed,) = rules.parse(f"db.pool: {rule}", "test")
    return parsed.match(Text.of(Line(Item(line=1, section=section, text=text)))) is not None


@pytest.mark.parametrize(
    ("rule", "text", "section", "expected"),
    [
        ("pool*", "Pooling on", (), True),
        ("pool", "Pooling on", (), False),
        ("connection_pool*", "Connection-pooling", (), True),
        ("connection_pool*", "pool of connection", (), False),
        ("pool* size|limit", "pool limit", (), True),
        ("pool* size|limit", "pool", (), False),
        ("pool* @database", "pool", ("Database",), True),
        ("pool* @database", "pool", ("Swimming",), False),
        ("@database", "pool", ("Database",), None),
        ("pool* !redis", "redis pool", (), False),
        ("pool* !redis", "pool", ("Redis",), True),
        ("pool* !@redis", "pool", ("Redis",), False),
        ("^pool", "pool is on", (), True),
        ("^pool", "the pool", (), False),
        ("pool #duration", "pool for 30s", (), True),
        ("pool_size", "`pool_size=20`", (), True),
        ("ssl", "SSL/TLS", (), True),
    ],
)
def test_grammar(*, rule: str, text: str, section: tuple[str, ...], expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(RuleError, match="the line itself"):
            matches(rule, text, *section)
    else:
        assert matches(rule, text, *section) is expected


def test_names_of_alternatives_may_build_on_each_other() -> None:
    parsed = list(rules.parse("$a = one|two\n$b = $a|three\ndb.pool: $b pool", "test"))
    assert [term.alternatives for term in parsed[0].wanted] == [(("one",), ("two",), ("three",)), (("pool",),)]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("db.nothing: pool", "no requirement"),
        ("db.pool: $undefined pool", "unknown"),
        ("db.pool: @database", "the line itself"),
    ],
)
def test_a_rule_that_cannot_be_read_says_where_and_why(line: str, words: str) -> None:
    with pytest.raises(RuleError, match=words) as error:
        list(rules.parse(f"# a comment\n{line}", "my.rules"))
    assert "my.rules:2" in str(error.value)


def test_the_rules_that_come_along_can_be_read_and_cover_the_requirements() -> None:
    asked = {rule.requirement for rule in rules.load()}
    asked |= {shape.requirement for name in ("variables", *code.LANGUAGES) for shape in code.shapes(name)}
    assert set(BY_ID) - asked == {"code.static"}, "a catch-all for properties of code, named by an override alone"


def test_every_parameter_is_explained() -> None:
    named = {name for spec in BY_ID.values() for name in spec.params}
    assert named <= set(PARAMS)
