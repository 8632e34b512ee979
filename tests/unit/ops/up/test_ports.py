from __future__ import annotations

import os
import socket

import pytest
from tests.processes import free_port

from roadworthy.chassis.errors import StartupError
from roadworthy.ops.up.ports import check_port


def test_a_free_port_is_let_pass() -> None:
    check_port("127.0.0.1", free_port())


def test_a_port_is_taken_also_when_its_owner_would_share_it() -> None:
    with socket.socket() as owner:
        owner.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        owner.bind(("127.0.0.1", 0))
        owner.listen()
        port = owner.getsockname()[1]
        with pytest.raises(StartupError, match=f"port {port} is taken by .*process {os.getpid()}") as refusal:
            check_port("127.0.0.1", port)
    assert refusal.value.remedy.startswith("PORT=")
    assert f"PORT={port} " not in refusal.value.remedy


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_refused(host: str) -> None:
    with pytest.raises(StartupError, match="no address of this machine"):
        check_port(host, free_port())
