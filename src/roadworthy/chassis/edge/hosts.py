"""Names that the service answers to: a forged Host header must not end in links, redirects or kept answers."""

from __future__ import annotations

from collections.abc import Iterable

KNOWN_MAX = 1_000


class Hosts:
    """Knows a Host header that names this service: exactly, or as a subdomain where `.example.com` is allowed."""

    __slots__ = ("_exact", "_known", "_suffixes")

    def __init__(self, allowed: Iterable[str]) -> None:
        """Take host names without ports; one that starts with a dot allows the name itself and all below it."""
        names = [name.lower() for name in allowed]
        self._suffixes = tuple(name for name in names if name.startswith("."))
        self._exact = {name.lstrip(".") for name in names}
        self._known: dict[bytes, bool] = {}

    def admit(self, header: bytes | None) -> bool:
        """Whether `header`, the Host of a request, names this service; a request without one does not."""
        if header is None:
            return False
        known = self._known.get(header)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[header] = self._is_allowed(_name(header))
        return known

    def _is_allowed(self, name: str) -> bool:
        return name in self._exact or name.endswith(self._suffixes)


def _name(header: bytes) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    text = header.decode("latin-1").lower()
    if text.startswith("["):
        return text.partition("]")[0] + "]"
    return text.partition(":")[0].rstrip(".")
