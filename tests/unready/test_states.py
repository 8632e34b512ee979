"""States of a database, a Redis, a proxy's configuration and a repository, with one defect each."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest
import redis
from tests.unready.planting import Defect, inspected, tree

from roadworthy.chassis.cache.embedded import EmbeddedValkey

READY_SQL = """
create table customers (id bigint primary key generated always as identity, email text not null unique);
create table orders (
    id bigint primary key generated always as identity,
    customer_id bigint not null references customers (id),
    status text not null default 'new'
);
create index orders_customer_id on orders (customer_id);
insert into customers (email) select 'kim' || n || '@shop.example' from generate_series(1, 200) n;
insert into orders (customer_id) select n % 200 + 1 from generate_series(1, 2000) n;
analyze;
"""
DATABASE = [
    Defect(
        "no index",
        "Index on `orders(customer_id)`",
        "db.indexes.present",
        "drop index orders_customer_id",
        also=["Foreign keys are indexed"],
    ),
    Defect(
        "a foreign key without an index",
        "Foreign keys are indexed",
        "db.indexes.present",
        "create table parcels (id int primary key, order_id bigint references orders (id));"
        "insert into parcels select n, n from generate_series(1, 1000) n; analyze",
        also=["Index on `orders(customer_id)`"],  # the mapper reads no column from it yet: all of them are looked at
    ),
    Defect(
        "a superuser",
        "The application does not connect as a superuser",
        "db.leastpriv.role",
        "alter role {role} superuser",
    ),
    Defect(
        "duplicate indexes",
        "No duplicate indexes",
        "db.index_waste.indexes",
        "create index orders_customer_again on orders (customer_id)",
    ),
]
SHARED = {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru", "appendonly": "yes"}
REDIS = [
    Defect("no limit of memory", "maxmemory is set", "redis.maxmem.limit", {"maxmemory": "0"}),
    Defect(
        "refuses writes when full",
        "Eviction policy is allkeys-lru",
        "redis.evict.policy",
        {"maxmemory-policy": "noeviction"},
    ),
    Defect("nothing on disk", "Redis persistence enabled", "redis.persist.disk", {"appendonly": "no", "save": ""}),
]
NGINX = """\
user www-data;
events {{ worker_connections 1024; }}
http {{
    limit_req_zone $binary_remote_addr zone=api:10m rate=60r/m;
    upstream app {{ least_conn; server 127.0.0.1:9001; server 127.0.0.1:9002; }}
    server {{
        listen 443 ssl;
        server_name shop.example;
        location / {{
            {limit}
            proxy_pass http://{upstream};
            {headers}
        }}
        {static}
    }}
}}
"""
READY_NGINX = {
    "limit": "limit_req zone=api burst=20;",
    "upstream": "app",
    "headers": "proxy_set_header Host $host; proxy_set_header X-Real-IP $remote_addr; "
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;",
    "static": "location /static { alias /srv/shop/static; expires 30d; }",
}
PROXY = [
    Defect("no limit", "nginx rate limiting zone configured", "rl.proxy.zone", {"limit": ""}),
    Defect(
        "one server", "nginx load balancing (least_conn upstream)", "nginx.lb.upstream", {"upstream": "127.0.0.1:9001"}
    ),
    Defect(
        "static files through the application",
        "Static files are served by nginx",
        "nginx.static.location",
        {"static": ""},
    ),
]
READY_TREE: Mapping[str, str | None] = {
    "README.md": "# Shop\n\n## Deployment\n\nBuild the image, run `docker compose up -d`, `./manage.py migrate`. "
    "To go back, start the previous tag again and run the reverse migration named in the release notes. Watch "
    "errors and the p95 on the dashboard ten minutes after each deployment; page the person on call if either rises "
    "over its threshold. The database is backed up before each migration by the pipeline itself.\n",
    ".gitignore": ".env\n.env.*\n!.env.example\n__pycache__/\n",
    ".env.example": "SECRET_KEY=\nDATABASE_URL=\n",
    "Dockerfile": "FROM python:3.12-slim\nWORKDIR /srv\nCOPY . .\nRUN pip install -r requirements.txt && useradd shop\n"
    'USER shop\nHEALTHCHECK CMD curl -fs http://localhost:8000/health\nCMD ["gunicorn", "shop.wsgi"]\n',
    "requirements.txt": "django==5.1.4\ngunicorn==23.0.0\n",
    "manage.py": "",
    "shop/settings.py": 'import os\n\nSECRET_KEY = os.environ["SECRET_KEY"]\nDEBUG = False\n',
    "tests/test_shop.py": "def test_it():\n    assert True\n",
    ".github/workflows/ci.yml": "name: CI\non: [push, pull_request]\njobs:\n  test:\n    runs-on: ubuntu-latest\n"
    "    steps:\n      - uses: actions/checkout@v4\n      - run: pip install -r requirements.txt pytest\n"
    "      - run: pytest\n",
    ".github/dependabot.yml": "version: 2\nupdates:\n  - package-ecosystem: pip\n    directory: /\n"
    "    schedule: {interval: weekly}\n",
}
LEAK = 'SECRET_KEY = "' + secrets.token_urlsafe(40) + '"\nAWS_ACCESS_KEY_ID = "AKIA' + "QX7ZB2LMN4PRS6TV" + '"\n'
REPOSITORY = [
    Defect("no pipeline", "CI runs tests on every push", "ci.on.defined", {".github/workflows/ci.yml": None}),
    Defect(
        "runs as root",
        "Container runs as a non-root user",
        "sec.nonroot.image",
        {"Dockerfile": 'FROM python:3.12-slim\nCOPY . .\nCMD ["gunicorn", "shop.wsgi"]\n'},
    ),
    Defect("a key in the source", "No secrets in the repository", "sec.nosecrets.searched", {"shop/settings.py": LEAK}),
    Defect(
        "a committed .env",
        "`.env` is not committed",
        "sec.gitignore.rule",
        {".env": "SECRET_KEY=x\n", ".gitignore": "*.pyc\n"},
    ),
    Defect("no word on deploying", "README documents how to deploy", "doc.topic.section", {"README.md": "# Shop\n"}),
    Defect("no updates", "Dependabot or Renovate is configured", "ci.depbot.config", {".github/dependabot.yml": None}),
]


def lines(defects: list[Defect]) -> list[str]:
    return list(dict.fromkeys(defect.line for defect in defects))


def judge(defect: Defect | None, defects: list[Defect], folder: Path, title: str, target: str) -> None:
    """The defect alone is found, by its check; without one, every line passes."""
    seen = inspected(folder, title, lines(defects), target)
    if defect is None:
        assert seen.alarms == {}
        assert {line: seen.words[line] for line, status in seen.status.items() if status != "pass"} == {}
        return
    assert defect.check in seen.failed.get(defect.line, []), (seen.status, seen.words.get(defect.line))
    assert set(seen.alarms) - {defect.line, *defect.also} == set(), seen.alarms


def twins(defects: list[Defect]) -> list[object]:
    return [pytest.param(None, id="mended"), *(pytest.param(one, id=one.name) for one in defects)]


@pytest.fixture
def shop(servers: dict[str, str], empty_database_url: str) -> Iterator[tuple[str, str]]:
    """A ready database, and the role that the application connects as: its DSN and its name."""
    role, word = f"shop_{secrets.token_hex(4)}", secrets.token_hex(12)
    name = empty_database_url.rpartition("/")[2]

    async def run(dsn: str, *statements: str) -> None:
        connection = await asyncpg.connect(dsn)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    admin = f"{servers['admin'].rpartition('/')[0]}/{name}"
    asyncio.run(
        run(
            admin,
            READY_SQL,
            f"create role {role} login password '{word}'",
            f"alter role {role} set statement_timeout = '15s'",
            f"grant usage on schema public to {role}",
            f"grant select, insert, update, delete on all tables in schema public to {role}",
        )
    )
    address = servers["template"].rpartition("@")[2].rpartition("/")[0]
    yield f"postgresql://{role}:{word}@{address}/{name}", role
    asyncio.run(run(admin, f"drop owned by {role}", f"drop role {role}"))


@pytest.mark.parametrize("defect", twins(DATABASE))
def test_a_state_of_postgresql(
    defect: Defect | None, shop: tuple[str, str], servers: dict[str, str], tmp_path: Path
) -> None:
    dsn, role = shop
    if defect is not None:
        admin = f"{servers['admin'].rpartition('/')[0]}/{dsn.rpartition('/')[2]}"

        async def plant() -> None:
            connection = await asyncpg.connect(admin)
            await connection.execute(defect.plant.format(role=role))
            await connection.close()

        asyncio.run(plant())
    judge(defect, DATABASE, tmp_path, "Database", f'[postgres]\ndsn = "{dsn}"\n')


@pytest.fixture
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.mark.parametrize("defect", twins(REDIS))
def test_a_state_of_redis(defect: Defect | None, valkey: str, tmp_path: Path) -> None:
    with redis.from_url(valkey) as client:
        for name, value in {**SHARED, **(defect.plant if defect else {})}.items():
            client.config_set(name, value)
    judge(defect, REDIS, tmp_path, "Redis", f'[redis]\nurl = "{valkey}"\n')


@pytest.mark.parametrize("defect", twins(PROXY))
def test_a_configuration_of_nginx(defect: Defect | None, tmp_path: Path) -> None:
    text = NGINX.format(**{**READY_NGINX, **(defect.plant if defect else {})})
    (tmp_path / "nginx.conf").write_text(text)
    judge(defect, PROXY, tmp_path, "nginx", '[nginx]\nconfig = "nginx.conf"\n')


@pytest.mark.parametrize("defect", twins(REPOSITORY))
def test_a_repository(defect: Defect | None, tmp_path: Path) -> None:
    tree(tmp_path / "shop", {**READY_TREE, **(defect.plant if defect else {})})
    judge(defect, REPOSITORY, tmp_path, "Repository", '[repository]\npath = "shop"\n')
