"""What pages show around a list: how many there are, and where."""

from __future__ import annotations

import msgspec

from roadworthy.apps.hiring.audience import Audience
from roadworthy.apps.hiring.browsing.domain import COUNT_MAX, StateTally, Tally
from roadworthy.apps.hiring.browsing.placenames import PlaceNames
from roadworthy.apps.hiring.browsing.repository import BrowsingRepository
from roadworthy.apps.hiring.jobs.domain import JobFilter
from roadworthy.apps.hiring.jobs.schemas import JobPage, JobQuery
from roadworthy.apps.hiring.jobs.service import JobService
from roadworthy.apps.hiring.places.service import Places
from roadworthy.chassis.cache.memo import Memo

TALLY_SECONDS = 60.0
TALLIES_KEPT = 2_000
STATES_SECONDS = 300.0


class Browsing:
    """Numbers beside the board's lists; a minute old at most by filter, five minutes by state."""

    def __init__(self, repository: BrowsingRepository, jobs: JobService, places: Places) -> None:
        """Take where counts are read from, the service that knows filters, and the places that counts are by."""
        self._repository = repository
        self._jobs = jobs
        self._places = places
        self._tallies: Memo[tuple[Audience, JobFilter], int | None] = Memo(
            lambda key: repository.count(*key), seconds=TALLY_SECONDS, entries_max=TALLIES_KEPT
        )
        self._states: Memo[Audience, list[StateTally]] = Memo(self._load_states, seconds=STATES_SECONDS, entries_max=2)
        self._industries: Memo[Audience, list[str]] = Memo(repository.industries, seconds=STATES_SECONDS, entries_max=2)
        self._names: PlaceNames | None = None
        self._companies: Memo[Audience, int] = Memo(repository.companies, seconds=STATES_SECONDS, entries_max=2)

    async def tally(self, audience: Audience, query: JobQuery, page: JobPage) -> Tally:
        """How many jobs `query` finds, whose `page` has been read already: a list that fits a page counts itself."""
        if query.cursor is None and page.next_cursor is None:
            return Tally(len(page.items), exact=True)
        wanted = await self._jobs.filter_of(msgspec.structs.replace(query, cursor=None))
        counted = await self._tallies.get((audience, wanted)) if wanted is not None else 0
        if counted is None:
            return Tally(query.limit, exact=False)
        return Tally(min(counted, COUNT_MAX), exact=counted <= COUNT_MAX)

    async def states(self, audience: Audience) -> list[StateTally]:
        """Every state with its open jobs, by name."""
        return await self._states.get(audience)

    async def companies(self, audience: Audience) -> int:
        """How many companies are on the board."""
        return await self._companies.get(audience)

    async def industries(self, audience: Audience) -> list[str]:
        """Kinds of companies, the most common first."""
        return await self._industries.get(audience)

    async def place_names(self) -> PlaceNames:
        """Places by the names that people type, made anew when the gazetteer was."""
        gazetteer = await self._places.current()
        if self._names is None or self._names.gazetteer is not gazetteer:
            self._names = PlaceNames(gazetteer)
        return self._names

    async def _load_states(self, audience: Audience) -> list[StateTally]:
        jobs, places = await self._repository.by_state(audience), await self._places.current()
        most = max(jobs.values(), default=1)
        tallies = [StateTally(state, jobs.get(id_, 0), jobs.get(id_, 0) / most) for id_, state in places.states.items()]
        return sorted(tallies, key=lambda tally: tally.state.name)
