"""`.env.example`, written from the settings themselves by `make env-example`."""

from __future__ import annotations

import sys

from pydantic.fields import FieldInfo

from roadworthy.chassis.settings import Settings, as_variable, holds_secret

HEADER = """\
# Every setting of Roadworthy with its default. Copy to .env and change what differs.
# A secret may come from a file instead: SECRET_KEY_FILE=/run/secrets/secret_key (any setting marked "secret").
# Written by `make env-example`; a test keeps it current.
"""


def env_example() -> str:
    """The whole text: a comment and a commented-out `NAME=default` for each setting, in the order of declaration."""
    return HEADER + "".join(_entry(name, field) for name, field in Settings.model_fields.items())


def _entry(name: str, field: FieldInfo) -> str:
    marks = [text for text in (field.description, "secret" if holds_secret(field) else None) if text]
    comment = f"# {'; '.join(marks)}\n" if marks else ""
    return f"\n{comment}#{(field.alias or name).upper()}={as_variable(field.default)}\n"


if __name__ == "__main__":
    sys.stdout.write(env_example())
