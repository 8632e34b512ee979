"""Error reports: what is logged as an error goes to Sentry, or to what speaks its protocol, where SENTRY_DSN says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.settings import Settings
from roadworthy.chassis.telemetry.context import request_id
from roadworthy.chassis.telemetry.redaction import DEPTH_MAX, redact

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

# An event's frames lie deeper than what people log: event, exception, values, one, stacktrace, frames, one, its field.
EVENT_DEPTH = 12
FLUSH_TIMEOUT_SECONDS = 2.0


def report_errors(settings: Settings, release: str) -> None:
    """Send errors of this process, redacted, with the request's id; do nothing without SENTRY_DSN.

    Values of variables are never sent: they hold what people typed. Delivery is Sentry's own: in the background,
    bounded, and dropped when nobody answers.

    Raises:
        StartupError: SENTRY_DSN is no such address.
    """
    if settings.sentry_dsn is None:
        return
    import sentry_sdk  # noqa: PLC0415 - 0.2 s and 20 MB that a process without it need not spend
    from sentry_sdk.integrations.logging import LoggingIntegration  # noqa: PLC0415 - as above

    try:
        sentry_sdk.init(
            dsn=settings.sentry_dsn.get_secret_value(),
            environment=settings.environment.value,
            release=release,
            send_default_pii=False,
            include_local_variables=False,
            auto_enabling_integrations=False,
            integrations=[LoggingIntegration()],
            before_send=_clean,
            before_breadcrumb=lambda crumb, _hint: _redacted(crumb),
            shutdown_timeout=FLUSH_TIMEOUT_SECONDS,
        )
    except sentry_sdk.utils.BadDsn as error:
        raise StartupError(
            f"SENTRY_DSN can't be understood: {error}", "copy it from the project's settings in Sentry, or leave it out"
        ) from None


def _clean(event: Event, _hint: Hint) -> Event | None:
    cleaned: Event = _redacted(event)
    identifier = request_id.get()
    if identifier:
        cleaned["tags"] = {**dict(cleaned.get("tags") or {}), "request_id": identifier}
    return cleaned


def _redacted(value: Any) -> Any:
    return redact(value, DEPTH_MAX - EVENT_DEPTH)
