"""What target.toml says is to be done with the service: flows to walk, and what may be cut or stopped on purpose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

STEPS_LIMIT = 20
SETTLE_LIMIT_SECONDS = 20
GRACE_LIMIT_SECONDS = 60
METHODS = ("get", "post", "put", "patch", "delete")
WAIT_LIMIT_SECONDS = 45
_KEEPS = re.compile(r"^(?:\$(?:\.[\w-]+|\[\d+\])*|(?:header|cookie|input|meta):[\w-]+)$")


class Upload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file sent as multipart form data: `path` counts from target.toml, `field` is its name in the form."""

    path: Path
    field: str = "file"
    type: str = "application/octet-stream"


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One request, and what it must bring.

    One of `get`, `post`, `put`, `patch`, `delete` is the path. `json`, `form` or `file` is what is sent. `bearer` is
    short for an Authorization header. `expect` is the status, or several; any 2xx where it is left out. `contains` is
    text that the answer must hold. `save` keeps values for later steps: "$.access_token" from JSON, "header:location",
    "cookie:csrftoken", "input:csrfmiddlewaretoken" and "meta:csrf-token" from a page. `within_seconds`: asked again
    each second until it brings what it must. `always`: also when a step before it failed, to clean up.
    """

    get: str = ""
    post: str = ""
    put: str = ""
    patch: str = ""
    delete: str = ""
    json: dict[str, Any] | list[Any] | None = None
    form: dict[str, str] | None = None
    file: Upload | None = None
    headers: dict[str, str] = {}
    bearer: str = ""
    expect: int | list[int] | None = None
    contains: str = ""
    save: dict[str, str] = {}
    within_seconds: int = 0
    always: bool = False

    def __post_init__(self) -> None:
        """Refuse what can't be walked."""
        named = [name for name in METHODS if getattr(self, name)]
        if len(named) != 1 or not getattr(self, named[0]).startswith("/"):
            raise ValueError('a step names one method and a path: {get = "/api/jobs", expect = 200}')
        if sum(body is not None for body in (self.json, self.form, self.file)) > 1:
            raise ValueError(f"{self.path}: json, form or file, not several of them")
        if not 0 <= self.within_seconds <= WAIT_LIMIT_SECONDS:
            raise ValueError(f"{self.path}: within_seconds is 0 to {WAIT_LIMIT_SECONDS}")
        wrong = next((how for how in self.save.values() if not _KEEPS.match(how)), "")
        if wrong:
            raise ValueError(
                f'{self.path}: save takes "$.a.b", "header:x", "cookie:x", "input:x" or "meta:x", not {wrong}'
            )

    @property
    def method(self) -> str:
        """In upper case."""
        return next(name for name in METHODS if getattr(self, name)).upper()

    @property
    def path(self) -> str:
        """As written, before anything is filled in."""
        return next((getattr(self, name) for name in METHODS if getattr(self, name)), "")

    @property
    def statuses(self) -> tuple[int, ...]:
        """Statuses that it may bring; empty for any 2xx."""
        if self.expect is None:
            return ()
        return tuple(self.expect) if isinstance(self.expect, list) else (self.expect,)

    @property
    def refuses(self) -> bool:
        """Whether the step is there to see a refusal: 401 or 403."""
        return bool(self.statuses) and set(self.statuses) <= {401, 403, 404}


class Flow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person does with the service, step by step. `name` and `matches` say which lines it proves."""

    name: str
    steps: list[Step]
    matches: list[str] = []

    def __post_init__(self) -> None:
        """Refuse an empty or endless one."""
        if not 1 <= len(self.steps) <= STEPS_LIMIT:
            raise ValueError(f"flow {self.name!r} has {len(self.steps)} steps; 1 to {STEPS_LIMIT} can be walked")
        if not self.name.strip():
            raise ValueError("a flow has a name, in the words of the line that it proves")

    @property
    def phrases(self) -> tuple[str, ...]:
        """Its name, and what else it goes by."""
        return (self.name, *self.matches)


class Cut(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a dependency is taken away and given back: two commands, run without a shell, and only when asked for.

    `cut` and `restore` are command lines; `settle_seconds`: how long the service may take to notice. `paths`: routes
    that are to survive it.
    """

    dependency: str
    cut: str
    restore: str
    settle_seconds: int = 5
    paths: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a cut without a way back."""
        if not self.dependency.strip() or not self.cut.strip() or not self.restore.strip():
            raise ValueError("a cut names its dependency, cut and restore: no cut without a way back")
        if not 0 <= self.settle_seconds <= SETTLE_LIMIT_SECONDS:
            raise ValueError(f"settle_seconds is 0 to {SETTLE_LIMIT_SECONDS}")


class Stop(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which process is told to stop while requests run (only when asked for), and how it is started again.

    `pid` is a process of this machine and this user that serves the address; `path` a route that takes a moment;
    `grace_seconds`: how long it may take to end.
    """

    pid: int
    start: str
    path: str = "/"
    grace_seconds: int = 30

    def __post_init__(self) -> None:
        """Refuse what is no process of an application."""
        if self.pid <= 1 or not self.path.startswith("/") or not self.start.strip():
            raise ValueError('write pid = 1234, start = "systemctl start your-app" and path = "/a/slow/route"')
        if not 1 <= self.grace_seconds <= GRACE_LIMIT_SECONDS:
            raise ValueError(f"grace_seconds is 1 to {GRACE_LIMIT_SECONDS}")
