"""Who asks: the address behind proxies that we trust, and nobody else's word for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias, TypeVar

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
V = TypeVar("V")

KNOWN_MAX = 10_000
HOPS_MAX = 32
IPV6_PREFIX = 64


class Clients:
    """Reads X-Forwarded-For from right to left, as far as the proxies that wrote it are trusted.

    `trusted` is empty where nothing stands in front: then the connection says it all, and headers say nothing.
    """

    __slots__ = ("_accounts", "_known", "trusted")

    def __init__(self, trusted: Sequence[str] = ()) -> None:
        """Take addresses and networks (`10.0.0.0/8`) of proxies.

        Raises:
            ValueError: one of them is neither.
        """
        self.trusted: tuple[Network, ...] = tuple(ip_network(network, strict=False) for network in trusted)
        self._known: dict[str, bool] = {}
        self._accounts: dict[str, str] = {}

    def resolve(
        self, peer: str, headers: Mapping[bytes, bytes], pairs: Sequence[tuple[bytes, bytes]], *, https: bool
    ) -> tuple[str, bool]:
        """Address of the client, and whether it came over TLS, for a connection from `peer`.

        `headers` and `pairs` are the same request headers; a repeated one stands in `pairs` only in full.
        """
        if not self._is_trusted(peer):
            return peer, https
        address = self._rightmost_stranger(peer, pairs) if b"x-forwarded-for" in headers else peer
        scheme = headers.get(b"x-forwarded-proto")
        if scheme is not None:
            # The last value is the one that our own proxy wrote or left.
            https = scheme.rpartition(b",")[2].strip().lower() == b"https"
        return address, https

    def account(self, address: str) -> str:
        """What limits are counted on: an IPv4 address, or the /64 that one IPv6 customer usually holds."""
        account = self._accounts.get(address)
        if account is None:
            account = _account(address)
            _remember(self._accounts, address, account)
        return account

    def _rightmost_stranger(self, peer: str, pairs: Sequence[tuple[bytes, bytes]]) -> str:
        hops = b",".join(value for name, value in pairs if name == b"x-forwarded-for").decode("latin-1").split(",")
        nearest = peer
        for hop in reversed(hops[-HOPS_MAX:]):
            address = _parse(hop)
            if address is None:
                return nearest  # a proxy that writes nonsense is believed no further than itself
            nearest = str(address)
            if not self._is_trusted(nearest):
                return nearest
        return nearest

    def _is_trusted(self, address: str) -> bool:
        known = self._known.get(address)
        if known is None:
            parsed = _parse(address)
            known = parsed is not None and any(parsed in network for network in self.trusted)
            _remember(self._known, address, known)
        return known


def is_internal(address: str) -> bool:
    """Whether `address` is this machine's or a private network's; an empty one is a Unix socket's."""
    parsed = _parse(address)
    return address == "" or (parsed is not None and (parsed.is_private or parsed.is_loopback))


def _parse(text: str) -> Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _account(address: str) -> str:
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, IPV6_PREFIX), strict=False))
    return str(parsed) if parsed is not None else address


def _remember(known: dict[str, V], key: str, value: V) -> None:
    if len(known) >= KNOWN_MAX:
        known.clear()
    known[key] = value
