"""Third parties' keys, deployments, models and questions before deleting: what a wrong tick would come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.kubernetes import WEB
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
TOKEN = "9f2b7c41d08e6a53b1c7e904"


@pytest.mark.parametrize(
    ("environment", "subject", "expected"),
    [
        ({"STRIPE_SECRET_KEY": f"sk_live_{TOKEN}"}, "Stripe in live mode", PASS),
        ({"STRIPE_SECRET_KEY": f"sk_live_{TOKEN}"}, "Stripe payments work", UNKNOWN),
        ({"STRIPE_SECRET_KEY": f"sk_test_{TOKEN}"}, "Stripe payments work", FAIL),
        ({"STRIPE_SECRET_KEY": f"sk_live_{TOKEN}", "STRIPE_MODE": "test"}, "Stripe in live mode", FAIL),
        ({"STRIPE_SECRET_KEY": f"sk_live_{TOKEN}", "STRIPE_TOKEN": TOKEN}, "Stripe in live mode", UNKNOWN),
        ({"STRIPE_SECRET_KEY": "your-stripe-key"}, "Stripe keys configured", FAIL),
        ({"STRIPE_SECRET_KEY": f"sk_live_{TOKEN}"}, "Stripe webhook secret configured", FAIL),
        ({"STRIPE_WEBHOOK_SECRET": f"whsec_{TOKEN}"}, "Stripe webhook secret configured", UNKNOWN),
        ({"PAYPAL_MODE": "sandbox"}, "PayPal in live mode", FAIL),
        ({"OTHER": "1"}, "Stripe keys configured", FAIL),
        ({"OTHER": "1"}, "Third-party keys configured", UNKNOWN),
    ],
)
async def test_keys_of_third_parties(environment: dict[str, str], subject: str, expected: Status) -> None:
    verdict = await verdict_of("cfg.thirdparty.keys", Stage(environment=environment), subject=subject)
    assert verdict.status is expected, verdict.summary
    assert TOKEN not in repr(verdict)


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        (WEB, "Rolling updates configured", PASS),
        (WEB, "Zero-downtime deployment", UNKNOWN),
        (WEB, "Blue-green deployment configured", UNKNOWN),
        (WEB.replace("replicas: 3\n", "replicas: 3\n  strategy: {type: Recreate}\n"), "Zero-downtime deployment", FAIL),
        (WEB.replace("readinessProbe:", "# readinessProbe:"), "Rolling updates configured", FAIL),
        ("", "Rolling updates configured", UNKNOWN),
    ],
)
async def test_updates_as_declared(text: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of("ci.zero.declared", Stage(repo={"k8s/web.yaml": text}), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("days", "scenario", "figures", "expected"),
    [
        (1, "rolling deployment", {"requests": 900, "lost": 0}, PASS),
        (1, "rolling deployment", {"requests": 900, "lost": 1}, FAIL),
        (1, "rolling deployment", {"lost": 0}, UNKNOWN),
        (1, "rolling deployment", {}, UNKNOWN),
        (1, "one process is stopped", {"requests": 900, "lost": 0}, UNKNOWN),
        (60, "rolling deployment", {"requests": 900, "lost": 0}, FAIL),
    ],
)
async def test_a_deployment_that_was_tried(days: int, scenario: str, figures: dict[str, int], expected: Status) -> None:
    ended = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
    kept = {"kind": "shutdown", "finished_at": ended, "scenario": scenario, "figures": figures}
    verdict = await verdict_of("ci.zero.drilled", Stage(drills={"result.json": json.dumps(kept)}))
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("text", "subject", "expected"),
    [
        ('ask(model="gpt-4o-2024-08-06")\n', "Model versions pinned", PASS),
        ('ask(model="gpt-4o")\n', "Model versions pinned", FAIL),
        ('ask(model="claude-sonnet-4-20250514")\n', "Models and prompts versioned", UNKNOWN),
        ('# ask(model="gpt-4o")\n', "Model versions pinned", UNKNOWN),
        ('load = from_pretrained("org/model")\n', "Model versions pinned", FAIL),
        ('load = from_pretrained("org/model", revision="abc")\n', "Model versions pinned", PASS),
        ("load = from_pretrained(model_path)\n", "Model versions pinned", PASS),
        ("x = 1\n", "Model versions pinned", UNKNOWN),
        ('ask(model="gpt-4o-2024-08-06")\n', "Prompts are versioned", UNKNOWN),
    ],
)
async def test_models(text: str, subject: str, expected: Status) -> None:
    verdict = await verdict_of("ai.version.pinned", Stage(repo={"app/ask.py": text}), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("a.html", '<button hx-delete="/x">x</button>', FAIL),
        ("a.html", '<button hx-delete="/x" hx-confirm="Sure?">x</button>', PASS),
        ("a.html", '<form method="post" action="/jobs/7/delete" onsubmit="return confirm(1)"></form>', PASS),
        ("a.html", '<form method="post" action="/jobs/7/delete"></form>', FAIL),
        ("a.html", '<form method="post" action="/jobs"></form>', UNKNOWN),
        ("a.html", '<!-- <button hx-delete="/x"> -->', UNKNOWN),
        ("a.erb", '<%= link_to "x", job, method: :delete %>', FAIL),
        ("a.erb", '<%= link_to "x", job, method: :delete, data: {confirm: "Sure?"} %>', PASS),
        ("tests/a.html", '<button hx-delete="/x">x</button>', UNKNOWN),
    ],
)
async def test_asking_first(path: str, text: str, expected: Status) -> None:
    verdict = await verdict_of("fe.confirm.templates", Stage(repo={path: text}))
    assert verdict.status is expected, verdict.summary
