"""What browsers load: who delivers it, how long it keeps, and how it was built."""

from __future__ import annotations

import re
from collections.abc import Sequence

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import surface
from roadworthy.inspection.catalogue.kit import failed, listed, not_applicable, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.proxy import directive
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage, twins
from roadworthy.inspection.fixtures.web import Asked, Reply, Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement, Strength
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.http import Answer, HttpProbe, directives

CDN_HEADERS = (
    "cf-ray",
    "x-amz-cf-id",
    "x-served-by",
    "x-fastly-request-id",
    "x-azure-ref",
    "x-vercel-cache",
    "x-nf-request-id",
    "x-bunny-cache",
    "cdn-cache",
    "x-cdn",
    "x-akamai-transformed",
    "via",
)
CDN_HOSTS = re.compile(
    r"cloudfront\.net|cloudflare|fastly|akamai|azureedge\.net|azurefd\.net|b-cdn\.net|jsdelivr|unpkg|bunnycdn|imgix|cloudinary"
    r"|keycdn|stackpathcdn|googleusercontent|storage\.googleapis|^cdn\.|\.cdn\.",
    re.IGNORECASE,
)
FINGERPRINT = re.compile(r"[.-](?=[0-9a-zA-Z_-]{0,80}\d)[0-9a-zA-Z_-]{6,80}\.\w+(?:\?|$)|\?v=|/_next/static/")
MODERN = frozenset({"image/webp", "image/avif"})
VECTOR = frozenset({"image/svg+xml"})
DAY_SECONDS = 86_400
FINGERPRINTED_SECONDS = 30 * DAY_SECONDS
PAGE_SECONDS_MAX = 3_600
SAMPLE = 3


def _wants_images(requirement: Requirement) -> bool:
    return bool(re.search(r"image|photo|upload|picture|media", requirement.text("subject"), re.IGNORECASE))


