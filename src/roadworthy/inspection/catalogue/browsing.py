"""Pages as a browser meets them: they load, fit a phone, can be read aloud and found, and work offline."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from roadworthy.contracts.checks import BlastRadius, Severity, Verdict
from roadworthy.inspection.catalogue import markup, surface
from roadworthy.inspection.catalogue.declaring import Run, check
from roadworthy.inspection.catalogue.kit import counted, failed, listed, observe, offered, passed, unknown
from roadworthy.inspection.catalogue.markup import Markup
from roadworthy.inspection.catalogue.surface import Shown
from roadworthy.inspection.errors import Unobservable
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, Site, pages, reply
from roadworthy.inspection.model import Check, Documentation, Probes, Requirement
from roadworthy.inspection.probes import addresses
from roadworthy.inspection.probes.http import HttpProbe

ASSETS_LIMIT = 6
TITLE_MAX, DESCRIPTION_MAX = 120, 320
DEFAULT_PAGES = re.compile(
    r"<title>\s*(?:Welcome to nginx!|Apache2? \w* ?Default Page|IIS Windows Server|Test Page for|Index of /"
    r"|The install worked successfully!|Ruby on Rails \d|Express)\b|Welcome to Express</|It works!</h1>"
    r"|Application error: a (?:client|server)-side exception",
    re.IGNORECASE,
)
BEYOND_MARKUP = re.compile(
    r"\bwcag\b|\bcontrast|\bkeyboard|\bscreen ?readers?|\baxe\b|\blighthouse|\baudit|\bcompliant|\bcompliance",
    re.IGNORECASE,
)
"""What only shows in a browser, or to people."""
NARROW = re.compile(
    r"@media[^{]*(?:max|min)-width|@media[^{]*width\s*[<>]|auto-fit|auto-fill|flex-wrap|\bclamp\(|@container"
)
REGISTERS = re.compile(r"serviceWorker\s*\.\s*register\(\s*(?:new URL\(\s*)?[\"'`]([^\"'`]+)")
WORKER = re.compile(
    r"addEventListener\(\s*[\"'](?:fetch|install|activate|push)|importScripts\(|\bon(?:fetch|install)\s*=|precache"
)


@dataclass(frozen=True, slots=True)
class Read:
    """A page as it came, and what it says."""

    shown: Shown
    said: Markup

    @property
    def path(self) -> str:
        """Where it stands."""
        return self.shown.answer.path


async def read(http: HttpProbe) -> Sequence[Read]:
    """The service's pages; Unobservable where it shows none of its own."""
    shown = await surface.pages(http)
    if DEFAULT_PAGES.search(shown[0].answer.text):
        raise Unobservable("a web server's default page answers: not the service's own", "name the service's address")
    return [Read(one, markup.read(one.answer.text)) for one in shown]


def _told(found: Sequence[Read], problems: Sequence[str]) -> str:
    names = ", ".join(one.path for one in found)
    return f"{counted(len(found), 'page')} looked at ({names}); {listed(problems) if problems else 'nothing wrong'}"


