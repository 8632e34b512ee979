"""Secrets are found where they are, invented values are not taken for them, and none is ever shown."""

from __future__ import annotations

import pytest
from tests.unit.inspection.catalogue.asking import verdict_of

from roadworthy.contracts.checks import Status
from roadworthy.inspection.fixtures.stage import Stage
from roadworthy.inspection.probes import leaked

PASS, FAIL, UNKNOWN = Status.PASS, Status.FAIL, Status.UNKNOWN
REAL = "tR4vel" + "-Qu1ckly-88"
KEY = "9f2b7c41d08e6a53" + "b1c7e9048d2f6a35"
GITHUB = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
AWS = "AKIA" + "Q3EGRWTYU4ZX7PLM"
PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"


@pytest.mark.parametrize(
    "line",
    [
        f'PASSWORD = "{REAL}"',
        f"const apiKey = '{KEY}';",
        f'  "client_secret": "{KEY}",',
        f'String dbPassword = "{REAL}";',
        f'password := "{REAL}"',
        f'DATABASE_URL = "postgres://app:{REAL}@db.internal:5432/app"',
        f'github = "{GITHUB}"',
        f"// {AWS}",
        PEM,
    ],
)  # fmt: skip
def test_what_is_found(line: str) -> None:
    assert list(leaked.in_line("app.py", line)), line


@pytest.mark.parametrize("line", [f"password: {REAL}", f"API_KEY={KEY}", f"  - db_password: {REAL}"])
def test_bare_values_of_settings(line: str) -> None:
    assert list(leaked.in_line("deploy/values.yaml", line))
    assert not list(leaked.in_line("app.py", line))


@pytest.mark.parametrize(
    "line",
    [
        'password = os.environ["DB_PASSWORD"]',
        "const token = process.env.API_TOKEN_V2;",
        'password = "${DB_PASSWORD_2}"',
        'password: "{{ vault_password_1 }}"',
        'SECRET_KEY = "change-me-in-production-2024"',
        'api_key = "your-api-key-1234567890"',
        'token_url = "/api/v1/auth/token2"',
        'TOKEN_HEADER = "X-Auth-Token-V2"',
        '"password": "Passwort vergessen 2?"',
        'password_field = "password_confirmation1"',
        'secret_name = "projects/1234/secrets/db-password-9"',
        'token = "abcdefgh"',
        'password = ""',
        'DATABASE_URL = "postgres://postgres:p0stgr3s@localhost:5432/app"',
        'url = "postgres://user:password@host/db"',
        "aws = AKIA" + "IOSFODNN7EXAMPLE",
        "text.replace(/" + PEM + "/g, '')",
        'access_token: "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."',
        'self.reset_token = "#{Time.current.to_i}-#{Utils.random(30)}"',
        'JWT_SECRET = "some-test-secret-of-64-characters"',
        'password: "new_password_123"',
        'key = "sk_live_' + "x" * 24 + '"',
        "# ghp_" + "0" * 36,
    ],
)
def test_what_is_no_secret(line: str) -> None:
    assert not list(leaked.in_line("app.py", line)), line


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["password=", "a.", "secret: '", "://a:", "key_", "'\"", "-----BEGIN "])
def test_a_line_without_end(unit: str) -> None:
    leaked.in_text("x.yaml", (unit * 200_000)[:2_000_000])
    leaked.in_text("x.yaml", "\n".join([unit * 100] * 1_000))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"app.py": "x = 1\n"}, PASS),
        ({"app.py": f'PASSWORD = "{REAL}"\n'}, FAIL),
        ({"app.py": "x = 1\n", "tests/test_app.py": f'PASSWORD = "{REAL}"\n'}, PASS),
        ({"app.py": "x = 1\n", "tests/test_app.py": f'TOKEN = "{GITHUB}"\n'}, FAIL),
        ({"app.py": "x = 1\n", "tests/key.pem": PEM}, PASS),
        ({"app.py": "x = 1\n", "certs/key.pem": PEM}, FAIL),
        ({"app.py": "x = 1\n", ".env": f"PASSWORD={REAL}\n"}, PASS),
        ({"app.py": "x = 1\n", ".env.example": f"PASSWORD={REAL}\n"}, PASS),
        ({"app.py": "x = 1\n", "docs/setup.md": f"password: {REAL}\n"}, PASS),
        ({"app.py": "x = 1\n", "deploy/values.yaml": f"password: {REAL}\n"}, FAIL),
        ({"app.py": "x = 1\n", "node_modules/x/i.js": f'password = "{REAL}"'}, PASS),
        ({"README.md": "nothing"}, UNKNOWN),
        ({}, UNKNOWN),
    ],
)
async def test_where_it_counts(files: dict[str, str], expected: Status) -> None:
    verdict = await verdict_of("sec.nosecrets.searched", Stage(repo=files))
    assert verdict.status is expected, verdict.summary
    assert not any(value in repr(verdict) for value in (REAL, GITHUB, PEM))


