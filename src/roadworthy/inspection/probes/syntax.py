"""Reads Python by its syntax, from any thread."""

from __future__ import annotations

import ast
import threading

_ONE_AT_A_TIME = threading.Lock()
"""CPython 3.11 counts depth a process, not a thread, while it builds a tree: two at once end in SystemError
(python/cpython#106905)."""


def module(text: str) -> ast.Module | None:
    """The tree of a module; None where `text` is no Python that can be read."""
    with _ONE_AT_A_TIME:
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def expression(text: str) -> ast.expr | None:
    """The tree of one expression; None where `text` is none."""
    found = module(text.strip())
    statement = found.body[0] if found is not None and len(found.body) == 1 else None
    return statement.value if isinstance(statement, ast.Expr) else None
