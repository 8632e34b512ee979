"""`.env.example`, written from the settings themselves: `python -m roadworthy.chassis.settings_example > .env.example`."""

from __future__ import annotations

import sys

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from roadworthy.chassis.settings import Settings

HEADER = """\
# Every setting of Roadworthy with its default. Copy to .env and change what differs.
# Written by `make env-example`; a test keeps it current.
"""


def env_example() -> str:
    """The whole text: a comment and a commented-out `NAME=default` for each setting, in the order of declaration."""
    return HEADER + "".join(_entry(name, field) for name, field in Settings.model_fields.items())


def _entry(name: str, field: FieldInfo) -> str:
    comment = f"# {field.description}\n" if field.description else ""
    return f"\n{comment}#{(field.alias or name).upper()}={_shown(field.default)}\n"


def _shown(default: object) -> str:
    if default is None or default is PydanticUndefined or isinstance(default, SecretStr):
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default)


if __name__ == "__main__":
    sys.stdout.write(env_example())
