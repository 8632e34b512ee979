"""Parameters of a request: declared as annotations, parsed strictly, refused in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeAlias, TypeVar
from urllib.parse import unquote_plus

import msgspec
from msgspec import inspect

from roadworthy.chassis.errors import InvalidParameter

Place = Literal["path", "query"]
Parse: TypeAlias = Callable[[str], Any]
T = TypeVar("T", bound=msgspec.Struct)

GIVEN_LENGTH_MAX = 100
DIGITS_MAX = 20
INT64_MAX: Final = 2**63 - 1
BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Violation:
    """One parameter that was refused: what was given (cut short; None: nothing) and what it takes."""

    parameter: str
    place: Place
    given: str | None
    takes: str

    def sentence(self) -> str:
        """The violation in words."""
        if self.given is None:
            return f"{self.parameter} is missing: it takes {self.takes}."
        return f"{self.parameter} takes {self.takes}, not {self.given!r}."

    def as_dict(self) -> dict[str, object]:
        """The violation as a member of a problem document."""
        return {"parameter": self.parameter, "in": self.place, "given": self.given, "takes": self.takes}


class InvalidParameters(InvalidParameter):
    """A parameter of the request is not valid."""

    def __init__(self, *violations: Violation) -> None:
        """Take everything that is wrong with the request, at least one violation."""
        self.violations = violations
        super().__init__(" ".join(violation.sentence() for violation in violations))

    @classmethod
    def slug(cls) -> str:
        """The case is one, however many parameters are wrong."""
        return InvalidParameter.slug()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared parameter: its parser raises ValueError on what it does not take."""

    name: str
    attribute: str
    place: Place
    parse: Parse
    takes: str
    required: bool
    schema: Mapping[str, Any]

    def violation(self, given: str | None) -> Violation:
        """What to say about a value that was refused, or about none."""
        return Violation(self.name, self.place, given if given is None else given[:GIVEN_LENGTH_MAX], self.takes)

    def parsed(self, given: str) -> Any:
        """The value of `given`.

        Raises:
            InvalidParameters: it is not one that this parameter takes.
        """
        try:
            return self.parse(given)
        except ValueError:
            raise InvalidParameters(self.violation(given)) from None

    def openapi(self) -> dict[str, Any]:
        """The parameter object of OpenAPI 3.1."""
        schema = dict(self.schema)
        described = schema.pop("description", None)
        document = {"name": self.name, "in": self.place, "required": self.required, "schema": schema}
        return document | {"description": described} if described else document


class Query(Generic[T]):
    """The query string of an operation, as the fields of a msgspec Struct."""

    def __init__(self, struct: type[T]) -> None:
        """Take a Struct whose fields are str, int, bool or Literal of str, each optional or not."""
        self.struct = struct
        info = inspect.type_info(struct)
        if not isinstance(info, inspect.StructType):
            raise TypeError(f"{struct!r} is not a Struct")
        properties = next(iter(msgspec.json.schema_components([struct])[1].values()))["properties"]
        self.parameters = tuple(_parameter(field, "query", properties[field.encode_name]) for field in info.fields)
        self._by_name = {parameter.name: parameter for parameter in self.parameters}
        self._required = tuple(parameter for parameter in self.parameters if parameter.required)
        self._names = ", ".join(self._by_name) or "no parameters"

    def parse(self, query_string: bytes) -> T:
        """The Struct for `query_string`, as it stood in the URL.

        Raises:
            InvalidParameters: naming each parameter that is unknown, given twice, ill-typed, out of range or missing.
        """
        values: dict[str, Any] = {}
        violations: list[Violation] = []
        if query_string:
            for name, given in _pairs(query_string):
                parameter = self._by_name.get(name)
                if parameter is None or parameter.attribute in values:
                    violations.append(self._out_of_place(name, given, parameter))
                    continue
                try:
                    values[parameter.attribute] = parameter.parse(given)
                except ValueError:
                    values[parameter.attribute] = None
                    violations.append(parameter.violation(given))
        violations += [parameter.violation(None) for parameter in self._required if parameter.attribute not in values]
        if violations:
            raise InvalidParameters(*violations)
        return self.struct(**values)

    def _out_of_place(self, name: str, given: str, parameter: Parameter | None) -> Violation:
        takes = f"no value: this address takes {self._names}" if parameter is None else "one value, not several"
        return Violation(name[:GIVEN_LENGTH_MAX], "query", given[:GIVEN_LENGTH_MAX], takes)


