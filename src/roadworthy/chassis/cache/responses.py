"""An answer as it is kept, here and in the shared tier."""

from __future__ import annotations

import msgspec


class StoredResponse(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An answer as the app gave it, and the route that did.

    `created_at` is in seconds since the epoch, for other processes to tell its age.
    """

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    created_at: float
    route: str
