"""What a mistyped search may have meant."""

from __future__ import annotations

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.spelling.domain import corrected, questionable
from roadworthy.apps.hiring.spelling.repository import SpellingRepository
from roadworthy.chassis.cache.memo import Memo

KEPT_SECONDS = 600.0
KEPT_MAX = 2_000


class Spelling:
    """Corrects searches with the words that the board knows; what it says is ten minutes old at most."""

    def __init__(self, repository: SpellingRepository) -> None:
        """Take where words are kept."""
        self._better: Memo[tuple[Audience, tuple[str, ...]], dict[str, str]] = Memo(
            lambda key: repository.resembling(*key), seconds=KEPT_SECONDS, entries_max=KEPT_MAX
        )

    async def corrected(self, audience: Audience, text: str) -> str | None:
        """`text` with the words that nobody uses replaced by those they resemble; None if there are none."""
        words = questionable(text)
        better = await self._better.get((audience, tuple(words))) if words else {}
        return corrected(text, better) if better else None
