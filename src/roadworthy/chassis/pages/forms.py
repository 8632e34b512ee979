"""A search form's fields from the query string: every mistake becomes words beside its field, never an error page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qsl

import msgspec

from roadworthy.chassis.errors import InvalidParameter
from roadworthy.chassis.web.parameters import Query

FIELDS_MAX = 50
T = TypeVar("T", bound=msgspec.Struct)


@dataclass(slots=True)
class Filled(Generic[T]):
    """A form as it came: `query` holds what was valid, `given` what was typed, `errors` what to say beside a field."""

    query: T
    given: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)


class Form(Generic[T]):
    """Reads a query string into a Struct of optional fields.

    Empty fields are left out, as browsers send them all; so are names that the form does not have, as mail and
    advertising add their own.
    """

    def __init__(
        self,
        struct: type[T],
        *,
        hints: Mapping[str, str] | None = None,
        cleaned: Mapping[str, Callable[[str], str]] | None = None,
        also: Iterable[str] = (),
    ) -> None:
        """Take `hints`: what to say beside a field, where its declared limits read badly; names in `also` are kept.

        `cleaned` takes from a field what people write and machines don't: `$60,000` -> `60000`.
        """
        self._struct = struct
        self._cleaned = cleaned or {}
        self._fields = {parameter.name: parameter for parameter in Query(struct).parameters}
        self._hints = hints or {}
        self._also = frozenset(also)

    def read(self, query_string: bytes) -> Filled[T]:
        """The form that `query_string` fills in; of a name that comes twice, the last counts."""
        given = self._given(query_string)
        values: dict[str, Any] = {}
        errors: dict[str, str] = {}
        for name, text in given.items():
            if name in self._fields:
                try:
                    values[self._fields[name].attribute] = self._fields[name].parsed(self._clean(name, text))
                except InvalidParameter:
                    errors[name] = self._hints.get(name) or f"This takes {self._fields[name].takes}."
        return Filled(self._struct(**values), given, errors)

    def _clean(self, name: str, text: str) -> str:
        return self._cleaned[name](text) if name in self._cleaned else text

    def _given(self, query_string: bytes) -> dict[str, str]:
        try:
            pairs = parse_qsl(query_string.decode("utf-8", "replace"), max_num_fields=FIELDS_MAX)
        except ValueError:
            return {}
        known = self._fields.keys() | self._also
        return {name: value.strip() for name, value in pairs if name in known and value.strip()}
