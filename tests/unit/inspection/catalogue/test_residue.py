"""What is left in code: found where it serves, not where printing is the purpose or a word stands in a string."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.catalogue.residue import GONE, HEAD
from roadworthy.inspection.fixtures.stage import Stage

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN

QUIET = {"app.log": "index\n"}


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("app/views.py", "print('x')\n", FAIL),
        ("app/views.py", "import pdb; pdb.set_trace()\n", FAIL),
        ("app/views.py", "breakpoint()\n", FAIL),
        ("app/views.py", "# print('x')\n", PASS),
        ("app/views.py", "text = 'print(x)'\n", PASS),
        ("app/views.py", "console.print('x')\n", PASS),
        ("app/tool.py", "print('x')\nif __name__ == \"__main__\":\n    main()\n", PASS),
        ("src/a.ts", "console.log(user)\n", FAIL),
        ("src/a.ts", "console . log(user)\n", FAIL),
        ("src/a.ts", "// console.log(user)\n", PASS),
        ("src/a.ts", "/* console.log(user) */\n", PASS),
        ("src/a.ts", "console.error(problem)\n", PASS),
        ("src/a.ts", "  debugger;\n", FAIL),
        ("app/models/user.rb", "binding.pry\n", FAIL),
        ("app/models/user.rb", "def outputs\nend\n", PASS),
        ("pkg/web/web.go", 'fmt.Println("x")\n', FAIL),
        ("pkg/web/web.go", 'fmt.Fprintf(w, "x")\n', PASS),
        ("src/main/java/A.java", 'System.out.println("x");\n', FAIL),
        ("scripts/seed.py", "print('x')\n", UNKNOWN),
        ("tests/test_a.py", "print('x')\n", UNKNOWN),
        ("src/a.test.ts", "console.log(1)\n", UNKNOWN),
    ],
)
async def test_debugging(path: str, text: str, expected: Status) -> None:
    verdict = await verdict_of("code.debug.searched", Stage(repo={path: text}))
    assert verdict.status is expected, verdict.summary


async def test_the_language_that_the_line_names() -> None:
    both = Stage(repo={"app/a.py": "print(1)\n", "src/a.ts": "export {}\n"})
    assert (await verdict_of("code.debug.searched", both, subject="Replaced `console.*`")).status is PASS
    assert (await verdict_of("code.debug.searched", both, subject="Delete console.log, print")).status is FAIL


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("app/a.py", HEAD + "log.info('in %s', password)\n", FAIL),
        ("app/a.py", HEAD + "log.info(f'in {user.api_key}')\n", FAIL),
        ("app/a.py", HEAD + "log.debug('in', extra={'t': request.headers['Authorization']})\n", FAIL),
        ("app/a.py", HEAD + "log.info('invalid password for %s', user.id)\n", PASS),
        ("app/a.py", HEAD + "log.info('token of %d characters', len(token))\n", PASS),
        ("app/a.py", HEAD + "log.info('secret set: %s', secret is not None)\n", PASS),
        ("app/a.py", HEAD + "log.info('%s', token_count)\n", PASS),
        ("app/a.py", "x = 1\n", UNKNOWN),
        ("src/a.ts", "logger.info(`in ${user.password}`);\n", FAIL),
        ("src/a.ts", "console.log('in', accessToken);\n", FAIL),
        ("src/a.ts", "logger.info('password changed', user.id);\n", PASS),
        ("src/a.ts", "// logger.info(password);\nlogger.info('x');\n", PASS),
        ("app/a.rb", 'Rails.logger.info("in #{params[:password]}")\n', FAIL),
        ("app/a.go", 'log.Printf("in %s", password)\n', FAIL),
        ("app/a.go", 'log.Printf("bad password")\n', PASS),
    ],
)
async def test_logging(path: str, text: str, expected: Status) -> None:
    verdict = await verdict_of("sec.logs_clean.searched", Stage(repo={path: text}, logs=QUIET))
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("POST /login password=hunter2abc", FAIL),
        ('{"password": "hunter2abc"}', FAIL),
        ("Authorization: Bearer abcdefghijklmnopqrstuvwxyz", FAIL),
        ("POST /login password=[FILTERED]", PASS),
        ("password: ********", PASS),
        ("invalid password for user 7", PASS),
    ],
)
async def test_the_logs_themselves(line: str, expected: Status) -> None:
    verdict = await verdict_of("sec.logs_clean.searched", Stage(repo=GONE, logs={"app.log": f"{line}\n"}))
    assert verdict.status is expected, verdict.summary
    assert "hunter2abc" not in repr(verdict)


async def test_rails_filters_parameters() -> None:
    rails = {"Gemfile": 'gem "rails"\n', "app/a.rb": 'logger.info "x"\n'}
    assert (await verdict_of("sec.logs_clean.searched", Stage(repo=rails))).status is FAIL
    path = "config/initializers/filter_parameter_logging.rb"
    text = "Rails.application.config.filter_parameters += [:passw, :token]\n"
    assert (await verdict_of("sec.logs_clean.searched", Stage(repo={**rails, path: text}, logs=QUIET))).status is PASS
    assert (await verdict_of("sec.logs_clean.searched", Stage(repo={**rails, path: f"# {text}"}))).status is FAIL


async def test_clean_logs_alone_show_little() -> None:
    assert (await verdict_of("sec.logs_clean.searched", Stage(logs={"app.log": "x\n"}))).status is UNKNOWN


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("No passwords in logs", PASS), ("PII is masked in logs", UNKNOWN), ("No personal data logged", UNKNOWN)],
)
async def test_data_about_people_is_not_told_by_names(subject: str, expected: Status) -> None:
    verdict = await verdict_of("sec.logs_clean.searched", Stage(repo=GONE, logs=QUIET), subject=subject)
    assert verdict.status is expected, verdict.summary


async def test_names_alone_show_no_clean_log() -> None:
    hidden = {"app/a.py": HEAD + "p = password\nlog.info('%s', p)\n"}
    assert (await verdict_of("sec.logs_clean.searched", Stage(repo=hidden))).status is UNKNOWN
