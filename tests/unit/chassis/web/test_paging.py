from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from roadworthy.chassis.web.paging import CURSOR_LENGTH_MAX, Cursor
from roadworthy.chassis.web.parameters import InvalidParameters


class Position(msgspec.Struct, frozen=True, array_like=True):
    first: bool
    at: datetime
    id: int


CURSOR = Cursor(Position)
positions = st.builds(
    Position,
    st.booleans(),
    st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001  # bounds are naive
    st.integers(0, 2**63 - 1),
)


def read_or_refused(text: str) -> Position | InvalidParameters:
    try:
        return CURSOR.read(text)
    except InvalidParameters as error:
        return error


@given(positions)
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    text = CURSOR.write(position)
    assert CURSOR.read(text) == position
    assert len(text) <= CURSOR_LENGTH_MAX
    assert text.replace("-", "").replace("_", "").isalnum()


@given(positions, st.integers(0, 200), st.characters(codec="ascii"))
def test_an_edited_cursor_is_refused(position: Position, where: int, character: str) -> None:
    text = CURSOR.write(position)
    edited = text[: where % len(text)] + character + text[where % len(text) + 1 :]
    assume(edited != text)
    answer = read_or_refused(edited)
    # The bits of base64's last character that mean nothing may be anything.
    assert answer == position or "next_cursor of the page before" in str(answer)


@pytest.mark.parametrize("text", ["", "x", "AAAA", "é", "=", "null", "a" * 200])
def test_what_was_never_a_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameters):
        CURSOR.read(text)


def test_a_cursor_of_another_list_is_refused() -> None:
    with pytest.raises(InvalidParameters):
        CURSOR.read(Cursor(tuple[int, int]).write((1, 2)))