async def test_what_is_tracked_and_what_was() -> None:
    clean, env = {"app.py": "x = 1\n"}, {"app.py": "x = 1\n", ".env": f"PASSWORD={REAL}\n"}
    assert (await verdict_of("sec.nosecrets.searched", Stage(repo=env, committed=(env,)))).status is FAIL
    private = {**env, ".gitignore": ".env\n"}
    assert (await verdict_of("sec.nosecrets.searched", Stage(repo=private, committed=(private,)))).status is PASS
    before = await verdict_of("sec.nosecrets.searched", Stage(repo=clean, committed=(env, clean)))
    assert before.status is FAIL
    assert "history" in before.summary
    assert REAL not in repr(before)


@pytest.mark.parametrize(
    ("committed", "expected"),
    [
        (({".gitignore": ".env\n"},), PASS),
        (({".gitignore": "/.env*\n!.env.example\n", ".env.example": "A=\n"},), PASS),
        (({".gitignore": "# .env\n"},), FAIL),
        (({".gitignore": ".env\n!.env\n"},), FAIL),
        (({".gitignore": "*.pyc\n", ".env": "A=1\n"},), FAIL),
        (({".env": "A=1\n"}, {".gitignore": ".env\n"}), FAIL),
        (({".gitignore": "/.env\n", "backend/.env.example": "A=\n"},), FAIL),
        (({".gitignore": ".env\n", "backend/.env.example": "A=\n"},), PASS),
        (({".gitignore": ".env\n", "config/.env.production": "A=1\n"},), FAIL),
    ],
)
async def test_ignored(committed: tuple[dict[str, str], ...], expected: Status) -> None:
    verdict = await verdict_of("sec.gitignore.rule", Stage(repo={}, committed=committed))
    assert verdict.status is expected, verdict.summary


async def test_a_rule_of_one_clone_alone() -> None:
    stage = Stage(repo={".git/info/exclude": ".env\n"}, committed=({"a.py": "x = 1\n"},))
    assert (await verdict_of("sec.gitignore.rule", stage)).status is FAIL


async def test_without_git_nobody_knows() -> None:
    assert (await verdict_of("sec.gitignore.rule", Stage(repo={".gitignore": ".env\n"}))).status is UNKNOWN


async def test_what_the_tree_configures_is_not_run() -> None:
    state = {".gitignore": ".env\n", ".gitattributes": "* filter=evil\n", "a.py": "x = 1\n"}
    stage = Stage(repo={".git/config": '[filter "evil"]\n  clean = touch /tmp/owned\n'}, committed=(state,))
    verdict = await verdict_of("sec.gitignore.rule", stage)
    assert verdict.status is UNKNOWN
    assert "config" in verdict.summary


@pytest.mark.parametrize(
    "line",
    [
        'placeholder="' + PEM + ' ..."',
        "if (text.startsWith('" + PEM + "')) {",
        '"' + PEM + '\\n...\\n"',
        f'"hashed_secret": "{KEY}",',
    ],
)
def test_titles_of_keys_and_digests_are_no_secrets(line: str) -> None:
    assert not list(leaked.in_line("app.py", line)), line


def test_a_key_with_its_body() -> None:
    assert list(leaked.in_line("app.py", '"' + PEM + '\\nMIIEow" +'))


