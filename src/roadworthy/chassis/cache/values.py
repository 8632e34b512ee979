"""What results may be kept: those that no caller can change for the others; and how much memory they take."""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import sys
import types
import typing
import uuid
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeVar, Union

import msgspec

V = TypeVar("V")

FIXED: Final = (
    *(type(None), bool, int, float, str, bytes, decimal.Decimal, uuid.UUID),
    *(dt.datetime, dt.date, dt.time, dt.timedelta),
)
HELD_MAX = 100_000


class Results(typing.Generic[V]):
    """Encodes results of one type with the time they were made at (seconds since the epoch)."""

    __slots__ = ("_decode", "_encode")

    def __init__(self, of: Any) -> None:
        """Take the type: a function's return annotation."""
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(tuple[float, of]).decode

    def encode(self, value: tuple[float, V]) -> bytes:
        """A result as it is left in the shared tier."""
        return self._encode(value)

    def decode(self, data: bytes) -> tuple[float, V]:
        """What was encoded; msgspec's errors are ValueErrors."""
        return typing.cast("tuple[float, V]", self._decode(data))


def changeable(annotation: Any) -> str | None:
    """What in a value of type `annotation` a caller could change, by name; None: nothing."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in FIXED or annotation is None or origin is Literal:
        return None
    if origin is typing.Annotated:
        return changeable(arguments[0])
    if origin in (Union, types.UnionType, tuple, frozenset):
        return next(filter(None, (changeable(part) for part in arguments if part is not ...)), None)
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return None
    if isinstance(annotation, type) and _is_frozen(annotation):
        return next(filter(None, map(changeable, _fields(annotation))), None)
    return getattr(annotation, "__name__", None) or str(annotation)


def size_bytes(value: Any) -> int:
    """Memory that `value` takes with everything in it, what it shares with others included."""
    total = 0
    for held, part in enumerate(_parts(value)):
        total += sys.getsizeof(part)
        if held > HELD_MAX:
            return sys.maxsize  # more than any store takes
    return total


def _is_frozen(annotation: type) -> bool:
    if issubclass(annotation, msgspec.Struct):
        return annotation.__struct_config__.frozen
    return dataclasses.is_dataclass(annotation) and bool(getattr(annotation, "__dataclass_params__").frozen)  # noqa: B009  # no stub knows it


def _fields(annotation: type) -> Iterator[Any]:
    hints = typing.get_type_hints(annotation, include_extras=True)
    return (hint for hint in hints.values() if typing.get_origin(hint) is not typing.ClassVar)


def _parts(value: Any) -> Iterator[Any]:
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, (tuple, frozenset)):
            waiting.extend(part)
        elif isinstance(part, msgspec.Struct):
            waiting.extend(getattr(part, name) for name in part.__struct_fields__)
        elif dataclasses.is_dataclass(part):
            waiting.extend(getattr(part, field.name) for field in dataclasses.fields(part))
