"""Templates in, HTML answers out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from litestar import Response

from roadworthy.chassis.edge.security import page_policy
from roadworthy.chassis.pages import wording
from roadworthy.chassis.pages.assets import Assets

FOLDER = Path(__file__).parent
HTML = "text/html"
# A page may change at any moment: a browser asks each time, and hears 304 when nothing did.
REVALIDATE = "no-cache"
OF_ONE_ORIGIN = ".svg"
FILTERS = ("ago", "day", "number", "plural", "iso", "prose", "initials", "hue")


@dataclass(frozen=True, slots=True)
class Site:
    """What stands at the top and the bottom of every page: the name, and links as (address, text)."""

    name: str
    tagline: str
    public_url: str
    links: tuple[tuple[str, str], ...] = ()
    footer_links: tuple[tuple[str, str], ...] = ()
    stylesheet: str | None = None


class Pages:
    """Renders one app's templates, which may extend and import those called `chassis/`."""

    def __init__(
        self,
        site: Site,
        *,
        templates: Mapping[str, Path],
        static: Mapping[str, Path],
        filters: Mapping[str, Callable[..., Any]] | None = None,
        cdn_url: str = "",
    ) -> None:
        """Take folders by prefix: `templates={"jobs": folder}` makes `jobs/job.html` of job.html in that folder.

        With `cdn_url`, static files are asked for there; it fetches them from this site.
        """
        self.site = site
        self._cdn_url = cdn_url.rstrip("/")
        self._policy = {"content-security-policy": page_policy(self._cdn_url).decode()} if cdn_url else {}
        self.assets = Assets({"chassis": FOLDER / "static", **static})
        loaders = {"chassis": FOLDER / "templates", **templates}
        self._environment = Environment(
            loader=PrefixLoader({prefix: FileSystemLoader(folder) for prefix, folder in loaders.items()}),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters.update({name: getattr(wording, name) for name in FILTERS} | dict(filters or {}))
        self._environment.globals.update(site=site, asset=self.address)

    def address(self, name: str) -> str:
        """Where a browser gets the static file called `name`."""
        url = self.assets.url(name)
        # Parts of an SVG can be used from the page's own origin only.
        return url if url.endswith(OF_ONE_ORIGIN) else self._cdn_url + url

    def render(self, template: str, **context: Any) -> str:
        """The page that `template` makes of `context`; a name that is missing is an error, never an empty space."""
        return self._environment.get_template(template).render(context)

    def response(
        self,
        template: str,
        *,
        status: int = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
        **context: Any,
    ) -> Response[bytes]:
        """The answer that shows `template`; browsers keep it, and ask whether it changed."""
        body = self.render(template, **context).encode()
        return Response(
            body,
            media_type=HTML,
            status_code=status,
            headers={"cache-control": REVALIDATE, **self._policy, **(headers or {})},
        )
