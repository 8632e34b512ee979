"""Python's syntax, read from many threads at once."""

from __future__ import annotations

import ast
from concurrent.futures import ThreadPoolExecutor

from roadworthy.inspection.probes import syntax

LONG = "\n".join(f"a{n} = [f(x, y=({n}, {{'k': [1, 2]}})) for x in b if x.y[{n}:].z()]" for n in range(400))


def test_trees_are_built_by_several_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        trees = list(pool.map(syntax.module, [LONG] * 40))
    assert all(isinstance(tree, ast.Module) and len(tree.body) == 400 for tree in trees)


def test_what_is_none_is_none() -> None:
    assert syntax.module("def (") is None
    assert syntax.module("\0") is None
    assert syntax.module("(" * 100_000) is None
    assert syntax.expression("1; 2") is None
    assert syntax.expression("x = 1") is None
    assert isinstance(syntax.expression(" 1 * 2 "), ast.BinOp)
