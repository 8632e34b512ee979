"""Headers that tell browsers to be strict, made once at start."""

from __future__ import annotations

from roadworthy.chassis.edge.asgi import Header

# `'self'` alone: pages keep their scripts and styles in files. A page that needs more sends its own policy.
CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
YEAR_SECONDS = 31_536_000

ALWAYS: tuple[Header, ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
HSTS: Header = (b"strict-transport-security", f"max-age={YEAR_SECONDS}; includeSubDomains".encode())
# Granian adds its own name wherever the application names no server; hyper needs a value to leave it out.
SERVER: Header = (b"server", b"web")


def security_headers(*, https: bool) -> tuple[Header, ...]:
    """Headers of every answer; HSTS only where the client came over TLS, as RFC 6797 asks."""
    return (SERVER, *ALWAYS, HSTS) if https else (SERVER, *ALWAYS)
