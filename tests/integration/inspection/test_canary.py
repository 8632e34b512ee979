"""A secret planted in every source that an inspection reads appears in no report of any format."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from roadworthy.inspection import command
from roadworthy.inspection.requirements import BY_ID

CANARY = f"c4nary{secrets.token_hex(12)}"
QUOTED = f"Zq{secrets.token_hex(12)}"
"""Stands where no value is known by name: in code, cron lines and commands, which evidence may quote."""
QUOTED_PYTHON = f"""\
import os, requests, httpx, logging, subprocess
requests.post("https://hooks.slack.com/services/T0AAAAAAA/B0BBBBBBB/{QUOTED}")
requests.get("https://api.test/x", auth=("admin", "{QUOTED}"))
requests.get("https://api.test/?sig={QUOTED}&key={QUOTED}")
requests.get("https://api.test", headers={{"X-Sig": "{QUOTED}", "Authorization": "Basic {QUOTED}"}})
httpx.get("https://api.test/v1/{QUOTED}/orders")
logging.info("login of kim with {QUOTED}")
print("{QUOTED}")
cursor.execute("select * from users where token = '{QUOTED}' and name = " + name)
subprocess.run("curl -u ops:{QUOTED} https://api.test", shell=True)
app.add_middleware(CORSMiddleware, allow_origins=["*"], secret="{QUOTED}")
sender = smtplib.SMTP("mail.test"); sender.login("ops", "{QUOTED}")
"""
QUOTED_JAVASCRIPT = f"""\
import axios from 'axios'
axios.get('https://api.test/?code={QUOTED}', {{ headers: {{ 'X-Key': '{QUOTED}' }} }})
fetch('https://api.test/hooks/{QUOTED}')
console.log('signed in with {QUOTED}')
db.query(`select * from users where token = '{QUOTED}' and id = ${{id}}`)
new Pool({{ max: 20, password: '{QUOTED}' }})
element.innerHTML = '{QUOTED}' + name
"""
CRONTAB = f"""\
0 3 * * * mysqldump -uroot -p{QUOTED} shop > /backups/shop.sql && curl -fsS https://hc-ping.com/{QUOTED}
0 4 * * * pg_dump "postgresql://app:{QUOTED}@db/shop" | aws s3 cp - s3://backups/shop.sql
0 5 * * * curl -u ops:{QUOTED} https://api.test/renew; certbot renew --token {QUOTED}
0 6 * * * PGPASSWORD={QUOTED} pg_dumpall | restic backup --stdin || curl "https://alerts.test/?key={QUOTED}"
0 7 * * * find /backups -mtime +30 -delete; wget --header "X-Auth: {QUOTED}" https://api.test
"""
CRON_JOB = f"""\
apiVersion: batch/v1
kind: CronJob
metadata: {{name: backup}}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          containers:
            - name: backup
              image: postgres:16
              command: [sh, -c, "mysqldump -p{QUOTED} shop | curl https://hc-ping.com/{QUOTED}"]
"""
UNIT = f"""\
[Service]
ExecStart=/usr/bin/gunicorn shop.wsgi -w 4 --statsd-prefix {QUOTED[:1]} --token {QUOTED}
Environment=API_TOKEN={QUOTED}
[Timer]
OnCalendar=daily
"""
QUOTING = (
    "All external API calls have timeouts", "Backups automated daily", "Alert when a backup fails", "4 workers",
    "No debug statements (print, console.log)", "SQL queries are parameterized", "User input is escaped (XSS)",
    "Passwords are never logged", "Certificates renew automatically", "Old backups are removed after 30 days",
    "Retry logic for external API calls", "Production server (gunicorn)", "CORS allows named origins only",
)  # fmt: skip
"""Lines whose evidence quotes code, commands or schedules."""
NAMES = ("SECRET_KEY", "JWT_SECRET", "SMTP_PASSWORD", "OPENAI_API_KEY", "S3_SECRET_ACCESS_KEY", "API_TOKEN")


class Leaking(BaseHTTPRequestHandler):
    """A service and a Prometheus in one, which tell the canary in body, header, cookie, label and address."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/v1/"):
            labels = {"job": "shop", "instance": "shop:8000", "password": CANARY}
            target = {"labels": labels, "scrapeUrl": f"http://shop:{CANARY}@shop:8000/metrics", "health": "up"}
            data = {"activeTargets": [target], "groups": [], "resultType": "vector", "result": []}
            return self._send("application/json", json.dumps({"status": "success", "data": data}))
        if path in {"/health", "/healthz"}:
            return self._send("application/json", json.dumps({"status": "ok", "database": "ok", "token": CANARY}))
        if path == "/metrics":
            return self._send("text/plain", f'# TYPE up gauge\nup{{password="{CANARY}"}} 1\n')
        page = f"<html><body><h1>Shop</h1><p>password={CANARY}</p><a href='/x?token={CANARY}'>x</a></body></html>"
        return self._send("text/html", page, 200 if path == "/" else 500)

    do_HEAD = do_GET  # noqa: N815 - the base class calls it by this name

    def _send(self, kind: str, text: str, status: int = 200) -> None:
        body = text.encode()
        self.send_response(status)
        for name, value in (("content-type", kind), ("content-length", str(len(body))), ("x-debug", f"token={CANARY}")):
            self.send_header(name, value)
        self.send_header("set-cookie", f"session={CANARY}; Path=/")
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def leaking() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Leaking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def process() -> Iterator[int]:
    """A process that was started with the canary in its environment and in its command line."""
    environment = {"PATH": os.environ["PATH"], **dict.fromkeys(NAMES, CANARY), "LOG_LEVEL": "INFO"}
    command_line = [sys.executable, "-c", "import time; time.sleep(300)", f"--password={CANARY}"]
    running = subprocess.Popen(command_line, env=environment)
    yield running.pid
    running.kill()
    running.wait()


