from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent / "photos"
# What stands in for photographs: pictures drawn for this board, as large as somebody's camera might send them.
SHOWS = {
    "candles": "Three candles at dusk",
    "garden": "A garden path",
    "hot-stones": "Hot stones on a towel",
    "lounge": "A relaxation lounge",
    "mountain-spring": "A hot spring in the mountains",
    "movement": "A movement studio",
    "nail-bar": "A nail bar",
    "orchid": "An orchid by a window",
    "pool": "A pool under palms",
    "reception": "The front desk",
    "sauna": "A cedar sauna",
    "serums": "Serums on a shelf",
    "tea": "Tea after a treatment",
    "treatment-room": "A treatment room",
}


def photos() -> Iterator[tuple[str, str, bytes]]:
    """Name, what it shows, and bytes of every photo."""
    return ((name, shows, (FOLDER / f"{name}.webp").read_bytes()) for name, shows in SHOWS.items())
