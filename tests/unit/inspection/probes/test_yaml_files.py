"""YAML that somebody else wrote costs no more than its size, makes no objects, and means what CI systems read."""

from __future__ import annotations

import time

import pytest

from roadworthy.inspection.probes import yaml_files
from roadworthy.inspection.probes.yaml_files import NotYaml

LETTERS = "bcdefghijklm"
BOMBS = {
    "depth": "[" * 100_000,
    "mappings": "a:\n" + "".join(f"{' ' * i}b:\n" for i in range(1, 2_000)),
    "aliases": "a: &a [x]\n"
    + "".join(f"{one}: &{one} [{','.join([f'*{chr(ord(one) - 1)}'] * 10)}]\n" for one in LETTERS),
    "merges": "a: &a {k: v}\n"
    + "".join(f"{one}: &{one} {{<<: [{','.join([f'*{chr(ord(one) - 1)}'] * 10)}]}}\n" for one in LETTERS),
    "itself": "a: &a [*a]",
    "many": "- a\n" * 100_000,
    "control": "\x00\x01",
    "tabs": "\t- :",
    "open": "a: [1, 2",
    "list as a key": "? [x]\n: y\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_what_grows_is_refused(name: str) -> None:
    began = time.monotonic()
    with pytest.raises(NotYaml):
        yaml_files.documents(BOMBS[name])
    assert time.monotonic() - began < 2


def test_tags_make_nothing() -> None:
    told = yaml_files.document("a: !!python/object/apply:os.system [echo]\nb: !reference [x, script]\nc: !Ref y\n")
    assert set(told.values()) == {yaml_files.UNREAD}


def test_words_mean_what_ci_systems_read() -> None:
    told = yaml_files.document("on: push\nyes: no\nport: 22:22\nday: 2026-01-02\nmode: 0755\nnone: ~\nright: true\n")
    assert told == {
        "on": "push", "yes": "no", "port": "22:22", "day": "2026-01-02", "mode": 755, "none": None, "right": True,
    }  # fmt: skip


def test_anchors_and_merges_are_followed() -> None:
    assert yaml_files.document("x: &x {a: 1}\ny: {<<: *x, b: 2}\n")["y"] == {"a": 1, "b": 2}


@pytest.mark.parametrize("text", ["", "- a\n", "word", "1", "---\n---\n", "a: [1, {b: c}]\n"])
def test_a_document_is_a_mapping_or_empty(text: str) -> None:
    assert isinstance(yaml_files.document(text), dict)


def test_digits_without_end() -> None:
    assert yaml_files.document("a: " + "9" * 10_000)["a"] == "9" * 10_000
