// A small shop on plain Node, shaped as Express applications are; ready but for the defects that DEFECTS names.
"use strict";
const http = require("node:http");
const zlib = require("node:zlib");
const crypto = require("node:crypto");

const defects = new Set((process.env.DEFECTS || "").split(","));
const items = Array.from({ length: 60 }, (_, id) => ({ id, name: `thing number ${id}`, price_cents: id * 100 }));
const page = `<!doctype html><html lang="en"><head><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/site.3f9a1b2c.css"></head>
<body><header><h1>Shop</h1></header><main><p>Things</p><a href="/items">Items</a></main></body></html>`;
const headers = {
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "strict-origin-when-cross-origin",
  "content-security-policy": "default-src 'self'; frame-ancestors 'none'; object-src 'none'; base-uri 'self'",
  "permissions-policy": "camera=(), microphone=()",
};
const limitAMinute = 60;
const seen = new Map();

function limited(request) {
  const forwarded = defects.has("limit by header") && request.headers["x-forwarded-for"];
  const client = forwarded || request.socket.remoteAddress;
  const now = Date.now();
  const recent = (seen.get(client) || []).filter((moment) => now - moment < 60_000).concat(now);
  seen.set(client, recent);
  return recent.length > limitAMinute * (defects.has("limit too high") ? 2 : 1);
}

function answer(request) {
  const path = new URL(request.url, "http://localhost").pathname;
  const json = (value, status = 200) => ({ status, type: "application/json", body: JSON.stringify(value) });
  if (path.startsWith("/api/") && !defects.has("no limit") && limited(request)) return json({ error: "slow down" }, 429);
  if (path === "/") return { status: 200, type: "text/html; charset=utf-8", body: page };
  if (path === "/items") return { status: 200, type: "text/html; charset=utf-8", body: page.repeat(4) };
  if (path === "/static/site.3f9a1b2c.css") {
    const kept = defects.has("no caching") ? "no-store" : "public, max-age=31536000, immutable";
    return { status: 200, type: "text/css", body: "body { color: #123 }\n".repeat(100), more: { "cache-control": kept } };
  }
  if (path === "/health") {
    if (defects.has("unhealthy")) return json({ status: "unhealthy", dependencies: { database: "down" } }, 503);
    return json({ status: "ok", dependencies: { database: "up", redis: "up" } });
  }
  if (path === "/metrics" && !defects.has("no metrics")) {
    const body = "# TYPE http_requests_total counter\nhttp_requests_total{method=\"GET\",status=\"200\"} 12\n" +
      "# TYPE http_request_duration_seconds histogram\nhttp_request_duration_seconds_bucket{le=\"+Inf\"} 12\n" +
      "http_request_duration_seconds_count 12\nhttp_request_duration_seconds_sum 0.2\n";
    return { status: 200, type: "text/plain; version=0.0.4", body };
  }
  if (path === "/openapi.json" && defects.has("open docs")) {
    return json({ openapi: "3.1.0", info: { title: "Shop" }, paths: { "/api/items": { get: {} } } });
  }
  if (path === "/docs" && defects.has("open docs")) {
    return { status: 200, type: "text/html", body: "<html><head><title>Swagger UI</title></head><body><div id='swagger-ui'></div><script src='/swagger-ui-bundle.js'></script></body></html>" };
  }
  if (path === "/api/items") return json(items);
  decodeURIComponent(path); // throws on what is no path
  return json({ error: "not found" }, 404);
}

function send(request, response, given) {
  const own = {};
  if (!defects.has("no headers")) Object.assign(own, headers);
  if (!defects.has("no request id")) own["x-request-id"] = request.headers["x-request-id"] || crypto.randomUUID();
  console.log(JSON.stringify({ level: "INFO", path: request.url, request_id: own["x-request-id"] }));
  if (defects.has("open CORS") && request.headers.origin) {
    own["access-control-allow-origin"] = request.headers.origin;
    own["access-control-allow-credentials"] = "true";
  }
  let body = Buffer.from(given.body);
  const packs = /\bgzip\b/.test(request.headers["accept-encoding"] || "") && body.length > 500;
  if (packs && !defects.has("no compression")) {
    body = zlib.gzipSync(body);
    own["content-encoding"] = "gzip";
    own.vary = "accept-encoding";
  }
  response.writeHead(given.status, { "content-type": given.type, "content-length": body.length, ...own, ...given.more });
  response.end(request.method === "HEAD" ? undefined : body);
}

const server = http.createServer((request, response) => {
  const delay = defects.has("slow") && request.url.startsWith("/api/items") ? 220 : 0;
  setTimeout(() => {
    let given;
    try {
      given = answer(request);
    } catch (error) {
      const body = defects.has("stack traces") ? error.stack : JSON.stringify({ error: "bad request" });
      given = { status: defects.has("stack traces") ? 500 : 400, type: "text/plain", body };
    }
    send(request, response, given);
  }, delay);
});
server.listen(Number(process.env.PORT), "127.0.0.1");
