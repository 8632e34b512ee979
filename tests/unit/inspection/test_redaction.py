from __future__ import annotations

import pytest

from roadworthy.inspection.observation import observe, printable
from roadworthy.inspection.redaction import is_secret_name, outline, redact, redact_command, unsaid

CANARY = "c4nary9f3e1d7b55aa"


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://app:{CANARY}@db.example:5432/shop",
        f"redis://:{CANARY}@cache:6379/0",
        f"SECRET_KEY={CANARY}",
        f"export SMTP_PASSWORD='{CANARY}'",
        f'"password": "{CANARY}"',
        f"ValueError: password={CANARY}",
        f"apiKey: {CANARY}",
        f"Authorization: Bearer {CANARY}",
        f"authorization: Basic {CANARY}==",
        f"Set-Cookie: session={CANARY}; HttpOnly",
        f"x-api-key: {CANARY}",
        f"jwt eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
        f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
        f"ghp_{CANARY}{CANARY}",
        f"sk_live_{CANARY}",
        f"hash $2b$12${CANARY}{CANARY}",
        f"$argon2id$v=19$m=65536,t=3,p=4${CANARY}",
        f"CLIENT_SECRET: {CANARY}",
        f"CREATE USER app WITH PASSWORD '{CANARY}';",
    ],
)
def test_secrets_are_masked_by_shape_and_by_name(text: str) -> None:
    assert CANARY not in redact(text)


def test_known_secrets_are_masked_by_value_anywhere() -> None:
    assert CANARY not in redact(f"an error about {CANARY} in a sentence", {CANARY})


@pytest.mark.parametrize(
    "text",
    [
        "pool_size=20, max_overflow=40",
        "ACCESS_TOKEN_EXPIRE_MINUTES=30",
        "SECRET_KEY=<generate-with-openssl>",
        "POSTGRES_USER=app",
        "SECRET_KEY=  # openssl rand -hex 32",
        "Cache-Control: public, max-age=3600",
        "X-Frame-Options: DENY",
        "postgresql://db.example/shop",
        "statement_timeout is 5s",
        "password hashing uses argon2id",
    ],
)
def test_what_opens_nothing_stays(text: str) -> None:
    assert redact(text) == text


def test_short_values_are_not_masked_by_value() -> None:
    assert redact("the app listens on 5432", {"app", "5432"}) == "the app listens on 5432"


@pytest.mark.parametrize("name", ["SMTP_PASSWORD", "apiKey", "db.password", "SESSION_SECRET", "STRIPE_API_KEY_LIVE"])
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["TOKEN_TTL", "PASSWORD_MIN_LENGTH", "AUTHOR", "KEYBOARD", "RATE_LIMIT", "PASSENGER"])
def test_names_that_only_sound_alike(name: str) -> None:
    assert not is_secret_name(name)


def test_evidence_is_redacted_bounded_and_harmless_in_a_terminal() -> None:
    seen = observe(f"GET /?token={CANARY}", f"\x1b[2Jpassword: {CANARY} " + "x" * 5_000, "here")
    assert CANARY not in repr(seen)
    assert "\x1b" not in seen.answer
    assert len(seen.answer) < 2_100


def test_digests_leave_out_when_but_not_how_much() -> None:
    first = observe("q", "answered in 12.5 ms at 2026-01-02T03:04:05Z", "here")
    again = observe("q", "answered in 99 ms at 2027-05-06T07:08:09Z", "here")
    other = observe("q", "TTL 300 s", "here")
    longer = observe("q", "TTL 600 s", "here")
    assert first.digest == again.digest
    assert other.digest != longer.digest


def test_control_characters_are_replaced() -> None:
    assert (
        printable("a\x00b\x9bc\u202ed\ne")
        == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c\N{REPLACEMENT CHARACTER}d\ne"
    )


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("app", "--db-password", "hunter two", "--port", "80"), "app --db-password [redacted] --port 80"),
        (("app", "--admin-passphrase=x y", "run"), "app --admin-passphrase=[redacted] run"),
        (("app", "-token", "-abc", "--secret-key", "--debug"), "app -token [redacted] --secret-key --debug"),
        (("app", "--password", "--password", "x"), "app --password --password [redacted]"),
    ],
)
def test_options_of_commands_lose_their_values(argv: tuple[str, ...], said: str) -> None:
    assert redact_command(argv) == said


def test_options_in_a_line_of_text_lose_their_values() -> None:
    assert redact("cron: app --auth-token 12ab --port 80") == "cron: app --auth-token [redacted] --port 80"


@pytest.mark.parametrize(
    "text",
    [
        'requests.get(u, auth=("admin", "{secret}"))',
        "https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/{secret}",
        "https://hc-ping.com/{secret}",
        "https://x.test/?sig={secret}&a=1",
        "https://x.test/?a=1&key={secret}",
        "mysqldump -uroot -p{secret} shop",
        "curl -fsS -u ops:{secret} https://x.test",
        "Set-Cookie: sid={secret}",
        "AccountName=shop;AccountKey={secret};EndpointSuffix=x",
        "postgres://app:a/{secret}@db.test/shop",
        "machine x.test login me password {secret}",
        "whsec_{secret}",
    ],
)
def test_secrets_by_the_shape_around_them(text: str) -> None:
    secret = "Zq7Lw2mNc8RbZp5KdH3y"
    assert secret not in redact(text.format(secret=secret))


@pytest.mark.parametrize(
    "text",
    [
        *("SESSION_COOKIE_SECURE = True", "AUTH_PORT=8080", "mysql -port 3306 -h db"),
        *("public.auth_group: name unique", '{"password_confirm":["This field is required."]}'),
        *("DATABASE_URL=postgresql://user:password@host:5432/name", 'write "postgresql://user:password@host/database"'),
    ],
)
def test_switches_and_numbers_are_shown(text: str) -> None:
    assert redact(text) == text


def test_a_word_that_everybody_would_try_is_masked_as_a_value_and_not_in_sentences() -> None:
    told = "how passwords are kept: DB_PASSWORD=password, postgresql://shop:password@db/shop"
    masked = "how passwords are kept: DB_PASSWORD=[redacted], postgresql://shop:[redacted]@db/shop"
    assert redact(told, ["password"]) == masked
    assert redact("opens with Password7", ["Password7"]) == "opens with [redacted]"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ('requests.get("https://a.test/{secret}", auth=("me", "{secret}"))', 'requests.get("...", auth=[redacted])'),
        ("fetch(`https://a.test/{secret}`)", "fetch(`...`)"),
        ("log('signed in with {secret}", "log('...'"),
    ],
)
def test_code_is_quoted_without_what_its_strings_say(code: str, said: str) -> None:
    assert unsaid(code.format(secret="Zq7Lw2mNc8RbZp5KdH3y")) == said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("0 3 * * * pg_dump -Fc shop > /backups/shop.dump", "0 3 * * * pg_dump -Fc shop > /backups/shop.dump"),
        ("0 3 * * * curl https://a.test/hooks/{secret}", "0 3 * * * curl https://a.test/..."),
        ('wget --header "X-Auth: {secret}" https://a.test', 'wget --header "..." https://a.test'),
        ("certbot renew --deploy {secret}", "certbot renew --deploy [redacted]"),
        ("/usr/lib/postgresql/16/bin/pg_dump app-production", "/usr/lib/postgresql/16/bin/pg_dump app-production"),
    ],
)
def test_commands_are_quoted_by_their_programs_and_places(command: str, said: str) -> None:
    assert outline(command.format(secret="Zq7Lw2mNc8RbZp5KdH3y")) == said
