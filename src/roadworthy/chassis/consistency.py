"""Whoever wrote reads what was written: what the edge, the caches and the database tell each other about a request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar

WROTE_SECONDS = 5
"""How long after a write its author is answered anew, from the primary.

Longer than news of a change takes to reach every process (100 ms) and than a replica may lag to be read from.
"""

_on_write: ContextVar[Callable[[], None] | None] = ContextVar("on_write", default=None)
_reads_own_writes: ContextVar[bool] = ContextVar("reads_own_writes", default=False)
_primary: ContextVar[bool] = ContextVar("needs_primary", default=False)


@contextmanager
def request(on_write: Callable[[], None], *, reads_own_writes: bool) -> Iterator[None]:
    """Run the block for a client that may write (`on_write` is called when it did) or just has."""
    write, read = _on_write.set(on_write), _reads_own_writes.set(reads_own_writes)
    try:
        yield
    finally:
        _on_write.reset(write)
        _reads_own_writes.reset(read)


def note_write() -> None:
    """Say that something was committed for the request that is being served, if one is."""
    on_write = _on_write.get()
    if on_write is not None:
        _reads_own_writes.set(True)
        on_write()


def reads_own_writes() -> bool:
    """Whether the client must see what it wrote a moment ago: read from the primary then, and nothing kept."""
    return _reads_own_writes.get()


def needs_primary() -> bool:
    """Whether a replica will not do: for whoever wrote a moment ago, and for what is loaded to be kept."""
    return _primary.get() or _reads_own_writes.get()


def primary_context() -> Context:
    """A context with nothing in it but that reads are for the primary.

    A load that follows a change may find a replica that has not replayed it; what it found would then be kept.
    """
    context = Context()
    context.run(_primary.set, True)
    return context
