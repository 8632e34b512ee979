"""A tracker is judged by what is configured; nothing is sent to it."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import SITE_HOST, Stage
from roadworthy.inspection.fixtures.web import Asked, Handler, Reply, reply

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
DSN = f"http://key@{SITE_HOST}/7"


@pytest.mark.parametrize(
    ("environment", "repo", "status"),
    [
        ({"SENTRY_DSN": DSN}, None, PASS),
        ({"SENTRY_DSN": DSN}, {"app.py": "import sentry_sdk\n"}, PASS),
        ({"SENTRY_DSN": DSN}, {"app.py": "print()\n"}, UNKNOWN),
        ({"SENTRY_DSN": f"http://{SITE_HOST}/7"}, None, FAIL),
        ({"SENTRY_DSN": f"http://key@{SITE_HOST}/"}, None, FAIL),
        ({"SENTRY_DSN": "http://key@127.0.0.1:9/7"}, None, UNKNOWN),
        ({"ROLLBAR_ACCESS_TOKEN": "c81e728d9d4c2f63"}, None, UNKNOWN),
        ({"X": "1"}, None, FAIL),
    ],
)
async def test_a_tracker_gets_no_event(
    environment: dict[str, str], repo: dict[str, str] | None, status: Status
) -> None:
    asked: list[Asked] = []

    def site() -> Handler:
        def answer(one: Asked) -> Reply:
            asked.append(one)
            return reply("")

        return answer

    verdict = await verdict_of("mon.errors.configured", Stage(site=site, environment=environment, repo=repo))
    assert (verdict.status, asked) == (status, []), verdict.summary
