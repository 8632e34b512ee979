"""Settings of tests."""

from __future__ import annotations

from typing import Any

from roadworthy.chassis.settings import Settings


def settings_from(**values: Any) -> Settings:
    """From these values and the environment, never from the `.env` of whoever runs the tests."""
    return Settings(_env_file=None, **values)  # type: ignore[call-arg]  # pydantic-settings takes it, its plugin-free types don't
