"""Asks DNS: addresses of a name, and what its domain says about mail."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Sequence

import dns.asyncresolver
import dns.exception
import dns.resolver

from roadworthy.inspection.errors import Unobservable

TIMEOUT_SECONDS = 4.0
RECORDS_LIMIT = 40


class NamesProbe:
    """DNS as the resolver of this machine sees it, or as `server` does ("host:port").

    `loopback_counts`: a name of this machine counts as one; meant for fixtures, whose services are all here.
    """

    def __init__(self, server: str = "", *, loopback_counts: bool = False) -> None:
        """Take another resolver's address, where the system's is not meant."""
        self.loopback_counts = loopback_counts
        self._server = server
        self._resolver: dns.asyncresolver.Resolver | None = None

    @property
    def vantage(self) -> str:
        """From where the answers were seen."""
        return f"DNS resolver {self._server or 'of this machine'}"

    async def records(self, name: str, kind: str) -> Sequence[str]:
        """Records of a kind ("A", "TXT"), as text, sorted; empty where there are none.

        Raises:
            Unobservable: the resolver gave no answer.
        """
        try:
            answer = await self._open().resolve(name, kind, lifetime=TIMEOUT_SECONDS)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            words = str(error) or type(error).__name__
            raise Unobservable(f"{kind} of {name}: {words}", "run where DNS can be asked") from error
        found = (b"".join(one.strings).decode("utf-8", "replace") if kind == "TXT" else one.to_text() for one in answer)
        return sorted(found)[:RECORDS_LIMIT]

    async def addresses(self, name: str) -> Sequence[str]:
        """IPv4 and IPv6 addresses of a name."""
        return [*await self.records(name, "A"), *await self.records(name, "AAAA")]

    async def used(self, name: str) -> Sequence[str]:
        """Addresses that programs of this machine would use: /etc/hosts comes before DNS."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            return []
        return sorted({str(one[4][0]) for one in found})

    async def aclose(self) -> None:
        """Nothing is held open."""

    def _open(self) -> dns.asyncresolver.Resolver:
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver(configure=not self._server)
            except (dns.exception.DNSException, OSError) as error:
                raise Unobservable(f"no resolver is configured here: {error}", "run where DNS can be asked") from error
            if self._server:
                host, _, port = self._server.rpartition(":")
                self._resolver.nameservers, self._resolver.port = [host], int(port)
        return self._resolver


def literal(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address that a host is written as; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
