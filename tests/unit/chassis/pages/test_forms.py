from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from roadworthy.chassis.pages.forms import FIELDS_MAX, Form


class Query(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(min_length=1, max_length=10)] | None = None
    pay: Annotated[int, Meta(ge=1, le=100)] | None = None
    level: Literal["low", "high"] | None = None


FORM = Form(Query, hints={"level": "Choose low or high."}, also=("place",))


def test_a_filled_form_is_its_struct() -> None:
    filled = FORM.read(b"q=massage&pay=20&level=high")
    assert (filled.query, filled.errors) == (Query("massage", 20, "high"), {})


def test_empty_fields_and_names_of_others_do_not_count() -> None:
    filled = FORM.read(b"q=&pay=+&level=low&utm_source=mail")
    assert (filled.query, filled.errors) == (Query(level="low"), {})


def test_mistakes_stand_beside_their_fields_and_keep_what_was_typed() -> None:
    filled = FORM.read(b"q=massage&pay=lots&level=middle")
    assert filled.query == Query(q="massage")
    assert filled.errors == {"pay": "This takes a whole number from 1 to 100.", "level": "Choose low or high."}
    assert filled.given == {"q": "massage", "pay": "lots", "level": "middle"}


def test_fields_of_the_page_alone_are_kept_as_they_are() -> None:
    assert FORM.read(b"place=Austin%2C+TX").given == {"place": "Austin, TX"}


def test_of_a_name_given_twice_the_last_counts() -> None:
    assert FORM.read(b"pay=1&pay=2").query.pay == 2


def test_no_query_string_is_an_error_page() -> None:
    assert FORM.read(b"%ff%fe=%00&q=%00&;;&&==").errors == {"q": "This takes text of 1 to 10 characters."}
    assert FORM.read(b"\xff\xfe").given == {}
    assert FORM.read(b"&".join([b"q=a"] * (FIELDS_MAX + 1))).given == {}
