"""Sitemaps as sitemaps.org has them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from xml.sax.saxutils import escape

URLS_MAX = 50_000  # of one file, by the protocol
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


def index(addresses: Iterable[str]) -> bytes:
    """The list of all parts."""
    entries = "".join(f"<sitemap><loc>{escape(address)}</loc></sitemap>\n" for address in addresses)
    return f"{HEAD}<sitemapindex {NAMESPACE}>\n{entries}</sitemapindex>\n".encode()


def urlset(entries: Iterable[tuple[str, datetime | None]]) -> bytes:
    """One part: addresses, and when each last changed, where that is known."""
    lines = [f"<url><loc>{escape(address)}</loc>{_changed(moment)}</url>\n" for address, moment in entries]
    assert len(lines) <= URLS_MAX, f"{len(lines)} addresses in one sitemap; it takes {URLS_MAX}"
    return f"{HEAD}<urlset {NAMESPACE}>\n{''.join(lines)}</urlset>\n".encode()


def _changed(moment: datetime | None) -> str:
    return f"<lastmod>{moment:%Y-%m-%d}</lastmod>" if moment is not None else ""
