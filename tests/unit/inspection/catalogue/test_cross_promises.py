"""What documents and rules promise: which promise counts, and what answers only seemingly."""

from __future__ import annotations

import json

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.cross_endpoints import promises
from roadworthy.inspection.catalogue.cross_variables import documented_in, reads_of
from roadworthy.inspection.fixtures.monitoring import Monitoring
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Site, pages, reply
from roadworthy.inspection.probes.repo import RepoProbe

README = {
    "README.md": "# x\n\n- `GET /api/items`\n- `GET /api/items/{id}`\n- `GET /api/items/:id`\n- `POST /api/items`\n"
}
ITEMS = reply({"items": [1, 2, 3]})


@pytest.mark.parametrize(
    ("tree", "site", "status"),
    [
        (README, pages({"/api/items": ITEMS}), Status.PASS),
        (README, pages({"/api/items": reply({}, 401)}), Status.PASS),
        (README, pages({"/other": ITEMS}), Status.FAIL),
        (README, pages({"/api/items": reply("oops", 500)}), Status.FAIL),
        (README, pages({}, reply("<html>app</html>")), Status.UNKNOWN),
        (README, pages({}, reply("sign in", 401)), Status.UNKNOWN),
        ({}, pages({"/openapi.json": reply({"paths": {"/api/gone": {"get": {}}}})}), Status.FAIL),
        ({"README.md": "GET started with /api/items\n"}, pages({}), Status.UNKNOWN),
        ({"examples/README.md": "`GET /api/gone`"}, pages({}), Status.UNKNOWN),
        ({"README.md": "`GET /api/logout`"}, pages({}), Status.UNKNOWN),
    ],
)
async def test_promised_endpoints(tree: dict[str, str], site: Site, status: Status) -> None:
    verdict = await verdict_of("cross.endpoints.answer", Stage(repo=tree, site=site))
    assert verdict.status is status, verdict.summary


async def test_openapi_documents_promise_what_needs_no_parameter() -> None:
    required = {"get": {"parameters": [{"in": "query", "name": "q", "required": True}]}}
    document = {
        "servers": [{"url": "https://x.test/v1"}],
        "paths": {"/a": {"get": {}}, "/b": {"post": {}}, "/c/{id}": {"get": {}}, "/d": required, "/e": {"get": []}},
    }
    tree = {"openapi.json": json.dumps(document), "api/openapi.yaml": "paths:\n  /y:\n    get: {}\n  /z: 3\n"}
    async with Stage(repo=tree).open() as probes:
        assert isinstance(probes.repo, RepoProbe)
        assert sorted(one.path for one in promises(probes.repo, {"paths": {"/z": {"get": {}}}})) == [
            "/v1/a",
            "/y",
            "/z",
        ]


async def test_which_reads_count() -> None:
    tree = {
        "app/a.py": 'A1 = os.environ["NEED_A"]\nos.environ["SET_B"] = "x"\nos.getenv("MAY_C")\n',
        "app/b.py": '# os.environ["NOT_D"]\nos.environ["HOME"]\nX = "os.environ[\'NOT_G\']"\nenv("NOT_H")\n',
        "app/c.py": 'import environ\nenv("NEED_I")\nenv.bool("MAY_J", default=False)\n',
        "app/settings.py": "class S(BaseSettings):\n    model_config = Config(env_prefix='SHOP_')\n    key: str\n"
        "    level: str = 'x'\n    dsn: str = Field(...)\n    other: str = Field(default='y')\n",
        "src/a.ts": "process.env.NEED_T!;\nconst y = process.env.MAY_U ?? 'z';\nz = process.env.MAY_V;\n",
        "lib/a.rb": "ENV.fetch('NEED_R')\nENV.fetch('MAY_S', 'x')\n",
        "main.go": 'os.Getenv("MAY_G")\n',
        "docker-compose.yml": "x: ${NEED_K:?set it}\ny: ${MAY_L:-z}\n",
        "scripts/deploy.py": 'os.environ["NOT_E"]\n',
        "tests/a.py": 'os.environ["NOT_F"]\n',
        ".env.example": "NEED_A=\n# NEED_T is for the front\n",
        "README.md": "| NEED_R | key |\n",
    }
    async with Stage(repo=tree).open() as probes:
        assert isinstance(probes.repo, RepoProbe)
        reads = reads_of(probes.repo)
        named = documented_in(probes.repo)
    needed = {one.name for one in reads if one.needed}
    assert needed == {"NEED_A", "NEED_I", "SHOP_KEY", "SHOP_DSN", "NEED_T", "NEED_R", "NEED_K"}
    others = {one.name for one in reads} - needed
    assert others >= {"MAY_C", "MAY_V", "MAY_G", "SHOP_LEVEL"}
    assert not {name for name in others | needed if name.startswith("NOT_") or name in {"HOME", "SET_B"}}
    assert {"NEED_A", "NEED_T", "NEED_R"} <= named


