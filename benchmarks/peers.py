"""What other tools find on the same unready services, and whether we do: `python -m benchmarks.peers FOLDER`.

FOLDER keeps the tools between runs: `django check --deploy` and squawk from PyPI, MDN's HTTP observatory from npm (no
install scripts; preload list stubbed, a test certificate trusted), Lynis from Debian, unpacked and not installed.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from tests.processes import free_port, started, wait_until
from tests.unready.planting import SERVICES, inspected, service

RESULTS = Path(__file__).with_name("results") / "peers.json"
LIMIT_SECONDS = 300
DJANGO = {
    "W002": "X-Frame-Options header set",
    "W004": "HSTS header sent",
    "W008": "HTTPS is enforced",
    "W009": "SECRET_KEY is long and random",
    "W012": "Session cookies are Secure, HttpOnly and SameSite",
    "W016": "CSRF cookies are Secure",
    "W018": "DEBUG is off",
    "W020": "ALLOWED_HOSTS is restricted",
}
OBSERVATORY = {
    "content-security-policy": "Content-Security-Policy header set",
    "cookies": "Session cookies are Secure, HttpOnly and SameSite",
    "cross-origin-resource-sharing": "CORS allows only our own origins",
    "redirection": "HTTPS is enforced",
    "referrer-policy": "Referrer-Policy header set",
    "strict-transport-security": "HSTS header sent",
    "subresource-integrity": "Scripts of other hosts carry subresource integrity",
    "x-content-type-options": "X-Content-Type-Options header set",
    "x-frame-options": "X-Frame-Options header set",
    "cross-origin-resource-policy": "Cross-Origin-Resource-Policy header set",
}
LOCKS = "Zero-downtime database migrations"
SQUAWK = dict.fromkeys(
    (
        "require-concurrent-index-creation",
        "require-lock-timeout",
        "adding-required-field",
        "adding-foreign-key-constraint",
        "changing-column-type",
        "constraint-missing-not-valid",
        "ban-drop-column",
        "renaming-table",
    ),
    LOCKS,
) | {"require-statement-timeout": "Migrations set statement_timeout"}
LYNIS = {
    "FIRE": "Firewall enabled (ufw)",
    "DEB-0880": "fail2ban installed",
    "SSH-7408": "SSH: root login and passwords are disabled",
    "PKGS-7420": "Automatic security updates enabled",
    "PKGS-7392": "Security updates are installed",
    "LOGG-2130": "Logs are collected in one place",
    "TIME": "Clock is synchronised (NTP)",
    "KRNL-5830": "No reboot is pending",
}
"""A prefix of the tool's own id -> the line that a checklist has for it; empty: nobody's checklist has one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a tool said, the line that asks the same of us, and our status for it (empty: no such line)."""

    tool: str
    on: str
    finding: str
    line: str
    ours: str


def django(tools: Path, folder: Path) -> Iterator[Finding]:
    """`manage.py check --deploy` on a project as `startproject` leaves it, and us on the same, served by gunicorn."""
    project = folder / "django"
    shutil.copytree(SERVICES / "django_shop", project)
    python = _python(tools)
    subprocess.run([python, "manage.py", "migrate"], cwd=project, check=True, capture_output=True, timeout=60)
    done = _said([python, "manage.py", "check", "--deploy"], project)
    found = sorted(set(re.findall(r"security\.(W\d+)", done)))
    port = free_port()
    command = [str(tools / "py/bin/gunicorn"), "--bind", f"127.0.0.1:{port}", "shop.wsgi"]
    with started(command, {"PATH": os.environ["PATH"]}, folder / "django.log", project):
        wait_until((lambda: "Listening" in (folder / "django.log").read_text()), "gunicorn did not start")
        target = f'[http]\nurl = "http://127.0.0.1:{port}"\n[repository]\npath = "django"\n'
        yield from _beside(
            "django check --deploy", "Django as startproject leaves it", found, DJANGO, folder=folder, target=target
        )


def observatory(tools: Path, folder: Path) -> Iterator[Finding]:
    """The observatory on the FastAPI shop without headers and with open CORS, over TLS with a certificate made here."""
    package = tools / "node/node_modules/@mdn/mdn-http-observatory"
    (package / "conf/hsts-preload.json").write_text("{}")
    key, made = _certificate(folder)
    plain, secure = free_port(), free_port()
    environment = {"DEFECTS": "no headers,open CORS", "PYTHONPATH": str(SERVICES), "PATH": os.environ["PATH"]}
    serve = [
        str(Path(sys.executable).parent / "uvicorn"),
        "fastapi_shop:app",
        "--host",
        "127.0.0.1",
        "--log-level",
        "info",
    ]
    tls = ["--ssl-keyfile", str(key), "--ssl-certfile", str(made)]
    with (
        started([*serve, "--port", str(plain)], environment, folder / "plain.log", folder),
        started([*serve, "--port", str(secure), *tls], environment, folder / "secure.log", folder),
    ):
        for log in ("plain.log", "secure.log"):
            wait_until(partial(_says, folder / log, "running on"), "uvicorn did not start")
        script = (
            f"const m = await import('{package}/src/scanner/index.js');"
            f"const r = await m.scan('127.0.0.1:{secure}');"
            "console.log(JSON.stringify(Object.entries(r.tests).filter(([, t]) => !t.pass).map(([k]) => k)))"
        )
        told = {**os.environ, "NODE_EXTRA_CA_CERTS": str(made), "NO_PROXY": "127.0.0.1"}
        said = _said(["node", "--input-type=module", "-e", script], package, told)
        listed = [line for line in said.splitlines() if line.startswith("[")]
        if not listed:
            raise SystemExit(f"the observatory said: {said[-600:]}")
        found = sorted(json.loads(listed[-1]))
        target = f'[http]\nurl = "http://localhost:{plain}"\n'
        yield from _beside(
            "observatory", "FastAPI without headers, with open CORS", found, OBSERVATORY, folder=folder, target=target
        )


def squawk(tools: Path, folder: Path) -> Iterator[Finding]:
    """Run squawk on a migration that locks and drops, and us on a repository that holds it."""
    repository = folder / "migrating"
    shutil.copytree(SERVICES / "migrations", repository / "migrations")
    (repository / "package.json").write_text('{"dependencies": {"express": "4"}}')
    said = _said(
        [str(tools / "py/bin/squawk"), "--reporter", "json", *map(str, (repository / "migrations").glob("*.sql"))],
        folder,
    )
    found = sorted({str(one.get("rule_name")) for one in json.loads(said[said.index("[") : said.rindex("]") + 1])})
    yield from _beside(
        "squawk", "a migration that locks", found, SQUAWK, folder=folder, target='[repository]\npath = "migrating"\n'
    )


def lynis(tools: Path, folder: Path) -> Iterator[Finding]:
    """Lynis on the machine that this runs on, and us on the same."""
    home = tools / "lynis/usr/share/lynis"
    (home / "plugins").mkdir(exist_ok=True)
    options = ["audit", "system", "--quick", "--no-colors", "--plugindir", str(home / "plugins")]
    files = ["--profile", str(tools / "lynis/etc/lynis/default.prf"), "--logfile", str(folder / "lynis.log")]
    report = folder / "lynis.dat"
    _said(["bash", "../../sbin/lynis", *options, *files, "--report-file", str(report)], home)
    found = sorted(set(re.findall(r"^(?:warning|suggestion)\[\]=([A-Z]+-\d+)", report.read_text(), re.MULTILINE)))
    with service("fastapi", folder) as url:
        yield from _beside(
            "Lynis",
            "this machine",
            found,
            LYNIS,
            folder=folder,
            target=f'[http]\nurl = "{url}"\n[host]\nlocal = true\n',
        )


def _beside(
    tool: str, on: str, found: Sequence[str], lines: Mapping[str, str], *, folder: Path, target: str
) -> Iterator[Finding]:
    asked = {one: next((line for prefix, line in lines.items() if one.startswith(prefix)), "") for one in found}
    wanted = list(dict.fromkeys(filter(None, asked.values())))
    with contextlib.redirect_stdout(io.StringIO()):
        seen = inspected(folder, "Security", wanted, target) if wanted else None
    for one, line in asked.items():
        yield Finding(tool, on, one, line, seen.status.get(line, "") if seen and line else "")


def _says(log: Path, words: str) -> bool:
    return words in log.read_text()


def _certificate(folder: Path) -> tuple[Path, Path]:
    key, made = folder / "key.pem", folder / "made.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(made), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    return key, made


def _said(command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT_SECONDS, check=False
    )
    return done.stdout + done.stderr


def _python(tools: Path) -> str:
    return str(tools / "py/bin/python")


def install(tools: Path) -> None:
    """Bring what is missing, into `tools` alone."""
    tools.mkdir(parents=True, exist_ok=True)

    def run(command: Sequence[str], folder: Path = tools) -> None:
        subprocess.run(command, cwd=folder, check=True, timeout=LIMIT_SECONDS, stdout=subprocess.DEVNULL)

    if not (tools / "py").exists():
        run([sys.executable, "-m", "venv", str(tools / "py")])
        run([_python(tools), "-m", "pip", "install", "--quiet", "django>=5.1", "squawk-cli", "gunicorn"])
    if not (tools / "node").exists():
        (tools / "node").mkdir()
        run(
            ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "@mdn/mdn-http-observatory"],
            tools / "node",
        )
    if not (tools / "lynis").exists():
        run(["apt-get", "download", "lynis"])
        run(["dpkg", "-x", next(str(deb) for deb in tools.glob("lynis_*.deb")), str(tools / "lynis")])


def main() -> None:
    """Run every peer, print what it finds beside what we say, write results/peers.json."""
    parser = argparse.ArgumentParser(prog="benchmarks.peers", description=__doc__)
    parser.add_argument("tools", type=Path)
    peers: dict[str, Callable[[Path, Path], Iterator[Finding]]] = {
        "django": django,
        "observatory": observatory,
        "squawk": squawk,
        "lynis": lynis,
    }
    parser.add_argument("--only", nargs="*", choices=peers, default=list(peers))
    asked = parser.parse_args()
    tools = asked.tools.resolve()
    install(tools)
    findings: list[Finding] = []
    for name in asked.only:
        with tempfile.TemporaryDirectory(prefix="roadworthy-peers-") as folder:
            findings += peers[name](tools, Path(folder))
    grid = Table(box=SIMPLE_HEAD, header_style="bold")
    for column in ("tool", "finds", "line of a checklist", "we say"):
        grid.add_column(column)
    for one in findings:
        grid.add_row(one.tool, one.finding, one.line or "(in nobody's checklist)", one.ours)
    Console(width=140).print(grid)
    if asked.only == list(peers):
        RESULTS.write_text(json.dumps([asdict(one) for one in findings], indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
