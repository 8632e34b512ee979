from __future__ import annotations

import pytest

from roadworthy.chassis.edge.client import KNOWN_MAX, Clients, is_internal

PROXIES = Clients(("10.0.0.0/8", "2001:db8::1"))


def resolve(peer: str, *forwarded: str, proto: str | None = None, https: bool = False) -> tuple[str, bool]:
    pairs = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    if proto is not None:
        pairs.append((b"x-forwarded-proto", proto.encode()))
    return PROXIES.resolve(peer, dict(pairs), pairs, https=https)


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.1", ("198.51.100.1",), "192.0.2.1"),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6, 198.51.100.1, 10.9.9.9",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        ("10.0.0.1", ("10.2.2.2, 10.3.3.3",), "10.2.2.2"),
        ("10.0.0.1", ("198.51.100.1:4711",), "198.51.100.1"),
        ("10.0.0.1", ("[2001:db8::9]:4711",), "2001:db8::9"),
        ("10.0.0.1", ("::ffff:198.51.100.1",), "198.51.100.1"),
        ("10.0.0.1", ("6.6.6.6, unknown",), "10.0.0.1"),
        ("10.0.0.1", ("",), "10.0.0.1"),
        ("::ffff:10.0.0.1", ("198.51.100.1",), "198.51.100.1"),
        ("2001:db8::1", ("198.51.100.1",), "198.51.100.1"),
        ("", ("198.51.100.1",), ""),
    ],
)
def test_the_client_is_the_rightmost_whom_no_proxy_of_ours_is(
    peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    assert resolve(peer, *forwarded)[0] == address


def test_the_scheme_is_believed_of_proxies_only_and_of_the_last_one() -> None:
    assert resolve("10.0.0.1", proto="https")[1]
    assert resolve("10.0.0.1", proto="http, https")[1]
    assert not resolve("10.0.0.1", proto="https, http")[1]
    assert not resolve("192.0.2.1", proto="https")[1]
    assert resolve("192.0.2.1", https=True)[1]


def test_a_header_of_a_thousand_hops_costs_little() -> None:
    assert resolve("10.0.0.1", ",".join(["10.1.1.1"] * 1000))[0] == "10.1.1.1"


def test_what_is_remembered_is_bounded() -> None:
    clients = Clients(("10.0.0.0/8",))
    for number in range(KNOWN_MAX + 10):
        address = f"198.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        clients.resolve(address, {}, (), https=False)
        clients.account(address)
    assert len(clients._known) <= KNOWN_MAX
    assert len(clients._accounts) <= KNOWN_MAX


@pytest.mark.parametrize(
    ("address", "account"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("unix:", "unix:"),
    ],
)
def test_limits_are_counted_on_what_one_customer_holds(address: str, account: str) -> None:
    assert PROXIES.account(address) == account


def test_a_proxy_that_is_no_address_is_refused_at_start() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Clients(("nonsense",))


@pytest.mark.parametrize(
    ("address", "internal"), [("127.0.0.1", True), ("::1", True), ("192.168.1.1", True), ("", True), ("8.8.8.8", False)]
)
def test_internal_addresses(address: str, *, internal: bool) -> None:
    assert is_internal(address) is internal
