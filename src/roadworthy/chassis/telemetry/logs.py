"""Structured logs: JSON lines for programs, or readable ones on a terminal; request ids in, secrets out."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Callable, MutableMapping
from typing import Any

import msgspec
import structlog
from structlog.typing import Processor

from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.context import request_id, trace_id
from roadworthy.chassis.telemetry.output import LogOutput
from roadworthy.chassis.telemetry.redaction import redact_event

# For Granian(log_dictconfig=...): it sets its logging up anew in every process, and "incremental" keeps it from closing
# the handlers that are ours. Its own would write past our format, redaction and file.
GRANIAN_LOGGING: dict[str, Any] = {
    "version": 1,
    "incremental": True,
    "formatters": {},
    "handlers": {},
    "loggers": {"_granian": {"level": "WARNING", "propagate": True}},
}


def configure_logging(settings: Settings) -> LogOutput:
    """Send structlog and the standard library's logging to LOG_FILE or standard output; returns where they go.

    Raises:
        OSError: LOG_FILE can't be opened.
    """
    output = LogOutput(settings.log_file)
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not output.is_terminal)
    renderer = _render_json if as_json else structlog.dev.ConsoleRenderer(colors=output.is_terminal)
    chain = _chain()
    _configure_structlog(settings, output, [structlog.contextvars.merge_contextvars, *chain, renderer])
    _configure_stdlib(settings, output, chain, renderer)
    return output


def _chain() -> list[Processor]:
    return [
        _add_request_id,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        # As text and before redaction, on the console too: a driver's message may hold the address with its password.
        structlog.processors.format_exc_info,
        redact_event,
    ]


def _configure_structlog(settings: Settings, output: LogOutput, processors: list[Processor]) -> None:
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[settings.log_level]),
        logger_factory=lambda *_: _Lines(output),
        cache_logger_on_first_use=True,
    )


def _configure_stdlib(settings: Settings, output: LogOutput, chain: list[Processor], renderer: Processor) -> None:
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, structlog.stdlib.ExtraAdder(), *chain],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = _Handler(output)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    logging.captureWarnings(capture=True)


class _Lines:
    """What structlog calls with a rendered line."""

    def __init__(self, output: LogOutput) -> None:
        self._output = output

    def msg(self, line: str) -> None:
        _write(self._output, line)

    debug = info = warning = error = critical = exception = fatal = failure = log = msg


class _Handler(logging.Handler):
    """What the standard library calls with a record."""

    def __init__(self, output: LogOutput) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001  # a record that can't be formatted must not end the request it is about
            self.handleError(record)
            return
        _write(self._output, line)


def _write(output: LogOutput, line: str) -> None:
    # At once, not in batches: what is logged here is rare, and what a crash leaves behind is wanted.
    try:
        output.write(line.encode(errors="backslashreplace") + b"\n")
    except OSError as error:
        with contextlib.suppress(OSError, AttributeError):
            sys.stderr.write(f"the log can't be written ({error}): {line}\n")


def _add_request_id(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    identifier = request_id.get()
    if identifier:
        event["request_id"] = identifier
    trace = trace_id.get()
    if trace:
        event["trace_id"] = trace
    return event


def _render_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    ordered = {name: event.pop(name) for name in ("timestamp", "level", "event") if name in event}
    return _encode({**ordered, **event}).decode()


_encode: Callable[[object], bytes] = msgspec.json.Encoder(enc_hook=str).encode
