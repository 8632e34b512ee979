"""A small shop on FastAPI, ready for production but for the defects that DEFECTS names."""

from __future__ import annotations

import json
import os
import secrets
import time
import traceback
from collections import defaultdict

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from shop import HEADERS, ITEMS, METRICS, PAGE

DEFECTS = set(os.environ.get("DEFECTS", "").split(","))
LIMIT_A_MINUTE = 60

documented = "open docs" in DEFECTS
app = FastAPI(
    title="Shop",
    docs_url="/docs" if documented else None,
    redoc_url=None,
    openapi_url="/openapi.json" if documented else None,
)
seen: dict[str, list[float]] = defaultdict(list)


@app.middleware("http")
async def edge(request: Request, answer_next) -> Response:
    client = request.client.host if request.client else ""
    if "limit by header" in DEFECTS:
        client = request.headers.get("x-forwarded-for", client)
    if request.url.path.startswith("/api/") and "no limit" not in DEFECTS:
        now = time.monotonic()
        seen[client] = [moment for moment in seen[client] if now - moment < 60] + [now]
        allowed = LIMIT_A_MINUTE * (2 if "limit too high" in DEFECTS else 1)
        if len(seen[client]) > allowed:
            return JSONResponse({"error": "slow down"}, 429, {"retry-after": "60"})
    try:
        answer = await answer_next(request)
    except Exception as error:
        if "stack traces" in DEFECTS:
            return PlainTextResponse("".join(traceback.format_exception(error)), 500)
        return JSONResponse({"error": "something went wrong"}, 500)
    if "no headers" not in DEFECTS:
        answer.headers.update(HEADERS)
    if "no request id" not in DEFECTS:
        answer.headers["x-request-id"] = request.headers.get("x-request-id") or secrets.token_hex(8)
    told = {"level": "INFO", "path": request.url.path, "request_id": answer.headers.get("x-request-id")}
    print(json.dumps(told), flush=True)
    return answer


if "no compression" not in DEFECTS:
    app.add_middleware(GZipMiddleware, minimum_size=500)
if "open CORS" in DEFECTS:
    app.add_middleware(CORSMiddleware, allow_origin_regex=".*", allow_credentials=True)
else:
    app.add_middleware(CORSMiddleware, allow_origins=["https://shop.example"])


@app.get("/", response_class=HTMLResponse)
def home() -> str:
    return PAGE


@app.get("/items", response_class=HTMLResponse)
def items_page() -> str:
    return PAGE.replace("Things", "".join(f"<p>{item['name']}</p>" for item in ITEMS))


@app.get("/static/site.3f9a1b2c.css")
def style() -> Response:
    kept = "no-store" if "no caching" in DEFECTS else "public, max-age=31536000, immutable"
    return Response("body { color: #123 }\n" * 100, media_type="text/css", headers={"cache-control": kept})


@app.get("/api/items")
def items() -> list[dict[str, object]]:
    if "slow" in DEFECTS:
        time.sleep(0.22)
    return ITEMS


@app.get("/api/items/{item_id}")
def item(item_id: int) -> Response:
    if "stack traces" in DEFECTS and not 0 <= item_id < len(ITEMS):
        raise LookupError(item_id)
    return JSONResponse(ITEMS[item_id]) if 0 <= item_id < len(ITEMS) else JSONResponse({"error": "no such item"}, 404)


@app.get("/health")
def health() -> Response:
    if "unhealthy" in DEFECTS:
        return JSONResponse({"status": "unhealthy", "dependencies": {"database": "down"}}, 503)
    return JSONResponse({"status": "ok", "dependencies": {"database": "up", "redis": "up"}})


if "no metrics" not in DEFECTS:

    @app.get("/metrics", response_class=PlainTextResponse)
    def metrics() -> str:
        return METRICS
