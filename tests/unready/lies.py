"""Trees that speak of a thing without doing it: each is a look-alike of what passed once, with the lines it lies about.

Small on purpose: a lie is a word in a comment, a setting that is changed again, a file of somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DJANGO = (
    "import os\nSECRET_KEY = os.environ['SECRET_KEY']\nDEBUG = False\nALLOWED_HOSTS = ['shop.example']\n"
    "INSTALLED_APPS = ['shop']\nROOT_URLCONF = 'shop.urls'\nSESSION_COOKIE_SECURE = True\nCSRF_COOKIE_SECURE = True\n"
    "SECURE_SSL_REDIRECT = True\nCORS_ALLOWED_ORIGINS = ['https://shop.example']\n"
    "DATABASES = {'default': {'ENGINE': 'django.db.backends.postgresql', 'CONN_MAX_AGE': 60}}\n"
)
SETTINGS = (
    "DEBUG is disabled in production",
    "ALLOWED_HOSTS is configured",
    "Session cookies are secure",
    "HTTPS redirect is enforced",
)
EXPRESS = '{"dependencies": {"express": "4.21.0", "pg": "8.13.0", "axios": "1.7.0", "multer": "1.4.5"}}'
TERRAFORM_OF_OTHERS = "# Module\n\n## Rollback procedure\n\nUse the previous version of this module.\n"
TESTED = {"requirements.txt": "pytest\n", "shop.py": "def add(a, b):\n    return a + b\n",
          "tests/test_shop.py": "from shop import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n"}  # fmt: skip
PIPELINE = "on: [push, pull_request]\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n      - run: {}\n"
WORKLOAD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec:\n  replicas: 3\n"
    "  selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    spec:\n"
    "      containers:\n        - name: web\n          image: registry.example/web:1.4.2\n{}"
)


@dataclass(frozen=True, slots=True)
class Lie:
    """A tree, and the lines that it makes look true."""

    name: str
    files: Mapping[str, str]
    lines: Sequence[str]


def _django(name: str, more: str = "", **files: str) -> Lie:
    said = {f"shop/{file}.py": text for file, text in files.items()}
    return Lie(name, {"requirements.txt": "django==5.1\n", "shop/settings.py": DJANGO + more, **said}, SETTINGS)


LIES = (
    _django("settings that another module overrides", "from .overrides import *\n", overrides=(
        "DEBUG = True\nALLOWED_HOSTS = ['*']\nSESSION_COOKIE_SECURE = False\nSECURE_SSL_REDIRECT = False\n")),
    _django("settings that a module outside of the tree may override", "from company_settings import *\n"),
    _django("settings that the cluster overrides", "if os.environ.get('KUBERNETES_SERVICE_HOST'):\n    DEBUG = True\n"
            "    ALLOWED_HOSTS = ['*']\n    SESSION_COOKIE_SECURE = SECURE_SSL_REDIRECT = False\n"),
    _django("settings that are set by name", "globals().update(dict.fromkeys(['DEBUG'], True))\n"),
    _django("settings that a loop sets", "for DEBUG in (True,):\n    ALLOWED_HOSTS.append('*')\n"
            "    SESSION_COOKIE_SECURE = SECURE_SSL_REDIRECT = not DEBUG\n"),
    Lie("a redirect that nobody makes", {"shop/settings.py": DJANGO +
        "MIDDLEWARE = ['django.middleware.common.CommonMiddleware']\n"}, ["HTTPS redirect is enforced"]),
    Lie("a pool of another database", {"requirements.txt": "django==5.1\n", "shop/settings.py": DJANGO.replace(
        "'CONN_MAX_AGE': 60}", "}, 'reports': {'CONN_MAX_AGE': 60}")}, ["Database connection pooling is configured"]),
    Lie("settings of another project", {"manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', "
        "'shop.settings')\n",
        "shop/settings.py": "from company import settings\n", "old/settings.py": DJANGO}, SETTINGS),
    Lie("origins by a pattern that fits all", {"shop/settings.py": DJANGO.replace("CORS_ALLOWED_ORIGINS = ['https://"
        "shop.example']", "CORS_ALLOWED_ORIGIN_REGEXES = [r'.*']\nCORS_ALLOW_CREDENTIALS = True")},
        ["CORS allows named origins only"]),
    Lie("Ruby in a comment", {"Gemfile": 'gem "rails"\n', "config/application.rb": "module Shop\nend\n",
        "config/environments/production.rb": "Rails.application.configure do\n=begin\n  config.force_ssl = true\n"
        "  config.consider_all_requests_local = false\n=end\nend\n"},
        ["DEBUG is disabled in production", "Session cookies are secure", "HTTPS redirect is enforced"]),
    Lie("uploads in memory", {"package.json": EXPRESS, "app.js": "const multer = require('multer');\n"
        "const { memoryStorage } = multer;\nconst take = multer({ storage: memoryStorage() });\n"
        "app.post('/files', take.single('file'), (q, s) => save(q.file));\n"},
        ["Large file uploads are streamed in chunks"]),
    Lie("uploads read whole", {"requirements.txt": "flask\n", "app.py": "import shutil\nfrom flask import request\n\n\n"
        "def take():\n    part = request.files['file']\n    return len(part.read())\n\n\ndef copy(a, b):\n"
        "    shutil.copyfileobj(a, b)\n"}, ["Large file uploads are streamed in chunks"]),
    Lie("a pool in a script", {"package.json": EXPRESS,
        "server.js": "const { Client } = require('pg');\napp.get('/', async () => { const c = new Client(); });\n",
        "scripts/import.js": "const { Pool } = require('pg');\nconst pool = new Pool({ max: 20 });\n"},
        ["Database connection pooling is configured", "Connection pool max 20"]),
    Lie("a pool in a comment", {"package.json": EXPRESS, "server.js": "const { Client } = require('pg');\n/*\n"
        "const pool = new Pool({ max: 20 });\n*/\nconst c = new Client();\n"},
        ["Database connection pooling is configured", "Connection pool max 20"]),
    Lie("workers that are set again", {"gunicorn.conf.py": "workers = 4\nworkers = 1\n",
        "Procfile": "web: gunicorn shop.wsgi\n"}, ["gunicorn runs 4 workers"]),
    Lie("a server as an argument that nobody reads", {"Dockerfile": 'FROM python:3.13.1-slim\nCOPY . .\nUSER app\n'
        'ENTRYPOINT ["./start.sh"]\nCMD ["gunicorn"]\n', "start.sh": "#!/bin/sh\nexec python app/main.py\n"},
        ["Production server (gunicorn) is used"]),
    Lie("updates that a rule turns off", {"requirements.txt": "flask\n", "renovate.json":
        '{"extends": ["config:recommended"], "packageRules": [{"matchPackageNames": ["*"], "enabled": false}]}'},
        ["Dependabot or Renovate is configured"]),
    Lie("settings that nobody makes", {"requirements.txt": "pydantic-settings\n", "app/config.py":
        "from pydantic_settings import BaseSettings\n\n\nclass Unused(BaseSettings):\n    api_token: str\n"},
        ["The application fails to start when a required variable is missing"]),
    Lie("a way back that goes nowhere", {"alembic.ini": "[alembic]\nscript_location = migrations\n",
        "migrations/versions/1_drop.py": "from alembic import op\nrevision = 'a1'\ndown_revision = None\n\n\n"
        "def upgrade():\n    op.drop_column('orders', 'note')\n\n\n"
        "def downgrade():\n    '''nothing'''\n    return None\n"},
        ["Migrations can be rolled back"]),
    Lie("tests that test nothing", {"requirements.txt": "pytest\n",
        "tests/test_shop.py": "def test_checkout_payment():\n    pass\n\n\ndef test_cart():\n    assert True\n",
        ".github/workflows/ci.yml": PIPELINE.format("pip install pytest && pytest")}, ["Unit tests are written"]),
    Lie("tests that are only listed", {**TESTED,
        ".github/workflows/ci.yml": PIPELINE.format("pytest --collect-only")},
        ["CI runs tests on every push", "Unit tests pass"]),
    Lie("a secret under another name", {"requirements.txt": "flask\n", "app.py": "import logging\n\n"
        "log = logging.getLogger(__name__)\n\n\ndef enter(request, password):\n    p = password\n"
        "    log.info('%s', p)\n    log.info('headers %s', dict(request.headers))\n"}, ["Passwords are never logged"]),
    Lie("a key in a folder that tools use too", {"app.py": "x = 1\n",
        "env/mail.py": "SMTP_PASSWORD = 'xK9#mQ2vL7pR4t'\n"},
        ["No secrets in code"]),
    Lie("a debugger behind what is read", {"requirements.txt": "flask\n", "app.py":
        "x = 1\n" * 45_000 + "import pdb; pdb.set_trace()\n"}, ["Debug statements are removed"]),
    Lie("a history that is refused", {"app.py": "x = 1\n", ".git": "gitdir: /nowhere/at/all\n"},
        ["No secrets in code or in its history"]),
    Lie("limits of memory alone", {"k8s/web.yml": WORKLOAD.format("          resources: {limits: {memory: 256Mi}}\n")},
        ["CPU limits are set", "LimitRange is configured", "Resource requests and limits are set (CPU and memory)"]),
    Lie("a container without a limit of its processor", {"compose.yml": "services:\n  web:\n    image: shop:1.4.2\n"
        "    mem_limit: 256m\n"},
        ["Containers have CPU limits", "ulimits are configured", "Container logs are limited in size"]),
    Lie("copies of one pod", {"k8s/web.yml": WORKLOAD.format("")},
        ["Pod anti-affinity is configured", "Replicas are spread over zones (topology spread constraints)"]),
    Lie("documents of others", {"README.md": "# Shop\n", "infra/modules/net/README.md": TERRAFORM_OF_OTHERS},
        ["Rollback procedure is documented"]),
    Lie("what a scan of ours does not show", {"app.py": "x = 1\n"},
        ["Secrets scanning is enabled on GitHub", "No secrets in code, CI variables or Docker layers"]),
    Lie("a pipeline that nobody has to wait for", {**TESTED,
        ".github/workflows/ci.yml": PIPELINE.format("pip install pytest && pytest")},
        ["Branch protection is enabled on main", "Required status checks are enabled"]),
    Lie("words that say more than a file", {"requirements.txt": "flask\ngunicorn\n",
        "Procfile": "web: gunicorn shop.wsgi -w 4\n", ".github/dependabot.yml": "version: 2\nupdates:\n"
        "  - {package-ecosystem: pip, directory: /, schedule: {interval: weekly}}\n"},
        ["Dependabot alerts are triaged weekly", "Dependabot PRs are auto-merged", "gunicorn runs behind nginx",
         "gunicorn runs with gevent workers"]),
)  # fmt: skip

TRUTHS = (
    _django("settings"),
    Lie("uploads in parts", {"package.json": EXPRESS, "app.js": "const multer = require('multer');\n"
        "const take = multer({ dest: '/srv/files' });\n"
        "app.post('/files', take.single('file'), (q, s) => save(q.file.path));\n"},
        ["Large file uploads are streamed in chunks"]),
    Lie("a pool", {"package.json": EXPRESS, "server.js": "const { Pool } = require('pg');\n"
        "const pool = new Pool({ max: 20 });\n"}, ["Connection pool max 20"]),
    Lie("workers", {"gunicorn.conf.py": "workers = 4\n", "Procfile": "web: gunicorn shop.wsgi\n"},
        ["gunicorn runs 4 workers"]),
    Lie("a server as an argument that is run", {"Dockerfile": 'FROM python:3.13.1-slim\nCOPY . .\nUSER app\n'
        'ENTRYPOINT ["./start.sh"]\nCMD ["gunicorn", "shop.wsgi"]\n', "start.sh": '#!/bin/sh\nexec "$@"\n'},
        ["Production server (gunicorn) is used"]),
    Lie("a pipeline", {**TESTED, ".github/workflows/ci.yml": PIPELINE.format("pip install pytest && pytest")},
        ["CI runs tests on every push"]),
    Lie("no debugger", {"requirements.txt": "flask\n", "app.py": "x = 1\n"}, ["Debug statements are removed"]),
)  # fmt: skip
