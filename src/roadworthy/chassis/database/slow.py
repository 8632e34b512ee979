"""A log of slow statements: their text without values, how long they took, and how PostgreSQL would run them."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

TEXT_LIMIT_CHARACTERS = 2_000
PLAN_LIMIT_CHARACTERS = 4_000
PLANS_WAITING_MAX = 16
STATEMENTS_KNOWN_MAX = 512
PLAN_AGAIN_AFTER_SECONDS = 3600.0
# Literals of statements that were not written with parameters: their values are nobody's business in a log.
TEXT = r"'(?:[^']|'')*'"
LITERAL = re.compile(rf"{TEXT}|(?<![\w$.])\d+(?:\.\d+)?(?![\w.])")
BLANK = re.compile(r"\s+")
EXPLAINABLE = re.compile(r"\s*(select|with|insert|update|delete|merge)\b", re.IGNORECASE)

logger = logging.getLogger(__name__)


class Logged(Protocol):
    """What asyncpg tells of a statement that has ended; `elapsed` in seconds."""

    @property
    def query(self) -> str: ...  # noqa: D102 - asyncpg's own field, documented there
    @property
    def elapsed(self) -> float: ...  # noqa: D102 - as above


def normalised(sql: str) -> str:
    """`sql` on one line, with `?` for each literal in it; parameters ($1) stay."""
    return LITERAL.sub("?", BLANK.sub(" ", sql).strip())[:TEXT_LIMIT_CHARACTERS]


class SlowStatements:
    """Logs each statement that took `limit_seconds` or more, and its plan once an hour.

    A plan is the generic one, made without running the statement, by `explain`, which takes the statement's text.
    """

    def __init__(self, limit_seconds: float, explain: Callable[[str], Awaitable[str]]) -> None:
        """Start with nothing known."""
        self._limit_seconds = limit_seconds
        self._explain = explain
        self._planned_at: dict[str, float] = {}
        self._waiting: asyncio.Queue[tuple[str, str]] = asyncio.Queue(PLANS_WAITING_MAX)
        self.count = 0

    def __call__(self, ended: Logged) -> None:
        """Note that a statement has ended; asyncpg calls this for each."""
        if ended.elapsed < self._limit_seconds:
            return
        self.count += 1
        text = normalised(ended.query)
        logger.warning("slow statement: %.3f s: %s", ended.elapsed, text)
        if EXPLAINABLE.match(ended.query) and self._is_due(text) and not self._waiting.full():
            self._waiting.put_nowait((ended.query, text))

    async def plan(self) -> None:
        """Log the plans of what was slow, one after the other, for ever."""
        while True:
            sql, text = await self._waiting.get()
            try:
                plan = await self._explain(sql)
            except Exception as error:  # noqa: BLE001  # the log of a trouble must not become one
                logger.info("slow statement, no plan: %s (%s)", text, error)
            else:
                logger.warning(
                    "slow statement, its plan: %s\n%s", text, re.sub(TEXT, "?", plan)[:PLAN_LIMIT_CHARACTERS]
                )

    def _is_due(self, text: str) -> bool:
        now = time.monotonic()
        if now - self._planned_at.get(text, -PLAN_AGAIN_AFTER_SECONDS) < PLAN_AGAIN_AFTER_SECONDS:
            return False
        if len(self._planned_at) >= STATEMENTS_KNOWN_MAX:
            self._planned_at.clear()
        self._planned_at[text] = now
        return True
