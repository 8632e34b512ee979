"""A list of jobs as an Atom feed (RFC 4287)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from roadworthy.apps.hiring import wording
from roadworthy.apps.hiring.jobs.domain import JobSummary
from roadworthy.chassis.pages.wording import iso

ATOM = "http://www.w3.org/2005/Atom"
NEVER = datetime(2000, 1, 1, tzinfo=UTC)


def feed(title: str, *, here: str, page: str, site: str, jobs: Sequence[JobSummary]) -> bytes:
    """The feed called `title` at the address `here`, of the list that people see at `page`."""
    root = ET.Element("feed", {"xmlns": ATOM, "xml:lang": "en"})
    _add(root, "id", here)
    _add(root, "title", title)
    _add(root, "updated", iso(max((job.created_at for job in jobs), default=NEVER)))
    ET.SubElement(root, "link", {"rel": "self", "type": "application/atom+xml", "href": here})
    ET.SubElement(root, "link", {"rel": "alternate", "type": "text/html", "href": page})
    for job in jobs:
        _entry(root, job, f"{site}/jobs/{job.id}")
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _entry(root: ET.Element, job: JobSummary, address: str) -> None:
    entry = ET.SubElement(root, "entry")
    place = f"{job.city.name}, {job.state.code}"
    _add(entry, "id", address)
    _add(entry, "title", f"{job.title} at {job.company.name}, {place}")
    _add(entry, "published", iso(job.created_at))
    _add(entry, "updated", iso(job.created_at))
    ET.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": address})
    _add(ET.SubElement(entry, "author"), "name", job.company.name)
    told = (wording.salary(job), wording.terms(job.employment_type), wording.level(job.experience_level))
    _add(entry, "summary", " · ".join(part for part in (*told, "Remote" if job.is_remote else "", place) if part))


def _add(parent: ET.Element, name: str, text: str) -> None:
    ET.SubElement(parent, name).text = "".join(letter for letter in text if letter.isprintable())
