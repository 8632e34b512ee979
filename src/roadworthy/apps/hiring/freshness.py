"""How old an answer of the board may be.

A vacancy stays up for weeks, so a list that is a minute old misleads nobody. A job by itself is never kept: it shows
how often it was seen, and asking for it counts.
"""

from __future__ import annotations

from roadworthy.chassis.edge.policy import CachePolicy, RoutePolicy

LISTS_FRESH_SECONDS = 60.0
KEPT = CachePolicy(LISTS_FRESH_SECONDS)
# Exact paths: /jobs/{id} lies below /jobs and is left out.
PATHS = ("/", "/jobs", "/jobs/places", "/jobs.atom", "/companies/*")
# Search engines come back in hours.
SITEMAPS_FRESH_SECONDS = 3_600.0
SITEMAPS = ("/sitemap.xml", "/sitemaps/*")
# Under a name of theirs, photos never change.
PHOTOS_FRESH_SECONDS = 3_600.0
PAGES = (
    *(RoutePolicy(path, cache=KEPT) for path in PATHS),
    *(RoutePolicy(path, cache=CachePolicy(SITEMAPS_FRESH_SECONDS)) for path in SITEMAPS),
    RoutePolicy("/photos/*", cache=CachePolicy(PHOTOS_FRESH_SECONDS)),
)
