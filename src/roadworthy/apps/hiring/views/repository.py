"""Where views are kept: counted in the shared tier until the worker adds them to the jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import msgspec

from roadworthy.chassis.cache.shared import SharedTier
from roadworthy.chassis.database.pool import Database

VIEWS_KEY = "roadworthy:hiring:views"
BATCH_KEY = "{roadworthy:hiring:views}:batch"  # in braces: on the same node of a cluster as the views
BATCH_ID_FIELD = b"batch"

# One command a second and process, however many jobs were seen in it.
COUNT = """
local views = cmsgpack.unpack(ARGV[1])
for i = 1, #views, 2 do redis.call('HINCRBY', KEYS[1], views[i], views[i + 1]) end
"""
# Moves views of at most ARGV[2] jobs into a batch of their own, under a name that is given once: a worker that dies
# between here and `release` leaves the batch as it is, and the next one finishes it.
TAKE = """
if redis.call('EXISTS', KEYS[2]) == 0 then
  local taken = redis.call('HRANDFIELD', KEYS[1], ARGV[2], 'WITHVALUES')
  if #taken == 0 then return {} end
  redis.call('HSET', KEYS[2], 'batch', ARGV[1])
  for i = 1, #taken, 2 do
    redis.call('HSET', KEYS[2], taken[i], taken[i + 1])
    redis.call('HDEL', KEYS[1], taken[i])
  end
end
return redis.call('HGETALL', KEYS[2])
"""
ADD = """
update hiring.jobs j set view_count = j.view_count + v.views
from unnest($1::bigint[], $2::bigint[]) v (id, views) where j.id = v.id
"""
# The batch's name and its views are written together or not at all, so that a batch met twice is added once.
ADD_BATCH = """
with fresh as (insert into hiring.view_batches (id) values ($3) on conflict do nothing returning id),
     old as (delete from hiring.view_batches where added_at < now() - interval '1 day')
update hiring.jobs j set view_count = j.view_count + v.views
from unnest($1::bigint[], $2::bigint[]) v (id, views) where j.id = v.id and exists (select from fresh)
"""


@dataclass(frozen=True, slots=True)
class Batch:
    """Views by job that are added to the jobs together, once."""

    id: UUID
    views: Mapping[int, int]


class SharedViews:
    """Views in the shared tier, from where a worker fetches them."""

    def __init__(self, shared: SharedTier) -> None:
        """Take the shared tier; its calls raise SharedTierDown."""
        self._shared = shared
        self._count = shared.client.register_script(COUNT)
        self._take = shared.client.register_script(TAKE)

    async def add(self, views: Mapping[int, int]) -> None:
        """Count `views` by job.

        Raises:
            SharedTierDown: they may have been counted or not.
        """
        flat = [number for pair in views.items() for number in pair]
        await self._shared.run(self._count(keys=[VIEWS_KEY], args=[msgspec.msgpack.encode(flat)]))

    async def take(self, jobs_max: int) -> Batch | None:
        """The batch that was taken before and not released, or else a new one; None when there are no views.

        Raises:
            SharedTierDown: it does not answer.
        """
        taken: list[Any] = await self._shared.run(
            self._take(keys=[VIEWS_KEY, BATCH_KEY], args=[str(uuid4()), str(jobs_max)])
        )
        fields = dict(zip(taken[::2], taken[1::2], strict=True))
        if not fields:
            return None
        id_ = UUID(fields.pop(BATCH_ID_FIELD).decode())
        return Batch(id_, {int(job_id): int(views) for job_id, views in fields.items()})

    async def release(self) -> None:
        """Forget the batch: its views have been added.

        Raises:
            SharedTierDown: it does not answer.
        """
        await self._shared.run(self._shared.client.delete(BATCH_KEY))


class ViewRepository:
    """Adds views to the jobs."""

    def __init__(self, database: Database) -> None:
        """Take the pool to write to."""
        self._database = database

    async def add(self, views: Mapping[int, int]) -> None:
        """Add `views` by job, in one statement."""
        # In one order, for other processes do the same: two that lock rows crosswise would wait for each other.
        ids = sorted(views)
        await self._database.execute(ADD, ids, [views[id_] for id_ in ids])

    async def add_batch(self, batch: Batch) -> None:
        """Add the views of a batch in one statement, unless it was added before."""
        await self._database.execute(ADD_BATCH, list(batch.views), list(batch.views.values()), batch.id)
