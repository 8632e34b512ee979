"""What apps declare about their routes, and the edge carries out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from roadworthy.chassis.cache.tags import checked, digest
from roadworthy.chassis.limits.quota import LimitPolicy

PART_CHARACTERS_MAX = 40
PATH = re.compile(r"(/[^*?#]*|)(/\*)?")


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long a 200 to GET and HEAD may be given to others who ask the same.

    `ttl_seconds`: the edge keeps it that long, at most CACHE_TTL_SECONDS; 0: not at all.
    `vary`: request headers, lower case, that the answer depends on (`("hx-request",)`). The app sees no others of the
    request while it makes an answer to keep, so that none can leak into it.
    `ignores_credentials`: the answer is the same for everybody, so requests with Cookie or Authorization share it, and
    the app does not see these. Without it, such requests bypass the cache.
    `browser_seconds`: how long browsers and CDNs may keep it without asking; 0: they ask each time and get a 304.
    `stale_seconds`: how much longer it is given out while it is made anew, once.
    `tags`: what the answer depends on; a unit of work that changes one of them drops it. `*` in a tag stands for the
    last part of the path: `("jobs", "company:*")`.
    """

    ttl_seconds: float
    vary: tuple[str, ...] = ()
    ignores_credentials: bool = False
    browser_seconds: int = 0
    stale_seconds: float = 0.0
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse tags that could not be announced."""
        checked(self.tags)

    def tags_of(self, path: str) -> tuple[str, ...]:
        """The tags of the answer at `path`."""
        return tuple(tag.replace("*", _last_part(path)) for tag in self.tags) if self.tags else ()


def _last_part(path: str) -> str:
    last = path.rstrip("/").rpartition("/")[2]
    if last.isascii() and last.isdigit():
        return last.lstrip("0") or "0"  # 07 is asked for as 7 is, and must be dropped with it
    return last if len(last) <= PART_CHARACTERS_MAX else digest(last)


NO_CACHE = CachePolicy(0)


@dataclass(frozen=True, slots=True)
class RoutePolicy:
    """What holds for `path`: one path, or with `/*` at its end that path and everything below.

    What is None is taken from the next shorter pattern that says it. A request counts as `cost` requests against
    `limit`, 1 where nobody says more. `cors` opens the path to CORS_ORIGINS.
    `error_pages` are what browsers get, by status, where the edge answers in the app's place; others get a problem
    document.
    """

    path: str
    cache: CachePolicy | None = None
    limit: LimitPolicy | None = None
    timeout_seconds: float | None = None
    body_limit_bytes: int | None = None
    cors: bool | None = None
    error_pages: Mapping[int, bytes] | None = None
    cost: int | None = None

    def __post_init__(self) -> None:
        """Refuse a pattern that could not match what its author meant."""
        if not PATH.fullmatch(self.path):
            raise ValueError(
                f"{self.path!r} is no path pattern: write /jobs for one path, /jobs/* for it and all below"
            )
        if self.cost is not None and self.cost < 1:
            raise ValueError(f"{self.path}: a request costs 1 or more; where nothing is limited, say limit=UNLIMITED")

    @property
    def is_tree(self) -> bool:
        """Whether it holds below `stem` as well."""
        return self.path.endswith("/*")

    @property
    def stem(self) -> str:
        """The path itself, without the `/*`."""
        return self.path.removesuffix("/*")

    def covers(self, path: str) -> bool:
        """Whether it says something about `path` (or about the subtree that `path`, ending in `/*`, names)."""
        return self.path == path or (self.is_tree and (path == self.stem or path.startswith(f"{self.stem}/")))
