"""Shakes hands in one version of TLS after the other, and says which of them the server goes along with."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import Mapping
from enum import StrEnum

VERSIONS: Mapping[str, ssl.TLSVersion] = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}
HANDSHAKE_SECONDS = 5.0
ANY_CIPHER = "ALL:@SECLEVEL=0"
"""What an old client would offer; without it the library here would refuse before the server could."""
_OWN_REFUSALS = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL", "WRONG_SSL_VERSION")


class Shake(StrEnum):
    """How a handshake in one version ended."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNSEEN = "unseen"


async def versions(host: str, port: int) -> Mapping[str, Shake]:
    """Each version and how it ended: four connections, one after the other, that send nothing else."""
    return {name: await _shake(host, port, version) for name, version in VERSIONS.items()}


async def _shake(host: str, port: int, version: ssl.TLSVersion) -> Shake:
    try:
        context = _context(version)
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    except ssl.SSLError as error:
        # the server's alert says that it was the server; the library's own refusal says nothing about it
        own = any(reason in str(error.reason or error) for reason in _OWN_REFUSALS)
        return Shake.UNSEEN if own else Shake.REFUSED
    except ConnectionResetError:
        return Shake.REFUSED
    except (OSError, TimeoutError, ValueError):
        return Shake.UNSEEN
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):  # it was taken, however the goodbye ends
        async with asyncio.timeout(1):
            await writer.wait_closed()
    return Shake.TAKEN


def _context(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # which versions are spoken is asked, not by whom: nothing is sent
    context.set_ciphers(ANY_CIPHER)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that they are old is the question
        context.maximum_version = ssl.TLSVersion.TLSv1_3
        context.minimum_version = version
        context.maximum_version = version
    return context
