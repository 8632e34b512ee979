"""Tasks by what their library does with what the team's code says; a queue by its own figures."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages, reply
from roadworthy.inspection.model import Param

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
CELERY = {"requirements.txt": "celery\n"}
NODE = {"package.json": '{"dependencies": {"bullmq": "5"}}'}
QUEUE = 'import { Queue } from "bullmq";\n'
DRAMATIQ = {"requirements.txt": "dramatiq\n"}
RQ = {"requirements.txt": "rq\n"}
RUBY = {"Gemfile": 'gem "sidekiq"\n'}


def celery(declared: str) -> dict[str, str]:
    return {**CELERY, "a.py": f"@shared_task({declared})\ndef f(): ...\n"}


@pytest.mark.parametrize(
    ("check", "repo", "params", "status"),
    [
        ("jobs.retry", celery("autoretry_for=(E,), max_retries=3"), {"attempts": 3}, PASS),
        ("jobs.retry", celery("autoretry_for=(E,), max_retries=5"), {"attempts": 3}, FAIL),
        ("jobs.retry", {**CELERY, "a.py": "@shared_task\ndef f(): ...\n"}, {}, FAIL),
        ("jobs.retry", {**CELERY, "a.py": "# max_retries=3\nx = 'autoretry_for'\n"}, {}, FAIL),
        ("jobs.retry", {**CELERY, "tests/a.py": "@shared_task(max_retries=3)\ndef f(): ...\n"}, {}, FAIL),
        ("jobs.retry", {**celery("max_retries=3"), "requirements.txt": ""}, {}, UNKNOWN),
        ("jobs.retry", {"a.py": "@shared_task(max_retries=3)\ndef f(): ...\n"}, {}, UNKNOWN),
        ("jobs.retry", {"requirements.txt": "dramatiq\n"}, {}, PASS),
        ("jobs.retry", {"requirements.txt": "dramatiq\n"}, {"attempts": 3}, FAIL),
        ("jobs.retry", celery("max_retries=3"), {"subject": "Dead letter queue"}, UNKNOWN),
        ("jobs.retry", {"requirements.txt": "dramatiq\n"}, {"subject": "Monitor DLQ"}, UNKNOWN),
        ("jobs.retry", {"requirements.txt": "rq\n"}, {"subject": "Dead letter queue for what failed"}, UNKNOWN),
        ("jobs.retry", {"requirements.txt": "rq\n"}, {"subject": "Retry, then dead letter queue"}, FAIL),
        ("jobs.retry", {**NODE, "q.ts": QUEUE + "defaultJobOptions: { attempts: 3,\n"}, {"attempts": 3}, PASS),
        ("jobs.retry", {**NODE, "q.ts": QUEUE + "// attempts: 3\n"}, {"attempts": 3}, FAIL),
        ("jobs.retry", {**NODE, "login.ts": "const limits = { attempts: 3 }\n"}, {"attempts": 3}, FAIL),
        ("jobs.retry", {**RUBY, "w.rb": "  sidekiq_options queue: :mail, retry: 3\n"}, {"attempts": 3}, PASS),
        ("jobs.retry", RUBY, {}, PASS),
        ("jobs.timeout", {**CELERY, "s.py": "CELERY_TASK_TIME_LIMIT = 5 * 60\n"}, {"seconds": 300}, PASS),
        ("jobs.timeout", {**CELERY, "s.py": "# CELERY_TASK_TIME_LIMIT = 5 * 60\n"}, {"seconds": 300}, FAIL),
        ("jobs.timeout", {**CELERY, "s.py": "task_time_limit = 60\n"}, {"seconds": 300}, FAIL),
        ("jobs.timeout", {**DRAMATIQ, "a.py": "@actor(time_limit=60_000)\ndef f(): ...\n"}, {"seconds": 60}, PASS),
        ("jobs.timeout", {**RQ, "a.py": "q.enqueue(f, job_timeout=300)\n"}, {"seconds": 300}, PASS),
        ("jobs.timeout", {"requirements.txt": "rq\n"}, {}, PASS),
        ("jobs.priority", {**RUBY, "config/sidekiq.yml": ":queues:\n  - [critical, 4]\n"}, {}, PASS),
        ("jobs.priority", RUBY, {}, FAIL),
        ("jobs.priority", {**NODE, "q.js": QUEUE + "await q.add('m', d, { priority: 1 });\n"}, {}, PASS),
        ("jobs.priority", {**CELERY, "a.py": "f.apply_async(priority=9)\n"}, {}, PASS),
    ],
)  # fmt: skip
async def test_settings(check: str, repo: dict[str, str], params: dict[str, Param], status: Status) -> None:
    verdict = await verdict_of(f"{check}.source", Stage(repo=repo), **params)
    assert verdict.status is status, verdict.summary


def text(body: str) -> Reply:
    return reply(body, content_type="text/plain")


@pytest.mark.parametrize(
    ("path", "answer", "params", "status"),
    [
        ("/api/jobs/metrics", reply({"waiting": 1, "failed": 0}), {"path": "/api/jobs/metrics"}, PASS),
        ("/api/jobs/metrics", reply({"active": 120, "total": 400}), {"path": "/api/jobs/metrics"}, FAIL),
        ("/api/jobs/metrics", reply({"jobs": []}), {"path": "/api/jobs/metrics"}, FAIL),
        ("/api/jobs/metrics", reply("<p>waiting</p>"), {"path": "/api/jobs/metrics"}, FAIL),
        ("/ops", reply({"queues": {"mail": {"size": 4}}}), {"path": "/ops"}, PASS),
        ("/metrics", text("celery_queue_length 3\n"), {}, PASS),
        ("/metrics", text("celery_queue_length 3\n"), {"subject": "Job processing time tracked"}, FAIL),
        ("/metrics", text("celery_task_runtime_seconds_sum 3\n"), {"subject": "Job processing time tracked"}, PASS),
        ("/metrics", text("jobs_active 120\n"), {}, FAIL),
        ("/metrics", text("db_pool_queue_length 3\nhttp_request_queue_size 1\n"), {}, FAIL),
        ("/metrics", text("gunicorn_workers_active 3\n"), {}, FAIL),
        ("/metrics", text("rabbitmq_queue_messages_ready 3\n"), {}, PASS),
        ("/metrics", text("http_requests_total 1\n"), {}, FAIL),
        ("/metrics", text("celery_queue_length 3\n"), {"subject": "Alerts on queue backlog"}, UNKNOWN),
    ],
)
async def test_figures(path: str, answer: Reply, params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("jobs.metrics.figures", Stage(site=pages({path: answer})), **params)
    assert verdict.status is status, verdict.summary


async def test_a_page_that_answers_everything_alike_measures_nothing() -> None:
    stage = Stage(site=pages({}, reply({"waiting": 1, "failed": 2})))
    assert (await verdict_of("jobs.metrics.figures", stage, path="/api/jobs/metrics")).status is UNKNOWN
