"""Reads Python by its syntax, from any thread."""

from __future__ import annotations

import ast
import threading

ATTEMPTS = 3
_ONE_AT_A_TIME = threading.Lock()
"""CPython 3.11 counts depth a process, not a thread, while it builds a tree (python/cpython#106905): two at once end in
SystemError, and so does one during which the collector calls a `__del__`. The lock keeps the first away; the second is
chance, and tried again."""


def module(text: str) -> ast.Module | None:
    """The tree of a module; None where `text` is no Python that can be read."""
    with _ONE_AT_A_TIME:
        for _ in range(ATTEMPTS):
            try:
                return ast.parse(text)
            except SystemError:
                continue
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return None
    return None


def expression(text: str) -> ast.expr | None:
    """The tree of one expression; None where `text` is none."""
    found = module(text.strip())
    statement = found.body[0] if found is not None and len(found.body) == 1 else None
    return statement.value if isinstance(statement, ast.Expr) else None
