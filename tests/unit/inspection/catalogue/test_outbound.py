"""Calls to others: what a wrong tick, and a false alarm, would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue import sources
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.probes import comments

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("a.py", "import requests\nrequests.get(u)", FAIL),
        ("a.py", "import requests\nrequests.get(u, timeout=None)", FAIL),
        ("a.py", "import requests\nrequests.get(u, timeout=LIMIT)", PASS),
        ("a.py", "import requests\n# requests.get(u)\nrequests.get(u, timeout=3)", PASS),
        ("a.py", "import requests\ns = requests.Session()\ns.post(u)", FAIL),
        ("a.py", "import requests\nwith requests.Session() as s:\n    s.post(u, timeout=2)", PASS),
        ("a.py", "cache.get(u)\nrequest.get('x')", UNKNOWN),
        ("a.py", "from urllib.request import urlopen\nurlopen(u)", FAIL),
        ("a.py", "import httpx\nhttpx.get(u)", PASS),
        ("a.py", "import httpx\nhttpx.AsyncClient(timeout=None)", FAIL),
        ("tests/test_a.py", "import requests\nrequests.get(u)", UNKNOWN),
        ("scripts/once.py", "import requests\nrequests.get(u)", UNKNOWN),
        ("vendor/a.py", "import requests\nrequests.get(u)", UNKNOWN),
        ("a.js", "const r = await axios.get(url)", FAIL),
        ("a.js", "const r = await axios.get(url, {\n  timeout: 5000,\n})", PASS),
        ("a.js", "const api = axios.create({ baseURL })", FAIL),
        ("a.js", "const api = axios.create({ baseURL, timeout: 5000 })\napi.get(u)", PASS),
        ("a.js", "const api = axios.create({ baseURL, timeout: 5000 })\naxios.get(u)", FAIL),
        ("a.js", "axios.post(u, { timeout: form.timeout })", FAIL),
        ("a.js", "axios.post(u, { a: [1, 2] }, { timeout: 5000 })", PASS),
        ("a.js", "const c = new AbortController()\nfetch('https://x.test', { signal: c.signal })", FAIL),
        ("a.js", "setTimeout(() => c.abort(), 5000)\nfetch('https://x.test', { signal: c.signal })", PASS),
        ("a.py", "import httpx\nhttpx.AsyncClient(timeout=httpx.Timeout(None))", FAIL),
        ("a.py", "import aiohttp\naiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))", FAIL),
        ("a.py", "import requests\nrequests.get(u, timeout=(3, None))", FAIL),
        ("a.py", "import requests\nrequests.get(u, **options)", UNKNOWN),
        ("a.py", "import requests\nrequests.get(u, timeout=3, **options)", PASS),
        ("a.py", "from requests import get as fetch\nfetch(u)", FAIL),
        ("a.py", "import requests as r\nr.get(u)", FAIL),
        ("a.py", "from requests import Session\ns = Session()\ns.get(u)", FAIL),
        ("a.rb", "HTTP.get(url)", FAIL),
        ("a.rb", "HTTP.timeout(5).get(url)", PASS),
        ("a.rb", "Net::HTTP.start(host, 443, read_timeout: nil)", FAIL),
        ("a.js", "const api = axios.create({ baseURL, timeout: 0 })", FAIL),
        ("a.js", "// axios.get(url)\nfetch('https://x.test', { signal: AbortSignal.timeout(5000) })", PASS),
        ("a.ts", "fetch(`${process.env.API}/x`)", FAIL),
        ("a.js", "fetch('/api/items')", UNKNOWN),
        ("a.go", "resp, err := http.Get(url)", FAIL),
        ("a.go", "c := &http.Client{Timeout: 10 * time.Second}", PASS),
        ("a.go", "c := &http.Client{\n\tTransport: t,\n}", FAIL),
        ("a_test.go", "http.Get(url)", UNKNOWN),
        ("a.rb", "Net::HTTP.get(uri)", PASS),
    ],
)
async def test_time_limits(path: str, text: str, status: Status) -> None:
    verdict = await verdict_of("srv.ext_timeout.code", Stage(repo={path: text}))
    assert verdict.status is status, verdict.summary


async def test_the_limit_of_the_line() -> None:
    stage = Stage(repo={"a.py": "import requests\nrequests.get(u, timeout=(3, 60))"})
    for seconds, status in ((30, FAIL), (60, PASS)):
        assert (await verdict_of("srv.ext_timeout.code", stage, seconds=seconds)).status is status


LOOP = "def with_retry(f):\n    for n in range(3):\n        time.sleep(2**n)\n"
CALL = "import requests\nrequests.get(u, timeout=3)\n"


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"a.py": CALL}, FAIL),
        ({"a.py": CALL, "requirements.txt": "tenacity\n"}, UNKNOWN),
        ({"a.py": CALL, "tests/test_a.py": "import tenacity"}, FAIL),
        ({"a.py": CALL + "# from tenacity import retry\n"}, FAIL),
        ({"a.py": CALL + "import tenacity\n"}, FAIL),
        ({"a.py": CALL + "import tenacity\n@tenacity.retry\ndef f(): ...\n"}, PASS),
        ({"a.py": CALL + "from tenacity import retry\n"}, UNKNOWN),
        ({"a.js": "axios.get(u, { timeout: 1 })\nconst dbHealth = { retries: 3 }"}, UNKNOWN),
        ({"a.js": "import axiosRetry from 'axios-retry'\naxios.get(u, { timeout: 1 })"}, UNKNOWN),
        ({"a.py": CALL + "for attempt in range(3):\n    retry = True\n"}, UNKNOWN),
        ({"a.py": CALL, "b.py": LOOP}, UNKNOWN),
        ({"a.py": CALL + "with_retry(f)\n", "b.py": LOOP}, PASS),
        ({"a.py": CALL + "retry_job(f)\n", "b.py": "def retry_job(f):\n    queue.put(f)\n"}, UNKNOWN),
        ({"a.js": "import axiosRetry from 'axios-retry'\naxiosRetry(client)"}, PASS),
        ({"a.go": 'import (\n\t"github.com/cenkalti/backoff/v4"\n)\n'}, PASS),
        ({"a.py": "x = 1\n"}, UNKNOWN),
    ],
)
async def test_retries(files: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("srv.retry.code", Stage(repo=files))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(
    ("files", "status"),
    [
        ({"a.py": CALL}, FAIL),
        ({"a.py": CALL, "breaker.py": "class CircuitBreaker:\n    failures = 0\n"}, UNKNOWN),
        ({"a.py": CALL + "b = CircuitBreaker()\n", "breaker.py": "class CircuitBreaker:\n    failures = 0\n"}, PASS),
        ({"a.py": CALL + "b = LineBreaker()\n", "lines.py": "class LineBreaker:\n    failures = 0\n"}, FAIL),
        ({"a.js": "const CircuitBreaker = require('opossum')\nnew CircuitBreaker(f)"}, PASS),
        ({"a.py": CALL + '"""A circuit breaker is planned."""\n'}, UNKNOWN),
    ],
)
async def test_breakers(files: dict[str, str], status: Status) -> None:
    verdict = await verdict_of("srv.breaker.code", Stage(repo=files))
    assert verdict.status is status, verdict.summary


def test_comments_are_no_code() -> None:
    text = "a = 'http://x.test'  # requests.get(u)\n# all\nb = '#fff'"
    assert comments.blank(text, "python") == "a = 'http://x.test'  " + " " * 17 + "\n" + " " * 5 + "\nb = '#fff'"
    assert comments.blank("u = 'https://x' // fetch()\n/* a\nb */c", "javascript").split("\n") == [
        "u = 'https://x'           ", "    ", "    c"]  # fmt: skip


async def test_what_a_string_speaks_of_is_not_done() -> None:
    text = CALL + 'PATTERN = "autoretry_for"\nSAMPLE = """\nimport tenacity\nclass CircuitBreaker: ...\n"""\n'
    for check in ("srv.retry.code", "srv.breaker.code"):
        assert (await verdict_of(check, Stage(repo={"a.py": text}))).status is not PASS


def test_strings_are_blanked_where_they_stand() -> None:
    source = sources.Source("a.py", "python", 'a = """x\ny""" + b\nc = "d"  \n')
    assert source.bare == "a =     \n     + b\nc =      \n"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("Failed calls are retried by `tenacity`", Status.PASS), ("A lock guards `retry-failed-orders`", Status.UNKNOWN)],
)
async def test_a_name_that_speaks_of_retries_asks_for_none(subject: str, expected: Status) -> None:
    code = "from tenacity import retry\nimport requests\n\n\n@retry\ndef ask():\n    requests.get('x', timeout=5)\n"
    files = {"requirements.txt": "tenacity\nrequests\n", "app/a.py": code}
    found = await verdict_of("srv.retry.code", Stage(repo=files), subject=subject)
    assert found.status is expected, found.summary
