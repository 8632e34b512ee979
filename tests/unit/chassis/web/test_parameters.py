from typing import Annotated, Literal
from urllib.parse import urlencode

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta

from roadworthy.chassis.web.parameters import INT64_MAX, InvalidParameters, Query, path_parameter

Level = Literal["entry", "senior"]


class Wanted(msgspec.Struct, frozen=True):
    q: Annotated[str, Meta(min_length=1, max_length=20, description="words")] | None = None
    state: Annotated[str, Meta(max_length=2, pattern="^[A-Z]{2}$")] | None = None
    level: Level | None = None
    remote: bool | None = None
    limit: Annotated[int, Meta(ge=1, le=100)] = 20


class Needed(msgspec.Struct, frozen=True):
    since: Annotated[int, Meta(ge=0)]


QUERY = Query(Wanted)
texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=20)


def refusal(query_string: bytes) -> InvalidParameters:
    with pytest.raises(InvalidParameters) as caught:
        QUERY.parse(query_string)
    return caught.value


def read_or_refused(query_string: bytes) -> Wanted | InvalidParameters:
    try:
        return QUERY.parse(query_string)
    except InvalidParameters as error:
        return error


def test_nothing_given_is_the_defaults() -> None:
    assert QUERY.parse(b"") == Wanted()


@given(
    st.builds(
        Wanted,
        q=st.none() | texts,
        state=st.none() | st.from_regex("[A-Z]{2}", fullmatch=True),
        level=st.sampled_from([None, "entry", "senior"]),
        remote=st.sampled_from([None, True, False]),
        limit=st.integers(1, 100),
    )
)
def test_what_is_written_is_read_again(wanted: Wanted) -> None:
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    given = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
    assert QUERY.parse(urlencode(given).encode()) == wanted


@given(st.binary(max_size=60))
@example(b"q=%ff")
@example(b"\xff=1")
@example(b"limit=" + "²".encode())
@example(b"limit=" + b"9" * 10_000)
@example(b"=&==&&")
def test_bytes_of_any_kind_are_read_or_refused_in_words(query_string: bytes) -> None:
    answer = read_or_refused(query_string)
    if isinstance(answer, Wanted):
        msgspec.convert(msgspec.structs.asdict(answer), Wanted)
        return
    assert answer.violations
    assert all(violation.takes and violation.sentence() in str(answer) for violation in answer.violations)
    msgspec.json.encode([violation.as_dict() for violation in answer.violations])


@pytest.mark.parametrize(
    ("query_string", "parameter", "shown", "takes"),
    [
        (b"limit=0", "limit", "0", "a whole number from 1 to 100"),
        (b"limit=101", "limit", "101", "a whole number from 1 to 100"),
        (b"limit=", "limit", "", "a whole number from 1 to 100"),
        (b"limit=1.0", "limit", "1.0", "a whole number from 1 to 100"),
        (b"limit=--1", "limit", "--1", "a whole number from 1 to 100"),
        (b"remote=1", "remote", "1", "true or false"),
        (b"remote=True", "remote", "True", "true or false"),
        (b"level=boss", "level", "boss", "entry or senior"),
        (b"state=ca", "state", "ca", "text like ^[A-Z]{2}$"),
        (b"state=CA%0A", "state", "CA\n", "text like ^[A-Z]{2}$"),
        (b"q=", "q", "", "text of 1 to 20 characters"),
        (b"q=a%00b", "q", "a\x00b", "text of 1 to 20 characters"),
        (b"lmit=3", "lmit", "3", "no value: this address takes q, state, level, remote, limit"),
        (b"limit=3&limit=4", "limit", "4", "one value, not several"),
        (b"q=%ff", "query string", "q=%ff", "percent-encoded UTF-8"),
    ],
)
def test_a_refusal_names_the_parameter_what_was_given_and_what_it_takes(
    query_string: bytes, parameter: str, shown: str, takes: str
) -> None:
    (violation,) = refusal(query_string).violations
    assert violation.as_dict() == {"parameter": parameter, "in": "query", "given": shown, "takes": takes}


def test_everything_that_is_wrong_is_said_at_once() -> None:
    assert [v.parameter for v in refusal(b"limit=x&state=y&z=1").violations] == ["limit", "state", "z"]


def test_a_value_is_shown_cut_short() -> None:
    (violation,) = refusal(b"q=" + b"x" * 5000).violations
    assert len(violation.given or "") == 100


def test_a_missing_parameter_is_said_to_be_missing() -> None:
    with pytest.raises(InvalidParameters, match="since is missing: it takes a whole number of at least 0"):
        Query(Needed).parse(b"")


@pytest.mark.parametrize(("given", "value"), [("1", 1), ("007", 7), (str(INT64_MAX), INT64_MAX)])
def test_a_path_parameter_is_read(given: str, value: int) -> None:
    assert path_parameter("id", Annotated[int, Meta(ge=1, le=INT64_MAX)]).parsed(given) == value


@pytest.mark.parametrize("given", ["0", "-1", "x", "", "1e3", "٣", str(INT64_MAX + 1)])
def test_a_path_parameter_that_is_wrong_is_refused(given: str) -> None:
    with pytest.raises(InvalidParameters, match="id takes a whole number"):
        path_parameter("id", Annotated[int, Meta(ge=1, le=INT64_MAX)]).parsed(given)


def test_text_without_a_limit_can_not_be_declared() -> None:
    with pytest.raises(TypeError, match="everything has a limit"):
        path_parameter("slug", str)


def test_a_parameter_says_what_it_is_in_openapi() -> None:
    documents = {parameter.name: parameter.openapi() for parameter in QUERY.parameters}
    assert documents["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}
    assert documents["level"]["schema"] == {"type": "string", "enum": ["entry", "senior"]}
    assert documents["q"]["description"] == "words"
    assert not any(document["required"] for document in documents.values())
