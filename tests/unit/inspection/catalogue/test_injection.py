"""Injection: what a wrong tick, and a false alarm, would come from."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.injection import _searching
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.fixtures.web import Reply, pages

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("a.py", 'def f(db, x):\n    db.execute("select a from b where c = " + x)', FAIL),
        ("a.py", 'def f(db, x):\n    db.execute("select a from b where c = %s" % x)', FAIL),
        ("a.py", 'def f(db, x):\n    db.execute("select a from b where c = {}".format(x))', FAIL),
        ("a.py", 'def f(db, x):\n    sql = f"select a from b where c = {x}"\n    db.execute(sql)', FAIL),
        ("a.py", 'def f(db, x):\n    db.execute(text(f"select a from b where c = {x}"))', FAIL),
        ("a.py", "def f():\n    db.execute(f\"delete from b where c = {request.args['x']}\")", FAIL),
        ("a.py", 'def f(db, x):\n    db.execute(f"select {COLUMNS} from b where c = $1", x)', PASS),
        ("a.py", 'def f(db, x):\n    where = tail()\n    db.execute(f"select a from b where {where}")', UNKNOWN),
        (
            "a.py",
            'def f(db, x):\n    marks = ",".join(["%s"] * len(x))\n    db.execute("select a from b where c = %s", x)',
            PASS,
        ),
        ("a.py", 'FIND = "select a from b where c = $1"\ndef f(db, x):\n    db.fetch(FIND, x)', PASS),
        ("a.py", 'def f(log, x):\n    log.execute(f"hello {x}")', UNKNOWN),
        ("a.py", '# db.execute(f"select a from b where c = {x}")\nx = 1', UNKNOWN),
        ("tests/test_a.py", 'def f(db, x):\n    db.execute(f"select a from b where c = {x}")', UNKNOWN),
        ("a.js", "db.query(`select a from b where c = ${req.query.x}`)", FAIL),
        ("a.js", "db.query('select a from b where c = ' + req.params.x)", FAIL),
        ("a.js", "db.query('select a from b where c = $1', [x])", PASS),
        ("a.js", "await sql`select a from b where c = ${x}`", UNKNOWN),
        ("a.js", "db.query(`select ${COLUMNS} from b where c = $1`, [x])", UNKNOWN),
        ("a.go", 'db.Query(fmt.Sprintf("select a from b where c = %s", x))', FAIL),
        ("a.go", 'db.Query("select a from b where c = $1", x)', PASS),
        ("a.rb", "User.where(\"name = '#{params[:name]}'\")", FAIL),
        ("a.rb", 'User.where("name = ?", params[:name])', UNKNOWN),
    ],
)
async def test_statements(path: str, text: str, status: Status) -> None:
    verdict = await verdict_of("sec.sqli.tried", Stage(repo={path: text}))
    assert verdict.status is status, verdict.summary


async def test_a_mapper_of_sql() -> None:
    files = {"requirements.txt": "sqlalchemy\n", "a.py": "session.query(User).filter(User.name == name)"}
    assert (await verdict_of("sec.sqli.tried", Stage(repo=files))).status is PASS


async def test_a_quote_that_breaks() -> None:
    clean = {"a.py": 'def f(db, x):\n    db.execute("select a from b where c = %s", (x,))'}
    verdict = await verdict_of("sec.sqli.tried", Stage(site=_searching(careless=True), repo=clean))
    assert (verdict.status, "/api/items?q" in verdict.summary) == (FAIL, True), verdict.summary
    assert (await verdict_of("sec.sqli.tried", Stage(site=_searching(careless=False)))).status is UNKNOWN


@pytest.mark.parametrize(
    ("path", "text", "status"),
    [
        ("a.html", "{% autoescape off %}{{ x }}{% endautoescape %}", FAIL),
        ("a.html", "<p>{{ x }}</p><!-- {{ x|safe }} -->", PASS),
        ("a.html", "<script>{{ data|tojson|safe }}</script>", PASS),
        ("a.html", "{% if a != b %}{{ x }}{% endif %}", PASS),
        ("a.tsx", "<div dangerouslySetInnerHTML={{ __html: post.body }} />", FAIL),
        ("a.tsx", "<div dangerouslySetInnerHTML={{ __html: DOMPurify.sanitize(post.body) }} />", PASS),
        ("a.erb", "<%= raw post.body %>", FAIL),
        ("a.ejs", "<%- include('head') %><%= x %>", PASS),
        ("a.ejs", "<%- post.body %>", FAIL),
        ("a.py", "x = 1", UNKNOWN),
        ("a.py", "mark_safe(body)", FAIL),
        ("a.py", 'Markup("<p>{}</p>").format(body)', UNKNOWN),
        ("tests/a.html", "{{ x|safe }}", UNKNOWN),
    ],
)
async def test_sinks(path: str, text: str, status: Status) -> None:
    verdict = await verdict_of("sec.xss.tried", Stage(repo={path: text}))
    assert verdict.status is status, verdict.summary


@pytest.mark.parametrize(("careless", "status"), [(True, FAIL), (False, PASS)])
async def test_markup_that_comes_back(careless: bool, status: Status) -> None:
    stage = Stage(site=_searching(careless=careless, html=True), repo={"a.html": "{{ x }}"})
    assert (await verdict_of("sec.xss.tried", stage)).status is status


@pytest.mark.parametrize(
    ("subject", "policy", "expected"),
    [
        ("XSS: output is escaped", None, Status.PASS),
        ("XSS: escaping and CSP", None, Status.UNKNOWN),
        ("XSS: escaping and CSP", "", Status.UNKNOWN),
        ("XSS: escaping and CSP", "default-src 'self'", Status.PASS),
        ("httpOnly cookies keep scripts away", None, Status.UNKNOWN),
    ],
)
async def test_a_policy_that_the_line_promises_as_well(subject: str, policy: str | None, expected: Status) -> None:
    headers = {"content-security-policy": policy} if policy else {}
    site = pages({"/": Reply(200, b"<html></html>", {"content-type": "text/html", **headers})})
    tree = {"templates/item.html": "<p>{{ item.text }}</p>"}
    stage = Stage(repo=tree, site=None if policy is None else site)
    verdict = await verdict_of("sec.xss.tried", stage, subject=subject)
    assert verdict.status is expected, verdict.summary
