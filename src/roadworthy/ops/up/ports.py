"""Whether the web server can have its port, and who has it if not."""

from __future__ import annotations

import errno
import socket

import psutil

from roadworthy.chassis.errors import StartupError
from roadworthy.chassis.processes.state import port_is_free

PORTS_TO_TRY = 100
PORT_MAX = 65_535


def check_port(host: str, port: int) -> None:
    """Return when a server could listen on `host:port`.

    Asked for without SO_REUSEPORT, which Granian sets: two servers would share the port and never notice.

    Raises:
        StartupError: taken (by whom, if that can be seen), not allowed, or no address of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise _refused(host, port, error) from None


def _refused(host: str, port: int, error: OSError) -> StartupError:
    if error.errno == errno.EADDRINUSE:
        return StartupError(f"port {port} is taken by {holder(port)}", f"PORT={_free_port(host, port)} roadworthy up")
    if error.errno == errno.EACCES:
        return StartupError(f"port {port} may only be used by root", "choose one above 1023: PORT=8000")
    return StartupError(f"{host} is no address of this machine: {error.strerror or error}", "HOST=127.0.0.1")


def holder(port: int) -> str:
    """The process that listens on `port`, as far as this user may see."""
    try:
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()}, process {connection.pid}"
    except psutil.Error:
        pass
    return "another program"


def _free_port(host: str, port: int) -> int:
    after = range(port + 1, min(port + PORTS_TO_TRY, PORT_MAX))
    return next((candidate for candidate in after if port_is_free(candidate, host)), port + 1)