@pytest.mark.parametrize(
    ("tree", "params", "status"),
    [
        ({"a.py": 'os.environ["KEY"]', ".env.example": "KEY=\n"}, {}, Status.PASS),
        ({"a.py": 'os.environ["KEY"]', "README.md": "set `KEY`"}, {}, Status.PASS),
        ({"a.py": 'os.environ["KEY"]', "README.md": "set `KEY`"}, {"file": ".env.example"}, Status.FAIL),
        (
            {"a.py": 'os.environ["KEY"]', "README.md": "set `KEY`", ".env.example": ""},
            {"file": ".env.example"},
            Status.FAIL,
        ),
        ({"a.py": 'os.environ["KEY"]', "README.md": "the MONKEY"}, {}, Status.FAIL),
        ({"a.py": 'os.getenv("KEY")'}, {}, Status.UNKNOWN),
        ({"a.py": "print(1)", ".env.example": "KEY=\n"}, {}, Status.UNKNOWN),
    ],
)  # fmt: skip
async def test_documented_variables(tree: dict[str, str], params: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("cross.variables.documented", Stage(repo=tree), **params)
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(("asked", "status"), [("cfg.example", Status.UNKNOWN), ("cross.variables", Status.PASS)])
async def test_every_variable_is_more_than_those_that_are_needed(asked: str, status: Status) -> None:
    tree = {"a.py": 'import os\nos.environ["KEY"]\nos.getenv("LEVEL", "INFO")\n', ".env.example": "KEY=\n"}
    verdict = await verdict_of("cross.variables.documented", Stage(repo=tree), asked)
    assert verdict.status is status, verdict.summary


def rules(expression: str, more: str = "") -> dict[str, str]:
    return {"deploy/alerts.yml": f"groups:\n- name: g\n  rules:\n  - alert: A\n    expr: {expression}\n{more}"}


METRICS = pages(
    {"/metrics": reply("# TYPE shop_errors counter\n# TYPE shop_requests counter\nshop_requests_total 3\n",
                       content_type="text/plain")}
)  # fmt: skip


@pytest.mark.parametrize(
    ("tree", "stage", "status"),
    [
        (rules("rate(shop_requests_total[5m]) > 1"), Stage(site=METRICS), Status.PASS),
        (rules("rate(shop_errors_total[5m]) > 1"), Stage(site=METRICS), Status.PASS),
        (rules("rate(shop_gone_total[5m]) > 1"), Stage(site=METRICS), Status.FAIL),
        (rules("node_load1 > 1"), Stage(site=METRICS), Status.UNKNOWN),
        (rules("absent(shop_gone_total)"), Stage(site=METRICS), Status.UNKNOWN),
        (rules("shop:r > 1", "  - record: shop:r\n    expr: rate(shop_requests_total[5m])\n"), Stage(site=METRICS),
         Status.PASS),
        (rules("shop_requests_total > 1"), Stage(site=pages({})), Status.UNKNOWN),
        (rules("shop_requests_total > 1"), Stage(site=pages({}, reply("<html>app</html>"))), Status.UNKNOWN),
        ({"tests/alerts.yml": rules("shop_requests_total > 1")["deploy/alerts.yml"]}, Stage(site=METRICS),
         Status.UNKNOWN),
        ({"deploy/alerts.yml": "- : [\n"}, Stage(site=METRICS), Status.UNKNOWN),
        (rules("node_load1 > 1"), Stage(monitoring=Monitoring(series=[("node_load1", {"job": "shop"})])), Status.PASS),
        (rules("node_load1 > 1"), Stage(monitoring=Monitoring(series=[("up", {"job": "shop"})])), Status.FAIL),
    ],
)  # fmt: skip
async def test_series_of_rules(tree: dict[str, str], stage: Stage, status: Status) -> None:
    whole = Stage(repo=tree, site=stage.site, monitoring=stage.monitoring)
    verdict = await verdict_of("cross.alerts.series", whole)
    assert verdict.status is status, verdict.summary