@pytest.fixture
def system(tmp_path: Path, leaking: str, process: int, database_url: str, valkey_url: str) -> Path:
    """A checklist with a line for every requirement there is, and a target all of whose sources hold the canary."""
    lines = [f"- [ ] {line}" for line in (*(spec.title for spec in BY_ID.values()), *QUOTING)]
    (tmp_path / "CHECKLIST.md").write_text("\n".join(["# Launch checklist", *lines]))
    texts = {
        "app.log": f'{{"level": "INFO", "password": "{CANARY}"}}\nINFO login token={CANARY}\n',
        ".env": "".join(f"{name}={CANARY}\n" for name in NAMES) + f"DATABASE_URL=postgresql://app:{CANARY}@db/shop\n",
        "src/settings.py": f'API_KEY = "{CANARY}"\nSECRET_KEY = "{CANARY}"\n',
        "docker-compose.yml": f"services:\n  web:\n    environment:\n      SECRET_KEY: {CANARY}\n",
        ".github/workflows/ci.yml": f"on: push\njobs:\n  a:\n    env: {{API_TOKEN: {CANARY}}}\n    steps: []\n",
        "nginx.conf": f"server {{ listen 80; proxy_set_header Authorization 'Bearer {CANARY}'; }}\n",
        "requirements.txt": f"--extra-index-url https://kim:{CANARY}@packages.example/simple\ndjango==5\n",
        "src/calls.py": QUOTED_PYTHON,
        "src/calls.js": QUOTED_JAVASCRIPT,
        "deploy/crontab": CRONTAB,
        "deploy/backup.sh": "#!/bin/sh\n" + CRONTAB.replace("0 3 * * *", ""),
        "deploy/shop.service": UNIT,
        "deploy/backup.yml": CRON_JOB,
        "Procfile": f"web: gunicorn shop.wsgi -w 2 --token {QUOTED}\n",
        "Dockerfile": f"FROM python:3.13\nRUN curl -u ops:{QUOTED} https://a.test\nCMD gunicorn --token {QUOTED}\n",
        "backups/shop.sql": f"-- password={CANARY}\n",
    }
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    address = leaking.replace("http://", f"http://kim:{CANARY}@")
    (tmp_path / "target.toml").write_text(
        f'[http]\nurl = "{address}"\n[postgres]\ndsn = "{database_url}"\n[redis]\nurl = "{valkey_url}"\n'
        f'[repository]\npath = "."\n[config]\nenv_file = ".env"\npid = {process}\n[logs]\npath = "app.log"\n'
        f'[nginx]\nconfig = "nginx.conf"\n[prometheus]\nurl = "{address}"\n[backup]\npath = "backups"\n[host]\n'
    )
    return tmp_path


@pytest.mark.timeout(180)
def test_no_report_of_any_format_tells_it(
    system: Path, database_url: str, valkey_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {name: system / f"report.{name}" for name in ("json", "md", "sarif", "xml", "html")}
    command.execute(
        command.Wanted(
            system / "CHECKLIST.md",
            system / "target.toml",
            json=files["json"],
            out=files["md"],
            sarif=files["sarif"],
            junit=files["xml"],
            html=files["html"],
        )
    )
    shown = capsys.readouterr()
    written = {"terminal": shown.out + shown.err, **{name: path.read_text() for name, path in files.items()}}
    passwords = {urlsplit(url).password for url in (database_url, valkey_url)} - {None, ""}
    told = [
        (name, word) for name, text in written.items() for word in {CANARY, QUOTED, *passwords} if str(word) in text
    ]
    assert told == []
    summary = json.loads(written["json"])["summary"]
    assert summary["pass"] + summary["fail"] > 50, "the sources were read"
