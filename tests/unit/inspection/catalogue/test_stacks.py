"""Settings count as production has them: not commented out, not development's, not what the environment may change."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.stacks import BASE, MODULE
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
RAILS = "config/environments/production.rb"


@pytest.mark.parametrize(
    ("check", "lines", "expected"),
    [
        ("srv.debug", "DEBUG = False\n", PASS),
        ("srv.debug", "# DEBUG = False\n", UNKNOWN),
        ("srv.debug", "DEBUG = True\nDEBUG = False\n", PASS),
        ("srv.debug", 'DEBUG = os.environ.get("DEBUG") == "1"\n', UNKNOWN),
        ("srv.debug", 'DEBUG = env.bool("DEBUG", default=True)\n', FAIL),
        ("srv.debug", "DEBUG = compute()\n", UNKNOWN),
        ("srv.debug", "if True:\n    DEBUG = False\n", UNKNOWN),
        ("sec.hosts", "ALLOWED_HOSTS = []\n", FAIL),
        ("sec.hosts", "ALLOWED_HOSTS = ['localhost', '127.0.0.1']\n", FAIL),
        ("sec.hosts", 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "*").split(",")\n', FAIL),
        ("sec.hosts", 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "").split(",")\n', UNKNOWN),
        ("sec.cookies", "if not DEBUG:\n    SESSION_COOKIE_SECURE = True\n    CSRF_COOKIE_SECURE = True\n", PASS),
        ("sec.cookies", "if DEBUG:\n    SESSION_COOKIE_SECURE = True\n    CSRF_COOKIE_SECURE = True\n", FAIL),
        ("sec.cookies", "SESSION_COOKIE_SECURE = True\n# CSRF_COOKIE_SECURE = True\n", FAIL),
        ("tls.https", "", UNKNOWN),
        ("sec.cors", "CORS_ALLOWED_ORIGINS = ['http://localhost:3000']\n", FAIL),
        ("sec.cors", "", UNKNOWN),
    ],
)
async def test_django(check: str, lines: str, expected: Status) -> None:
    verdict = await verdict_of(f"{check}.declared", Stage(repo={MODULE: f"import os\n{BASE}{lines}"}))
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"shop/settings/base.py": f"{BASE}DEBUG = True\n", "shop/settings/production.py": "DEBUG = False\n"}, PASS),
        ({"shop/settings/base.py": f"{BASE}DEBUG = False\n", "shop/settings/dev.py": "DEBUG = True\n"}, PASS),
        ({"shop/settings/dev.py": f"{BASE}DEBUG = False\n"}, UNKNOWN),
        ({"tests/settings.py": f"{BASE}DEBUG = False\n"}, UNKNOWN),
        ({"shop/settings.py": "DEBUG = False\n"}, UNKNOWN),
        ({RAILS: "Rails.application.configure do\n  config.consider_all_requests_local = false\nend\n"}, PASS),
        ({RAILS: "  config.consider_all_requests_local = true\n"}, FAIL),
        ({RAILS: "  # config.consider_all_requests_local = false\n"}, UNKNOWN),
        ({"config/environments/development.rb": "  config.consider_all_requests_local = false\n"}, UNKNOWN),
        ({"src/main/resources/application.yml": "server: {error: {include-stacktrace: always}}\n"}, FAIL),
        ({"src/main/resources/application.yml": "server: {error: {include-stacktrace: never}}\n"}, PASS),
        (
            {
                "application.yml": "server: {error: {include-stacktrace: always}}\n",
                "application-prod.properties": "server.error.include-stacktrace=never\n",
            },
            PASS,
        ),
        ({"application-dev.yml": "server: {error: {include-stacktrace: never}}\n"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
async def test_which_settings_are_productions(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("srv.debug.declared", Stage(repo=files))
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(("value", "expected"), [("1", FAIL), ("false", PASS)])
async def test_the_environment_decides(value: str, expected: Status) -> None:
    text = f'import os\n{BASE}DEBUG = env.bool("DJANGO_DEBUG", default=False)\n'
    stage = Stage(repo={MODULE: text}, environment={"DJANGO_DEBUG": value})
    assert (await verdict_of("srv.debug.declared", stage)).status is expected
    unset = Stage(repo={MODULE: text}, environment={"OTHER": "1"})
    assert (await verdict_of("srv.debug.declared", unset)).status is PASS


async def test_rails_forces_https() -> None:
    forced = Stage(repo={RAILS: "  config.force_ssl = true # always\n"})
    assert (await verdict_of("tls.https.declared", forced)).status is PASS
    off = Stage(repo={RAILS: "  config.force_ssl = false\n"})
    assert (await verdict_of("tls.https.declared", off)).status is FAIL
    assert (
        await verdict_of("tls.https.declared", Stage(repo={RAILS: "  # config.force_ssl = true\n"}))
    ).status is UNKNOWN


@pytest.mark.parametrize(
    ("check", "lines", "expected"),
    [
        ("srv.debug", "DEBUG = False\nfrom .local_overrides import *\n", UNKNOWN),
        ("srv.debug", "DEBUG = False\ntry:\n    from .local import *\nexcept ImportError:\n    pass\n", UNKNOWN),
        ("srv.debug", "from django.conf.global_settings import *\nDEBUG = False\n", PASS),
        ("srv.debug", "DEBUG = False\nif os.environ.get('KUBERNETES_SERVICE_HOST'):\n    DEBUG = True\n", UNKNOWN),
        ("srv.debug", "DEBUG = False\nfor DEBUG in [True]:\n    pass\n", UNKNOWN),
        ("srv.debug", "DEBUG = False\nglobals().update(DEBUG=True)\n", UNKNOWN),
        ("srv.debug", "DEBUG = False\nif 'test' in sys.argv:\n    DEBUG = True\n", PASS),
        ("sec.hosts", "ALLOWED_HOSTS = ['shop.example']\nALLOWED_HOSTS += ['*']\n", UNKNOWN),
        ("sec.hosts", "ALLOWED_HOSTS = ['shop.example']\nALLOWED_HOSTS.append('*')\n", UNKNOWN),
        ("sec.cookies", "SESSION_COOKIE_SECURE = True\nfrom .more import *\n", UNKNOWN),
        ("sec.cors", "CORS_ALLOWED_ORIGIN_REGEXES = [r'.*']\n", FAIL),
        (
            "sec.cors",
            "CORS_ALLOWED_ORIGINS = ['https://a.test']\nCORS_ALLOWED_ORIGIN_REGEXES = ['^https://.*$']\n",
            FAIL,
        ),
    ],
)
async def test_what_is_changed_afterwards_is_not_overlooked(check: str, lines: str, expected: Status) -> None:
    verdict = await verdict_of(f"{check}.declared", Stage(repo={MODULE: f"import os\nimport sys\n{BASE}{lines}"}))
    assert verdict.status is expected, verdict.summary


async def test_what_a_module_brings_in_counts() -> None:
    files = {MODULE: f"{BASE}DEBUG = False\nfrom .more import *\n", "shop/more.py": "DEBUG = True\n"}
    assert (await verdict_of("srv.debug.declared", Stage(repo=files))).status is FAIL


@pytest.mark.parametrize(("manage", "expected"), [("shop.settings", PASS), ("old.settings", FAIL), ("", UNKNOWN)])
async def test_of_several_projects_the_one_that_is_run_counts(manage: str, expected: Status) -> None:
    files = {
        MODULE: f"{BASE}DEBUG = False\n",
        "old/settings.py": f"{BASE.replace('shop', 'old')}DEBUG = True\n",
        **({"manage.py": f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{manage}")\n'} if manage else {}),
    }
    assert (await verdict_of("srv.debug.declared", Stage(repo=files))).status is expected


async def test_a_comment_over_several_lines_of_ruby_sets_nothing() -> None:
    text = "=begin\n  config.consider_all_requests_local = false\n=end\n"
    assert (await verdict_of("srv.debug.declared", Stage(repo={RAILS: text}))).status is UNKNOWN


@pytest.mark.parametrize(
    ("given", "expected"), [("httponly: false", FAIL), ("same_site: :none", FAIL), ("key: 'a'", PASS)]
)
async def test_what_the_sessions_cookie_is_told(given: str, expected: Status) -> None:
    store = f"Rails.application.config.session_store :cookie_store, {given}\n"
    files = {RAILS: "  config.force_ssl = true\n", "config/initializers/session_store.rb": store}
    assert (await verdict_of("sec.cookies.declared", Stage(repo=files))).status is expected