async def _loads(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    home = await http.get("/", headers=surface.HTML)
    asked = observe("GET / as a browser", f"{home.status} {home.content_type}", http.vantage)
    if home.status >= surface.BAD or DEFAULT_PAGES.search(home.text):
        words = "a web server's default page" if home.status < surface.BAD else str(home.status)
        return failed(f"the home page is {words}", asked, mend="serve the application at /")
    shown = await surface.pages(http)
    assets = surface.local_assets(http, shown, "scripts", "styles")[:ASSETS_LIMIT]
    answers = [await http.get(path) for path in assets]
    broken = [f"{one.path}: {one.status}" for one in answers if one.status != surface.OK]
    broken += [f"{one.path}: a page instead of a file" for one in answers if "html" in one.content_type]
    linked = [link for one in shown for link in one.page.links]
    told = (
        f"{surface.described(shown)} and {len(answers)} scripts and styles; {listed(broken) if broken else 'all there'}"
    )
    evidence = observe("pages, their scripts and styles", told, http.vantage)
    if broken:
        return failed(f"{broken[0]}", asked, evidence, mend="build and deploy the frontend whole")
    if not answers and not linked:
        return unknown("a page without scripts, styles or links: nothing to load", asked, evidence)
    return passed(f"{surface.described(shown)} and {counted(len(answers), 'script')} and styles load", asked, evidence)


async def _mobile(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    found = await read(http)
    problems = [f"{one.path}: {problem}" for one in found if (problem := _viewport(one.said))]
    sheets = surface.local_assets(http, [one.shown for one in found], "styles")[:3]
    css = "".join([(await http.get(path)).text for path in sheets] + [one.said.styles for one in found])
    adapts = bool(NARROW.search(css))
    told = f"{_told(found, problems)}; {len(sheets)} style sheets, {'with' if adapts else 'without'} rules for widths"
    evidence = observe("viewport and style sheets", told, http.vantage)
    if problems:
        patch = '<meta name="viewport" content="width=device-width, initial-scale=1">'
        return failed(problems[0], evidence, mend="let the page take the screen's width", patch=patch)
    if not adapts:
        return unknown(
            "pages take the screen's width; no style sheet of theirs has rules for narrow ones",
            evidence,
            mend="look at it on a phone, and attest it",
        )
    return passed(f"{counted(len(found), 'page')} take the screen's width and have rules for narrow screens", evidence)


def _viewport(said: Markup) -> str:
    content = said.meta.get("viewport", "").replace(" ", "").lower()
    if "width=device-width" not in content:
        return "no viewport of the device's width"
    return (
        "zooming is switched off"
        if re.search(r"user-scalable=(?:no|0)|maximum-scale=1(?:\.0*)?(?:,|$)", content)
        else ""
    )


async def _spoken(probes: Probes, requirement: Requirement) -> Verdict:
    http = offered(probes.http, "http")
    found = await read(http)
    problems = [f"{one.path}: {problem}" for one in found for problem in _mute(one.said)]
    evidence = observe("language, title, images, fields, links and buttons", _told(found, problems), http.vantage)
    if problems:
        return failed(listed(problems, 4), evidence, mend="give each a name that can be read aloud")
    beyond = BEYOND_MARKUP.search(requirement.text("subject"))
    if beyond:
        words = (
            f"{len(found)} pages can be read aloud as far as their HTML tells; {beyond[0]!r} asks for more than that"
        )
        return unknown(words, evidence, mend="run a browser's audit, look at it with people, and attest it")
    return passed(f"{len(found)} pages: language, title, alternative texts, labels and names are there", evidence)


def _mute(said: Markup) -> list[str]:
    """What on a page can't be read aloud, as far as its text tells."""
    return [
        *(["no language (html lang)"] if not said.language else []),
        *(["no title"] if not said.title else []),
        *([f"{counted(len(said.images), 'image')} without alt ({said.images[0]})"] if said.images else []),
        *([f"fields without a label: {listed(said.fields, 3)}"] if said.fields else []),
        *([f"{counted(len(said.silent), 'link')} or buttons without text"] if said.silent else []),
        *(["zooming is switched off"] if "zooming" in _viewport(said) else []),
    ]


async def _findable(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    found = await read(http)
    robots, sitemap = await http.get("/robots.txt"), await http.get("/sitemap.xml")
    problems = [f"{one.path}: {problem}" for one in found for problem in _hidden(one.said)]
    titles = [one.said.title for one in found]
    problems += ["pages share one title"] if len(found) > 1 and len(set(titles)) == 1 else []
    problems += _robots(robots.status, robots.content_type, robots.text)
    listed_there = re.search(r"^[ \t]*sitemap:\s*(\S+)", robots.text, re.IGNORECASE | re.MULTILINE)
    problems += (
        [] if listed_there or (sitemap.status == surface.OK and "<loc>" in sitemap.text) else ["no /sitemap.xml"]
    )
    evidence = observe(
        "titles, descriptions, robots.txt, sitemap.xml",
        f"{_told(found, problems)}; /robots.txt {robots.status}, /sitemap.xml {sitemap.status}",
        http.vantage,
    )
    if problems:
        return failed(listed(problems, 4), evidence, mend="a title and a description a page, robots.txt and a sitemap")
    return passed(f"{len(found)} pages have titles and descriptions; robots.txt and a sitemap are there", evidence)


def _hidden(said: Markup) -> list[str]:
    return [
        *(["no title"] if not said.title or len(said.title) > TITLE_MAX else []),
        *(["no description"] if not said.meta.get("description") else []),
        *(["noindex"] if "noindex" in said.meta.get("robots", "").lower() else []),
    ]


def _robots(status: int, kind: str, text: str) -> list[str]:
    if status != surface.OK or "html" in kind:
        return ["no /robots.txt"]
    everybody = re.search(r"user-agent:\s*\*(?P<rules>(?:\s*\n(?!\s*user-agent)[^\n]*)*)", text, re.IGNORECASE)
    closed = everybody and re.search(r"^[ \t]*disallow:\s*/\s*$", everybody["rules"], re.IGNORECASE | re.MULTILINE)
    return ["robots.txt shuts everybody out"] if closed else []


async def _worker(probes: Probes, requirement: Requirement) -> Verdict:  # noqa: ARG001 - the line says nothing more
    http = offered(probes.http, "http")
    found = await read(http)
    scripts = surface.local_assets(http, [one.shown for one in found], "scripts")[:ASSETS_LIMIT]
    bodies = [one.said.inline for one in found] + [(await http.get(path)).text for path in scripts]
    registered = next((match[1] for body in bodies if (match := REGISTERS.search(body))), "")
    looked = f"{counted(len(found), 'page')} and {len(scripts)} scripts looked at"
    if not registered:
        evidence = observe("serviceWorker.register", f"nowhere; {looked}", http.vantage)
        return failed(
            f"no page registers a service worker ({looked})",
            evidence,
            mend="register one",
            patch="navigator.serviceWorker.register('/sw.js')",
        )
    answer = await http.get(addresses.join(found[0].shown.answer.url, registered))
    manifest = next((one.said.links["manifest"] for one in found if one.said.links.get("manifest")), "none")
    told = f"{registered}: {answer.status} {answer.content_type}; manifest: {manifest}; {looked}"
    evidence = observe("serviceWorker.register", told, http.vantage)
    if answer.status != surface.OK or "javascript" not in answer.content_type or not WORKER.search(answer.text):
        return failed(
            f"{registered} is registered, and is no service worker", evidence, mend="deploy the worker's file"
        )
    return passed(f"{registered} is registered and is a service worker", evidence)


def _page(head: str = "", body: str = "", *, html: str = '<html lang="en">') -> str:
    title = "<title>Jobs for spas</title>" if "<title>" not in head else ""
    return f"<!doctype html>{html}<head>{title}{head}</head><body><h1>Jobs</h1>{body}<p>text</p></body></html>"


_VIEW = '<meta name="viewport" content="width=device-width, initial-scale=1">'
_STYLE = '<link rel="stylesheet" href="/app.css">'
_CSS = reply("@media (max-width: 40rem) { nav { display: block } }", content_type="text/css")
_DESCRIBED = '<meta name="description" content="Vacancies of spas">'
_ROBOTS = reply("User-agent: *\nDisallow: /admin\n", content_type="text/plain")
_SITEMAP = reply("<urlset><url><loc>https://x.test/</loc></url></urlset>", content_type="application/xml")
_SCRIPT = reply("navigator.serviceWorker.register('/sw.js')", content_type="text/javascript")
_SW = reply("self.addEventListener('fetch', event => {})", content_type="text/javascript")


def _site(page: str, **more: Reply) -> Site:
    return pages({"/": reply(page), **more})


def _check(  # noqa: PLR0917 - the same seven parts, five times below
    requirement: str,
    name: str,
    title: str,
    run: Run,
    severity: Severity,
    documentation: Documentation,
    stages: tuple[Stage, Stage],
) -> Check:
    return check(
        requirement,
        name,
        title,
        run,
        documentation,
        severity=severity,
        must_fail=stages[0],
        mended=stages[1],
        radius=BlastRadius.READ_ONLY,
        seconds=20.0,
    )


LOADS = _check(
    "fe.smoke",
    "loaded",
    "Pages load with all that they refer to",
    _loads,
    Severity.HIGH,
    Documentation(
        what="The home page and the kinds of pages that it links to answer 200, and so do their own scripts and "
        "styles.",
        why="A page whose script is missing is blank for everybody, and every health check stays green.",
        how_verified=f"Asks for up to four pages and {ASSETS_LIMIT} of their scripts and styles; a page in place "
        f"of a file, "
        "as single-page servers give for everything, and a web server's default page count as missing. Scripts are not "
        "run: errors in the browser's console are not seen.",
        how_to_mend="Deploy pages and assets together; keep the assets of the last release for a while.",
        not_applicable_when="Never.",
    ),
    (
        Stage(site=_site(_page('<script src="/app.js"></script>'))),
        Stage(site=_site(_page('<script src="/app.js"></script>'), **{"/app.js": _SCRIPT})),
    ),
)
MOBILE = _check(
    "fe.mobile",
    "viewport",
    "Pages fit small screens",
    _mobile,
    Severity.MEDIUM,
    Documentation(
        what="Pages take the device's width, let people zoom, and their style sheets have rules for narrow screens.",
        why="Without a viewport a phone shows the desktop's page in miniature.",
        how_verified="Reads the viewport of up to four pages and looks for width rules in up to three style sheets. It "
        "does not render: how it looks is for people to say.",
        how_to_mend="A viewport of the device's width, and media or container queries.",
        not_applicable_when="Never.",
    ),
    (
        Stage(site=_site(_page(_STYLE), **{"/app.css": _CSS})),
        Stage(site=_site(_page(_VIEW + _STYLE), **{"/app.css": _CSS})),
    ),
)
SPOKEN = _check(
    "fe.a11y",
    "named",
    "What is on a page can be read aloud",
    _spoken,
    Severity.MEDIUM,
    Documentation(
        what="Pages have a language and a title, images an alternative text, fields a label, links and buttons a "
        "name, and "
        "zooming is not switched off.",
        why="Who listens to a page, or uses it by keyboard, has nothing else to go by.",
        how_verified="Reads the HTML of up to four pages as it is sent. Contrast, focus and what scripts add "
        "later are not "
        "seen: a pass covers what is named here, and a line that asks for more (WCAG, contrast, keyboard) stays "
        "unknown.",
        how_to_mend="lang on html, alt on img, a label for each field, text or aria-label in links and buttons.",
        not_applicable_when="Never.",
    ),
    (
        Stage(site=_site(_page(body='<img src="/logo.png"><input name="q">'))),
        Stage(site=_site(_page(body='<img src="/logo.png" alt="Spa"><label for="q">Search</label><input id="q">'))),
    ),
)
FINDABLE = _check(
    "fe.seo",
    "found",
    "Search engines find what they need",
    _findable,
    Severity.LOW,
    Documentation(
        what="Pages have a title of their own and a description, none says noindex, robots.txt lets engines in, and a "
        "sitemap is there.",
        why="A page that can't be found has no readers.",
        how_verified="Reads up to four pages, /robots.txt and /sitemap.xml (or where robots.txt says).",
        how_to_mend="A title and a description a page; robots.txt; a sitemap of what is to be found.",
        not_applicable_when="Never.",
    ),
    (
        Stage(site=_site(_page())),
        Stage(site=_site(_page(_DESCRIBED), **{"/robots.txt": _ROBOTS, "/sitemap.xml": _SITEMAP})),
    ),
)
OFFLINE = _check(
    "fe.pwa",
    "registered",
    "A service worker is registered",
    _worker,
    Severity.LOW,
    Documentation(
        what="A page or one of its scripts registers a service worker, and its address answers with one.",
        why="Without it nothing opens offline, and no installed app updates itself.",
        how_verified=f"Reads up to four pages and {ASSETS_LIMIT} of their scripts for serviceWorker.register and "
        f"asks for the "
        "address named there.",
        how_to_mend="navigator.serviceWorker.register('/sw.js'), and serve that file as JavaScript.",
        not_applicable_when="Never.",
    ),
    (
        Stage(site=_site(_page('<script src="/app.js"></script>'), **{"/app.js": _SCRIPT})),
        Stage(site=_site(_page('<script src="/app.js"></script>'), **{"/app.js": _SCRIPT, "/sw.js": _SW})),
    ),
)
CHECKS = (LOADS, MOBILE, SPOKEN, FINDABLE, OFFLINE)
