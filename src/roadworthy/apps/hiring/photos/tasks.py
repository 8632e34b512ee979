"""What the worker does with photos."""

from __future__ import annotations

import structlog

from roadworthy.apps.hiring.photos.repository import PhotoRepository
from roadworthy.chassis.pages.pictures import TIMEOUT_SECONDS, PictureRefused, digest_of, make_variants
from roadworthy.chassis.tasks.periodic import PeriodicTask

EVERY_SECONDS = 5.0
PHOTOS_A_RUN = 20

log = structlog.get_logger("roadworthy.hiring.photos")


def photos_task(repository: PhotoRepository) -> PeriodicTask:
    """The task that makes sizes and formats of new photos; one that can't be used is refused once, with the reason."""

    async def make() -> None:
        for _ in range(PHOTOS_A_RUN):
            waiting = await repository.waiting()
            if waiting is None:
                return
            await _make(repository, *waiting)

    return PeriodicTask("hiring.photos", EVERY_SECONDS, make, PHOTOS_A_RUN * TIMEOUT_SECONDS)


async def _make(repository: PhotoRepository, name: str, original: bytes) -> None:
    try:
        variants = await make_variants(original)
    except PictureRefused as error:
        log.warning("photo refused", photo=name, reason=error.detail)
        await repository.refuse(name, error.detail or PictureRefused.title())
    else:
        await repository.keep(name, digest_of(original), variants)
