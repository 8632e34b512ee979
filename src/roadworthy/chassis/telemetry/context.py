"""Which request the running code serves."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Empty outside a request. Set by the edge where application code is about to run; read by the logs."""

trace_id: ContextVar[str] = ContextVar("trace_id", default="")
"""Empty where nobody traces; else 32 hexadecimal digits. Read by logs and problem documents."""
