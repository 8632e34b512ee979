"""Services as people write them, with one defect each: the right check finds it; the mended twin raises no alarm."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unready.planting import Defect, express_packages, inspected, service

KINDS = [
    pytest.param("fastapi"),
    pytest.param("flask"),
    pytest.param("node", marks=pytest.mark.node),
    pytest.param("express", marks=[pytest.mark.node, pytest.mark.npm]),
]
DEFECTS = [
    Defect("unhealthy", "Health check answers (`/health`)", "health.endpoint.answers"),
    Defect("open docs", "API documentation disabled in production", "sec.docs_off.asked"),
    Defect("stack traces", "Error messages show no stack traces", "srv.errors.provoked"),
    Defect("open CORS", "CORS allows only our own origins", "sec.cors.foreign"),
    Defect("no headers", "Security headers sent", "sec.headers.sent"),
    Defect(
        "no limit",
        "Rate limiting on `/api/items`: 60 requests per minute",
        "rl.values.exceeded",
        also=["The rate limit of `/api/items` can't be escaped"],
    ),
    Defect("limit too high", "Rate limiting on `/api/items`: 60 requests per minute", "rl.values.exceeded"),
    Defect(
        "limit by header",
        "The rate limit of `/api/items` can't be escaped",
        "rl.on.exceeded",
        also=["Rate limiting on `/api/items`: 60 requests per minute"],
    ),
    Defect("no compression", "Gzip compression enabled", "srv.compress.asked"),
    Defect("no metrics", "Prometheus metrics at `/metrics`", "mon.metrics.page"),
    Defect("no caching", "Static assets are served with long cache headers", "cdn.cachehdr.age"),
    Defect("no request id", "Every response carries a request ID", "log.reqid.followed"),
    Defect("slow", "API response time under 200 ms (p95)", "perf.latency.measured"),
    Defect(
        "weak key", "SECRET_KEY is long and random", "sec.secretkey.strength", environment={"SECRET_KEY": "change-me"}
    ),
]
LINES = list(dict.fromkeys(defect.line for defect in DEFECTS))


@pytest.fixture
def packages(kind: str, pytestconfig: pytest.Config) -> dict[str, str]:
    """Where a service of this kind finds its packages, as a variable of its environment."""
    if kind != "express":
        return {}
    assert pytestconfig.cache is not None
    return {"NODE_PATH": str(express_packages(Path(pytestconfig.cache.mkdir("express"))))}


@pytest.mark.parametrize("kind", KINDS)
def test_the_mended_twin_raises_no_alarm(kind: str, packages: dict[str, str], tmp_path: Path) -> None:
    with service(kind, tmp_path, environment=packages) as url:
        seen = inspected(tmp_path, "Service", LINES, f'[http]\nurl = "{url}"\n')
    assert seen.alarms == {}
    unseen = {line: seen.words[line] for line, status in seen.status.items() if status != "pass"}
    assert unseen == {}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_planted_defect_is_found_by_its_check(
    kind: str, defect: Defect, packages: dict[str, str], tmp_path: Path
) -> None:
    lines = [defect.line] if defect.name == "slow" else LINES  # exceeding the limit of a slow service takes long
    with service(kind, tmp_path, defect.name, {**packages, **defect.environment}) as url:
        seen = inspected(tmp_path, "Service", lines, f'[http]\nurl = "{url}"\n')
    assert defect.check in seen.failed.get(defect.line, []), (seen.status, seen.words.get(defect.line))
    assert set(seen.alarms) - {defect.line, *defect.also} == set(), seen.alarms
