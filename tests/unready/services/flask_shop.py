"""A small shop on Flask behind gunicorn, ready for production but for the defects that DEFECTS names."""

from __future__ import annotations

import gzip
import json
import os
import secrets
import time
import traceback
from collections import defaultdict

from flask import Flask, Response, jsonify, request
from shop import HEADERS, ITEMS, METRICS, PAGE

DEFECTS = set(os.environ.get("DEFECTS", "").split(","))
LIMIT_A_MINUTE = 120 if "limit too high" in DEFECTS else 60

app = Flask(__name__, static_folder=None)
seen: dict[str, list[float]] = defaultdict(list)


@app.before_request
def limit():
    client = request.remote_addr
    if "limit by header" in DEFECTS:
        client = request.headers.get("x-forwarded-for", client)
    if request.path.startswith("/api/") and "no limit" not in DEFECTS:
        now = time.monotonic()
        seen[client] = [moment for moment in seen[client] if now - moment < 60] + [now]
        if len(seen[client]) > LIMIT_A_MINUTE:
            return jsonify(error="slow down"), 429
    return None


@app.after_request
def finish(answer: Response) -> Response:
    if "no headers" not in DEFECTS:
        answer.headers.update(HEADERS)
    if "no request id" not in DEFECTS:
        answer.headers["x-request-id"] = request.headers.get("x-request-id") or secrets.token_hex(8)
    told = {"level": "INFO", "path": request.path, "request_id": answer.headers.get("x-request-id")}
    print(json.dumps(told), flush=True)
    origin = request.headers.get("origin")
    if "open CORS" in DEFECTS and origin:
        answer.headers["access-control-allow-origin"] = origin
        answer.headers["access-control-allow-credentials"] = "true"
    packs = "gzip" in request.headers.get("accept-encoding", "") and len(answer.get_data()) > 500
    if packs and "no compression" not in DEFECTS:
        answer.set_data(gzip.compress(answer.get_data()))
        answer.headers["content-encoding"] = "gzip"
        answer.headers["vary"] = "accept-encoding"
    return answer


@app.errorhandler(Exception)
def broken(error: Exception):
    code = getattr(error, "code", 500)
    if "stack traces" in DEFECTS:
        return Response("".join(traceback.format_exception(error)), 500, mimetype="text/plain")
    return jsonify(error="something went wrong"), code


@app.get("/")
def home() -> str:
    return PAGE


@app.get("/items")
def items_page() -> str:
    return PAGE.replace("Things", "".join(f"<p>{item['name']}</p>" for item in ITEMS))


@app.get("/static/site.3f9a1b2c.css")
def style() -> Response:
    kept = "no-store" if "no caching" in DEFECTS else "public, max-age=31536000, immutable"
    return Response("body { color: #123 }\n" * 100, mimetype="text/css", headers={"cache-control": kept})


@app.get("/api/items")
def items() -> Response:
    if "slow" in DEFECTS:
        time.sleep(0.22)
    return jsonify(ITEMS)


@app.get("/health")
def health():
    if "unhealthy" in DEFECTS:
        return jsonify(status="unhealthy", dependencies={"database": "down"}), 503
    return jsonify(status="ok", dependencies={"database": "up", "redis": "up"})


if "no metrics" not in DEFECTS:

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(METRICS, mimetype="text/plain")


if "open docs" in DEFECTS:

    @app.get("/openapi.json")
    def document() -> Response:
        return jsonify(openapi="3.1.0", info={"title": "Shop"}, paths={"/api/items": {"get": {}}})