async def test_lists_that_scanners_keep_of_what_they_found() -> None:
    files = {"app.py": "x = 1\n", ".secrets.baseline": f'{{"secret": "{KEY}"}}\n'}
    assert (await verdict_of("sec.nosecrets.searched", Stage(repo=files))).status is PASS


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("No secrets in the code", PASS),
        ("No credentials in git (use Vault)", PASS),
        ("No credentials in git; they live in Vault", UNKNOWN),
        ("Keys are kept in Secrets Manager", UNKNOWN),
        ("Signing key stored in an HSM", UNKNOWN),
        ("Share credentials with the other team safely", UNKNOWN),
        ("No plaintext client secrets in the database", UNKNOWN),
        ("People can reset their password", UNKNOWN),
    ],
)
async def test_what_the_line_says_of_secrets(subject: str, expected: Status) -> None:
    verdict = await verdict_of("sec.nosecrets.searched", Stage(repo={"app.py": "x = 1\n"}), subject=subject)
    assert verdict.status is expected, verdict.summary


@pytest.mark.parametrize(("rules", "expected"), [(".env\n", FAIL), (".env\n.env.production\n", PASS)])
async def test_every_file_that_the_line_names(rules: str, expected: Status) -> None:
    stage = Stage(repo={}, committed=({".gitignore": rules, "backend/.env.example": "A=\n"},))
    verdict = await verdict_of("sec.gitignore.rule", stage, file=".env", names=(".env.production",))
    assert verdict.status is expected
    assert "production" in verdict.summary


CONNECTION = "Xk29fj3QaZZ1"
BODY = f"{PEM}\nMIIEowIBAAKCAQEAx7\n"
AWS = "AKIA" + "Q7ZT4MX2WJ8KLP3V"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("deploy_key.txt", BODY),
        ("deploy/docs/server.key", BODY),
        ("infra/accessKeys.csv", f"Access key ID,Secret access key\n{AWS},abc\n"),
        ("src/Program.cs", f'new SqlConnection("Server=db.corp.test;User Id=sa;Password={CONNECTION};");'),
        ("src/App.java", f'String u = "jdbc:postgresql://db.corp.test/shop?user=app&password={CONNECTION}";'),
        ("src/store.py", f'c = "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={CONNECTION}Zx8Qw7Er6==;"'),
        ("src/call.js", 'fetch(u, {headers: {"Authorization": "Basic YWRtaW46WGsyOSFmajNRYQ=="}})'),
        ("app/settings.py", 'DB_PASSWORD = "Dragonfly123"'),
        ("app/settings.py", 'ADMIN_PASSWORD = "correcthorsebatterystaple"'),
        ("conf.json", '{"a": "' + "z" * 2_100 + f'", "aws": "{AWS}"}}'),
        ("big.py", "1234567,\n" * 40_000 + f'AWS = "{AWS}"'),
        (".env.production", "DB_PASSWORD=Modulus-x"),
        ("shop/settings.py", "SECRET_KEY = 'django-insecure-9^xyaab2cd#ef3gh4ij5kl6mn7op8qr9st'"),
        ("shop/conf.py", "SECRET_KEY = os.getenv('SECRET_KEY', 'django-insecure-9^xyaab2cd#ef3gh4ij5kl6mn7op8qr9st')"),
        ("config/credentials/development.key", "0f8d1c7be93a4652d10b7f64a98ce3f7"),
    ],
)
async def test_where_secrets_were_once_passed_over(path: str, text: str) -> None:
    files = {"app.py": "x = 1\n", path: text}
    verdict = await verdict_of("sec.nosecrets.searched", Stage(repo=files, committed=(files,)))
    assert verdict.status is FAIL, verdict.summary
    assert path in verdict.summary
    assert CONNECTION not in repr(verdict)


@pytest.mark.parametrize(
    "line",
    [
        "# config.secret_key = '0f8d1c7be93a4652d10b7f64a98ce3f75b2a08d3'",
        'PASSWORD = "password"',
        "DB_PASSWORD = get('DB_PASSWORD1')",
        'DB_PASSWORD = "changeme123"',
        "DB_PASSWORD: ${DB_PASSWORD1}",
        'label: "Password1 must have 8 characters"',
        "url = f'jdbc:postgresql://{host}/shop?user={user}&password={password}'",
        'connection = "Server=localhost;Password=<your password>;"',
        "Authorization: Basic ${encoded}",
    ],
)
def test_what_names_a_password_without_giving_one(line: str) -> None:
    assert not list(leaked.in_line("app.py", line)), line


async def test_a_line_about_the_file_of_variables_is_not_about_the_code() -> None:
    subject = ".env.production - Environment variables (secrets)"
    verdict = await verdict_of("sec.nosecrets.searched", Stage(repo={"app.py": "x = 1\n"}), subject=subject)
    assert verdict.status is UNKNOWN
