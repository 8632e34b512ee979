"""Shapes of secrets are looked for where a mark stands: each shape's own sample has one."""

from __future__ import annotations

import string

import pytest

from roadworthy.inspection.probes import leaked

MIXED = (string.ascii_letters + string.digits) * 2
UPPER = (string.ascii_uppercase + string.digits) * 2
# Put together here, so that nobody's scanner takes them for real ones.
SAMPLES = {
    "AWS access key": ["AKI" + "A" + UPPER[9:25], "ASI" + "A" + UPPER[9:25]],
    "GitHub token": [f"gh{kind}_" + MIXED[:40] for kind in "pousr"] + ["github" + "_pat_" + MIXED[:70]],
    "GitLab token": ["glpat" + "-" + MIXED[:22]],
    "Slack token": [f"xox{kind}-" + MIXED[:24] for kind in "abprs"],
    "Slack webhook": ["https://hooks.slack" + f".com/services/T{UPPER[:9]}/B{UPPER[3:12]}/{MIXED[:24]}"],
    "Google key": ["AIz" + "a" + MIXED[:35]],
    "Stripe live key": [f"{kind}k_li" + "ve_" + MIXED[:24] for kind in "sr"],
    "Stripe webhook secret": ["whs" + "ec_" + MIXED[:32]],
    "OpenAI or Anthropic key": [f"sk-{kind}-" + MIXED[:30] for kind in ("proj", "ant", "svcacct")]
    + ["sk-" + MIXED[:44]],
    "SendGrid key": ["SG" + "." + MIXED[:22] + "." + MIXED[5:45]],
    "npm token": ["np" + "m_" + MIXED[:36]],
    "PyPI token": ["pypi-" + "AgE" + MIXED[:60]],
    "private key": [f"-----BEGIN {kind}PRIVATE" + " KEY-----" for kind in ("", "RSA ", "OPENSSH ")],
}


def test_every_shape_has_samples() -> None:
    assert SAMPLES.keys() == leaked.SHAPES.keys()


@pytest.mark.parametrize(("sort", "text"), [(sort, text) for sort, texts in SAMPLES.items() for text in texts])
def test_a_shape_is_found_by_its_mark(sort: str, text: str) -> None:
    assert list(leaked.in_line("app/settings.py", f'value = "{text}', guesses=False)) == [(sort, True)]


@pytest.mark.parametrize("mark", leaked.MARKS)
def test_every_mark_is_of_use(mark: str) -> None:
    assert any(mark in text for texts in SAMPLES.values() for text in texts)