def path_parameter(name: str, annotation: Any) -> Parameter:
    """The parameter in a path template, of the type that the handler's annotation says."""
    holder = msgspec.defstruct("Path", [(name, annotation)])
    info = inspect.type_info(holder)
    assert isinstance(info, inspect.StructType)
    properties = msgspec.json.schema_components([holder])[1]["Path"]["properties"]
    return _parameter(info.fields[0], "path", properties[name])


def _pairs(query_string: bytes) -> list[tuple[str, str]]:
    try:
        text = query_string.decode()
        plain = "%" not in text and "+" not in text
        split = [pair.partition("=") for pair in text.split("&") if pair]
        if plain:
            return [(name, value) for name, _, value in split]
        return [(unquote_plus(name, errors="strict"), unquote_plus(value, errors="strict")) for name, _, value in split]
    except UnicodeDecodeError:
        given = query_string[:GIVEN_LENGTH_MAX].decode("ascii", "replace")
        raise InvalidParameters(Violation("query string", "query", given, "percent-encoded UTF-8")) from None


def _parameter(field: inspect.Field, place: Place, schema: Mapping[str, Any]) -> Parameter:
    parse, takes = _parser(_without_null(field.type))
    plain = _schema_without_null(schema)
    return Parameter(field.encode_name, field.name, place, parse, takes, field.required, plain)


def _without_null(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _without_null(kind.type)
    if isinstance(kind, inspect.UnionType):
        kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(kinds) == 1:
            return _without_null(kinds[0])
    return kind


def _schema_without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    whole = {key: value for key, value in schema.items() if key != "anyOf" and not (key == "default" and value is None)}
    for choice in schema.get("anyOf", ()):
        if choice.get("type") != "null":
            whole |= choice
    if "enum" in whole:
        whole.setdefault("type", "string")
    return whole


def _parser(kind: inspect.Type) -> tuple[Parse, str]:
    if isinstance(kind, inspect.IntType):
        return _integer(kind)
    if isinstance(kind, inspect.StrType):
        return _text(kind)
    if isinstance(kind, inspect.BoolType):
        return _choice(BOOLEANS)
    if isinstance(kind, inspect.LiteralType):
        return _choice({str(value): value for value in kind.values})
    raise TypeError(f"a parameter can't be {kind!r}: it is text")


def _choice(choices: Mapping[str, Any]) -> tuple[Parse, str]:
    def parse(given: str) -> Any:
        try:
            return choices[given]
        except KeyError:
            raise ValueError from None

    return parse, " or ".join((", ".join(list(choices)[:-1]), list(choices)[-1])).removeprefix(" or ")


def _integer(kind: inspect.IntType) -> tuple[Parse, str]:
    low = kind.ge if kind.ge is not None else (kind.gt + 1 if kind.gt is not None else -INT64_MAX)
    high = kind.le if kind.le is not None else (kind.lt - 1 if kind.lt is not None else INT64_MAX)

    def parse(given: str) -> int:
        if not (given.isascii() and given.removeprefix("-").isdigit() and len(given) <= DIGITS_MAX):
            raise ValueError
        value = int(given)
        if not low <= value <= high:
            raise ValueError
        return value

    return parse, f"a whole number {f'from {low} to {high}' if high != INT64_MAX else f'of at least {low}'}"


def _text(kind: inspect.StrType) -> tuple[Parse, str]:
    low, high = kind.min_length or 0, kind.max_length
    pattern = re.compile(kind.pattern) if kind.pattern else None
    if high is None:
        raise TypeError("text needs a max_length: everything has a limit")

    def parse(given: str) -> str:
        # PostgreSQL's text holds no NUL, and no one means one.
        if not low <= len(given) <= high or "\x00" in given or (pattern and not pattern.search(given)):
            raise ValueError
        return given

    shape = f"text like {kind.pattern}" if kind.pattern else f"text of {low} to {high} characters"
    return parse, shape
