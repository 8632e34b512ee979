"""The foundation of everything that is kept: in this process first, then in the shared tier, dropped by tags."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, ParamSpec, Protocol, TypeVar

from roadworthy.chassis.cache.functions import Cached, Kept, Key
from roadworthy.chassis.cache.second_level import SecondLevel
from roadworthy.chassis.cache.store import Store
from roadworthy.chassis.cache.tags import Tags

P = ParamSpec("P")
R = TypeVar("R")

OWN_CHANGES_MAX = 1000
TIMEOUT_SECONDS = 30.0
STALE_SECONDS_MAX = 3600.0


class Keep(Protocol):
    """Turns a coroutine function into one whose results are kept."""

    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]]) -> Cached[P, R]:
        """`function`, kept."""


class Cache:
    """What this process keeps, and what it shares with the others; one a process.

    `tags` and `shared` serve results of functions and the edge's kept answers alike.
    """

    def __init__(self, limit_bytes: int, shared: SecondLevel | None = None) -> None:
        """Keep at most `limit_bytes` of functions' results in this process; below it is `shared`, if there is one."""
        self.tags = Tags()
        self.shared = shared
        self.results: Store[Key, Kept] = Store(limit_bytes, tags=self.tags)
        self.functions: dict[str, Cached[Any, Any]] = {}
        self.hears: bool | None = None
        """Whether changes by other processes are heard of at the moment; None where nobody listens."""
        self._own_changes: OrderedDict[str, None] = OrderedDict()

    def cached(
        self,
        *,
        ttl_seconds: float,
        stale_seconds: float = 0.0,
        tags: Callable[..., tuple[str, ...]] | tuple[str, ...] = (),
        timeout_seconds: float = TIMEOUT_SECONDS,
        name: str | None = None,
    ) -> Keep:
        """Keep the results of a coroutine function by its arguments, and make each once however many wait.

        A result is good for `ttl_seconds`; for `stale_seconds` more it is given out while it is made anew, once.
        `tags`, or what they give for the arguments, are what a result depends on: see `UnitOfWork.drop`. The function
        runs in an empty context, so whose request came first can't show in it: what depends on who asks is an argument.
        `name` distinguishes it in the shared tier and in metrics; otherwise it is the function's full name.
        """
        if ttl_seconds <= 0 or not 0 <= stale_seconds <= STALE_SECONDS_MAX:
            raise ValueError(f"ttl_seconds is above 0, stale_seconds 0 to {STALE_SECONDS_MAX:g}")

        def keep(function: Callable[P, Coroutine[Any, Any, R]]) -> Cached[P, R]:
            full_name = name or f"{function.__module__}.{function.__qualname__}"
            if full_name in self.functions:
                raise ValueError(f"{full_name} is cached already: name one of them")
            made = Cached(
                function,
                self,
                name=full_name,
                ttl_seconds=ttl_seconds,
                stale_seconds=stale_seconds,
                timeout_seconds=timeout_seconds,
                tags=tags,
            )
            self.functions[full_name] = made
            return made

        return keep

    async def changed(self, change: str, tags: Iterable[str]) -> None:
        """Forget what is under `tags`, here and in the shared tier, because of `change`: committed, or perhaps so.

        From its return on, no request finds the old in this process or in the shared tier. Others are told by the
        change's announcement (`database.announcements`), which comes here as well and is then old news.
        """
        tags = tuple(tags)
        self._forget(change, tags)
        self._own_changes[change] = None
        if len(self._own_changes) > OWN_CHANGES_MAX:
            self._own_changes.popitem(last=False)
        if self.shared is not None:
            await self.shared.settle()

    def heard(self, change: str, tags: Iterable[str]) -> bool:
        """Forget what a change somewhere made untrue; False: it was our own."""
        if change in self._own_changes:
            return False
        self._forget(change, tuple(tags))
        return True

    def missed(self) -> None:
        """Forget everything, here and in the shared tier: changes may have gone unheard."""
        self.tags.drop_all()
        if self.shared is not None:
            self.shared.distrust()

    async def settle(self) -> None:
        """Have the shared tier know of everything that was heard."""
        if self.shared is not None:
            await self.shared.settle()

    def tidy(self, now: float) -> None:
        """Forget what is over at `now` (monotonic seconds)."""
        self.results.tidy(now)

    async def close(self) -> None:
        """Finish what is being written to the shared tier."""
        if self.shared is not None:
            await self.shared.close()

    def _forget(self, change: str, tags: tuple[str, ...]) -> None:
        self.tags.drop(tags)
        if self.shared is not None:
            self.shared.changed(change, tags)
