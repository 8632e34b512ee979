"""What lines tell beside their requirement: paths of addresses, directives, numbers of workers."""

from __future__ import annotations

import pytest

from roadworthy.inspection.mapper import Mapper, proxying, values
from roadworthy.inspection.mapper.readers import Params
from roadworthy.inspection.model import Item

MAPPER = Mapper()


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("`curl http://localhost:8000/health`", ["/health"]),
        ("curl -f https://your-domain.com/api/orders", ["/api/orders"]),
        ("curl http://web:8080/api/tasks/metrics", ["/api/tasks/metrics"]),
        ("curl https://shop.acme.io/api/health", ["/api/health"]),
        ("curl https://<host>/readyz", ["/readyz"]),
        ("see https://docs.sentry.io/platforms/python", []),
        ("calls https://api.stripe.com/v1/charges", []),
        ("redis://cache:6379/0", []),
    ],
)
def test_the_path_of_an_own_address_is_a_path(text: str, paths: list[str]) -> None:
    assert values.paths(text) == paths


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("client_max_body_size is 20M", [{"directive": "client_max_body_size", "value": "20M"}]),
        ("`proxy_buffering` set to off", [{"directive": "proxy_buffering", "value": "off"}]),
        ("X-Real-IP reaches the app", [{"directive": "proxy_set_header", "value": "X-Real-IP"}]),
        (
            "Proxy headers are set",
            [{"directive": "proxy_set_header", "value": name} for name in ("X-Forwarded-For", "X-Forwarded-Proto")],
        ),
    ],
)
def test_directives_are_read_from_sentences(text: str, told: list[Params]) -> None:
    assert list(proxying.directives(text)) == told


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("Puma workers: 3", "workers", 3),
        ("Gunicorn workers=5", "workers", 5),
        ("Connection pooling: `connection_limit=20`", "size", 20),
        ("Login throttled after 8 attempts", "attempts", 8),
        ("Migrations run without locking tables", "what", "locks"),
        ("`/api/search` answers in 300 ms", "max_ms", 300),
    ],
)
def test_figures_are_read(text: str, name: str, value: int | str) -> None:
    mapped = MAPPER.map_one(Item(line=1, section=("Service",), text=text))
    assert [one.params.get(name) for one in mapped.requirements] == [value]
    assert not mapped.unread


@pytest.mark.parametrize("text", ["Docker Configuration: ___/8", "Approved by the security team: **_____**"])
def test_room_to_write_in_asks_for_nothing(text: str) -> None:
    assert MAPPER.map_one(Item(line=1, section=("Sign-off",), text=text)).requirements == ()


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("Redis and Celery are running", ("celery",)),
        ("Redis and PostgreSQL are running", ()),
        ("`/readyz` returns 200 (database + Redis connected)", ()),
    ],
)
def test_of_an_enumeration_nothing_is_passed_over(text: str, unread: tuple[str, ...]) -> None:
    assert MAPPER.map_one(Item(line=1, section=("Service",), text=text)).unread == unread


def test_a_bucket_that_is_not_public_is_what_is_asked() -> None:
    mapped = MAPPER.map_one(Item(line=1, section=("Storage",), text="The S3 bucket is not publicly readable"))
    assert [one.id for one in mapped.requirements] == ["storage.bucket"]
    assert mapped.sense == "asked"
