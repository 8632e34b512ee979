"""What an expression needs is read from it, not guessed."""

from __future__ import annotations

import pytest

from roadworthy.inspection.probes.promql import selectors, thresholds


@pytest.mark.parametrize(
    ("expression", "needed"),
    [
        ("up == 0", ["up"]),
        ('sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) > 1', ['http_requests_total{code=~"5.."}']),
        ("sum(a) by (x, y) / ignoring(z) group_left sum(b) > bool 0.5", ["a", "b"]),
        ('{__name__=~"a|b", job="x"} offset 5m', ['{__name__=~"a|b",job="x"}']),
        ("histogram_quantile(0.99, rate(job:lat_bucket:rate5m[10m:1m]))", ["job:lat_bucket:rate5m"]),
        ("a # b\n unless on (x) c", ["a", "c"]),
        ("vector(1)", []),
        ('label_replace(a, "dst", "b", "src", "c")', ["a"]),
        ('a{x="say \\"b\\""}', ['a{x="say \\"b\\""}']),
        ("a{", ["a"]),
        ("((((", []),
        ("topk(3, count_values('v', b))", ["b"]),
    ],
)
def test_selectors(expression: str, needed: list[str]) -> None:
    assert [one.text() for one in selectors(expression)] == needed


def test_what_is_asked_to_be_absent_is_told_apart() -> None:
    found = selectors("absent(rate(a[5m])) or b > 1 and absent_over_time(c[5m])")
    assert [(one.name, one.absent) for one in found] == [("a", True), ("b", False), ("c", True)]


def test_thresholds() -> None:
    assert list(thresholds('a > 0.05 and b{x="> 7"} <= bool 2e3 or c == (4)')) == [0.05, 7.0, 2000.0, 4.0]


def test_a_long_expression_ends() -> None:
    assert len(selectors(" or ".join(f"m{number}" for number in range(5_000)))) == 40