async def _delivered(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    shown = await surface.pages(http)
    kinds = ("images",) if _wants_images(requirement) else ("scripts", "styles")
    local = [url for url in surface.local_assets(http, shown, *kinds) if not url.endswith(".svg")]
    elsewhere = [
        url for url in surface.foreign_assets(http, shown) if CDN_HOSTS.search(addresses.parse(url).host or "")
    ]
    answers = [await http.get(url) for url in local[:SAMPLE]]
    where = surface.described(shown)
    evidence = [
        observe(
            f"{listed(kinds)} of {where}",
            f"{len(local)} here, {len(elsewhere)} on a CDN: {listed(elsewhere, 3)}",
            http.vantage,
        )
    ]
    evidence += [
        observe(f"GET {one.path}", one.brief(*_marks(one)), http.vantage, basis=listed(_marks(one))) for one in answers
    ]
    if elsewhere and not local:
        return passed(f"all {len(elsewhere)} come from {addresses.parse(elsewhere[0]).host}", *evidence)
    if answers and all(_marks(one) for one in answers):
        return passed(f"{len(answers)} assets carry a CDN's headers: {listed(_marks(answers[0]))}", *evidence)
    if not local:
        kind = "raster image" if "images" in kinds else "script or style"
        words = f"no {kind} of this service on {where}"
        return not_applicable(words, *evidence) if len(shown) > 1 else unknown(words, *evidence)
    return failed(
        f"{len(local)} assets come from the service itself, without a CDN's headers",
        *evidence,
        mend="put a CDN in front of the assets, or of the whole site",
        patch="CDN_URL=https://cdn.your.app",
    )


def _marks(answer: Answer) -> Sequence[str]:
    found = [name for name in CDN_HEADERS if name in answer.headers]
    return [*found, "server"] if "cloudflare" in answer.headers.get("server", "").lower() else found


async def _kept(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    shown = await surface.pages(http)
    place = requirement.text("path") or ("/uploads" if "upload" in requirement.text("subject").lower() else "")
    urls = [url for url in surface.local_assets(http, shown) if addresses.parse(url).path.startswith(place)]
    if requirement.text("directive"):
        return await directive(probes, requirement)
    if place and not urls:
        return await _nothing_there(http, shown, place)
    answers = [await http.get(url) for url in urls[:SAMPLE]]
    evidence = [observe(f"GET {one.path}", one.brief("cache-control", "etag"), http.vantage) for one in answers]
    if not answers:
        raise Unobservable(
            f"{surface.described(shown)} refer(s) to no asset of this service", "name an asset in the line"
        )
    problems = [problem for one in answers if (problem := _forgotten(one, requirement))]
    if not place:
        evidence += [
            observe(f"GET {one.answer.path}", one.answer.brief("cache-control"), http.vantage) for one in shown[:1]
        ]
        problems += [problem for one in shown if (problem := _kept_too_long(one.answer))]
    if problems:
        return failed(
            listed(problems, 4),
            *evidence,
            mend="long and immutable for fingerprinted files, short for pages",
            patch='location /static/ { expires 30d; add_header Cache-Control "public, immutable"; }',
        )
    return passed(f"{len(answers)} assets keep long enough: {answers[0].headers.get('cache-control', '')}", *evidence)


async def _nothing_there(http: HttpProbe, shown: Sequence[surface.Shown], place: str) -> Verdict:
    answer = await http.get(place, named=True)
    images = len(surface.local_assets(http, shown, "images"))
    evidence = observe(
        f"assets under {place}",
        f"none on {surface.described(shown)}, with {images} images; GET {place}: {answer.status}",
        http.vantage,
        basis=f"none; {answer.status}",
    )
    if answer.status in {404, 410} and len(shown) > 1:
        return not_applicable(f"there is no {place}: it answers {answer.status}, and no page refers to it", evidence)
    return unknown(f"no page refers to anything under {place}", evidence, mend="name a file under it in the line")


def _forgotten(answer: Answer, requirement: Requirement) -> str:
    """What is wrong with an asset's Cache-Control; empty if nothing."""
    said = directives(answer.headers.get("cache-control", ""))
    age = int(said["max-age"]) if said.get("max-age", "").isdigit() else 0
    usual = FINGERPRINTED_SECONDS if FINGERPRINT.search(answer.url) else DAY_SECONDS
    least = requirement.number("max_age_seconds") or usual
    wanted = [name for name in directives(requirement.text("value")) if name in {"public", "immutable"}]
    missing = [name for name in wanted if name not in said]
    if age < least:
        return f"{answer.path} keeps {age} seconds, less than {least:g}"
    return f"{answer.path} is not {' and '.join(missing)}" if missing else ""


def _kept_too_long(answer: Answer) -> str:
    age = directives(answer.headers.get("cache-control", "")).get("max-age", "0")
    return f"the page {answer.path} keeps {age} seconds" if age.isdigit() and int(age) > PAGE_SECONDS_MAX else ""


async def _images(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    shown = await surface.pages(http)
    urls = surface.local_assets(http, shown, "images")
    answers = [await http.get(url, headers={"accept": "image/avif,image/webp,*/*"}) for url in urls[:SAMPLE]]
    raster = [one for one in answers if one.status == surface.OK and one.content_type not in VECTOR]
    text = "\n".join(f"{one.path}: {one.content_type}, {one.wire_bytes} bytes" for one in answers) or "none"
    evidence = observe(
        f"images of {surface.described(shown)}, asked with Accept: image/avif,image/webp", text, http.vantage
    )
    old = [one for one in raster if one.content_type not in MODERN]
    if old:
        return failed(
            f"{len(old)} of {len(raster)} images come as {old[0].content_type}",
            evidence,
            mend="serve WebP or AVIF where they are accepted",
        )
    if raster:
        return passed(f"{len(raster)} images come as {listed(sorted({one.content_type for one in raster}))}", evidence)
    words = f"{len(urls)} images on {surface.described(shown)}, none of them a photograph or other raster image"
    return not_applicable(words, evidence) if len(shown) > 1 else unknown(words, evidence)


HOME = (
    '<html><head><title>Jobs</title><script src="/static/{script}"></script>{more}</head>'
    '<body><img src="/photo"><p>Jobs</p></body></html>'
)


def site(
    script: str = "app.js", more: str = "", *, image: str = "image/jpeg", bytes_least: int = 0, **headers: str
) -> Site:
    """A page that loads a script and an image; the script is served with `headers` and has at least these bytes."""

    def answer(asked: Asked) -> Reply:
        if asked.path == "/":
            return reply(HOME.format(script=script, more=more))
        if asked.path.endswith(".js"):
            return reply("let x = 1;".ljust(bytes_least), content_type="text/javascript", **headers)  # type: ignore[arg-type]  # names of headers
        return reply(b"picture", content_type=image) if asked.path == "/photo" else reply("not found", 404)

    return lambda: answer


DELIVERED = Check(
    id="cdn.on.headers",
    requirements=("cdn.on",),
    title="Assets come from a CDN",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_delivered,
    documentation=Documentation(
        what="Scripts and styles (or images, where the line says so) carry a CDN's headers or come from a CDN's host.",
        why="Most of a page's bytes are files; near the reader they cost the server nothing.",
        how_verified="Reads up to four pages, asks three of their assets and reads the headers. Other hosts are "
        "judged by name, never asked.",
        how_to_mend="A CDN in front of the site, or of the assets' own host name.",
        not_applicable_when="Several pages were read, and none refers to such an asset.",
    ),
    fixtures=twins("cdn.on", must_fail=Stage(site=site()), mended=Stage(site=site(cf_ray="8f1-FRA"))),
)

KEPT = Check(
    id="cdn.cachehdr.age",
    requirements=("cdn.cachehdr",),
    title="Assets say how long they keep",
    severity=Severity.MEDIUM,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_kept,
    documentation=Documentation(
        what="Cache-Control of assets has the line's age, or 30 days for fingerprinted names; pages keep an hour at "
        "most.",
        why="Without it every visit loads everything again; with too much a page of last week stays.",
        how_verified="Reads up to four pages and asks three of the assets that they refer to. A directive of the "
        "line is looked "
        "for in the proxy's configuration.",
        how_to_mend="expires and add_header in the proxy, or the framework's static files.",
        not_applicable_when="The line names a place that answers 404 and to which no page refers.",
    ),
    fixtures=twins(
        "cdn.cachehdr",
        {"max_age_seconds": 2_592_000},
        must_fail=Stage(site=site(cache_control="no-cache")),
        mended=Stage(
            site=pages(
                {
                    "/": reply(
                        '<html><head><title>Jobs</title><script src="/app.js"></script></head><body></body></html>'
                    ),
                    "/app.js": reply(
                        "let x = 1;",
                        content_type="text/javascript",
                        cache_control="public, max-age=31536000, immutable",
                    ),
                }
            )
        ),
    ),
)

IMAGES = Check(
    id="fe.images.formats",
    requirements=("fe.images",),
    title="Images come small and modern",
    severity=Severity.LOW,
    blast_radius=BlastRadius.READ_ONLY,
    strength=Strength.BEHAVIOUR,
    needs=frozenset({"http"}),
    run=_images,
    documentation=Documentation(
        what="Raster images of the pages come as WebP or AVIF when the browser takes them.",
        why="They are a third smaller than JPEG, and images are most of a page.",
        how_verified="Asks three images of up to four pages with Accept: image/avif,image/webp.",
        how_to_mend="An image service, or variants made at upload.",
        not_applicable_when="Several pages were read, and none has a raster image.",
    ),
    fixtures=twins("fe.images", must_fail=Stage(site=site()), mended=Stage(site=site(image="image/webp"))),
)

CHECKS = (DELIVERED, KEPT, IMAGES)
