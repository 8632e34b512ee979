// A small shop on Express with the middlewares that everybody takes; ready but for the defects that DEFECTS names.
"use strict";
const crypto = require("node:crypto");
const express = require("express");
const compression = require("compression");
const cors = require("cors");
const helmet = require("helmet");
const { rateLimit } = require("express-rate-limit");

const defects = new Set((process.env.DEFECTS || "").split(","));
const has = (defect) => defects.has(defect);
const items = Array.from({ length: 60 }, (_, id) => ({ id, name: `thing number ${id}`, price_cents: id * 100 }));
const page = `<!doctype html><html lang="en"><head><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/static/site.3f9a1b2c.css"></head>
<body><header><h1>Shop</h1></header><main><p>Things</p><a href="/items">Items</a></main></body></html>`;

const app = express();
app.set("trust proxy", has("limit by header")); // true believes whoever sends the header
if (!has("says its framework")) app.disable("x-powered-by");
app.use((request, response, next) => {
  const id = request.get("x-request-id") || crypto.randomUUID();
  if (!has("no request id")) response.set("x-request-id", id);
  console.log(JSON.stringify({ level: "INFO", path: request.path, request_id: response.get("x-request-id") }));
  next();
});
if (!has("no headers")) {
  app.use(helmet({ strictTransportSecurity: { maxAge: 31536000 }, frameguard: { action: "deny" } }));
  app.use((_request, response, next) => {
    response.set("permissions-policy", "camera=(), microphone=()");
    next();
  });
}
if (!has("no compression")) app.use(compression());
app.use(cors(has("open CORS") ? { origin: true, credentials: true } : { origin: "https://shop.example" }));
if (!has("no limit")) {
  const limit = has("limit too high") ? 120 : 60;
  // the count is of addresses, and what a proxy says of them: its own warnings of a wrong set-up are what is planted here
  app.use("/api", rateLimit({ windowMs: 60_000, limit, legacyHeaders: false, validate: false }));
}

app.get("/", (_request, response) => response.send(page));
app.get("/items", (_request, response) => response.send(page.repeat(4)));
app.get("/static/site.3f9a1b2c.css", (_request, response) => {
  response.set("cache-control", has("no caching") ? "no-store" : "public, max-age=31536000, immutable");
  response.type("css").send("body { color: #123 }\n".repeat(100));
});
app.get("/api/items", (_request, response) => setTimeout(() => response.json(items), has("slow") ? 220 : 0));
app.get("/api/items/:id", (request, response, next) => {
  const item = items[Number(request.params.id)];
  if (!item && !has("stack traces")) return next();
  return response.json({ ...item, title: item.name.toUpperCase() });
});
app.get("/health", (_request, response) => {
  if (has("unhealthy")) return response.status(503).json({ status: "unhealthy", dependencies: { database: "down" } });
  return response.json({ status: "ok", dependencies: { database: "up", redis: "up" } });
});
if (!has("no metrics")) {
  app.get("/metrics", (_request, response) => response.type("text/plain; version=0.0.4").send(
    "# TYPE http_requests_total counter\nhttp_requests_total{method=\"GET\",status=\"200\"} 12\n" +
    "# TYPE http_request_duration_seconds histogram\nhttp_request_duration_seconds_bucket{le=\"+Inf\"} 12\n" +
    "http_request_duration_seconds_count 12\nhttp_request_duration_seconds_sum 0.2\n"));
}
if (has("open docs")) {
  app.get("/openapi.json", (_request, response) => response.json({
    openapi: "3.1.0", info: { title: "Shop", version: "1" }, paths: { "/api/items": { get: {} } },
  }));
}
app.use((_request, response) => response.status(404).json({ error: "not found" }));
if (!has("stack traces")) {
  // without a handler of its own, and NODE_ENV other than production, Express answers with the trace
  app.use((error, _request, response, _next) => response.status(error.status || 500).json({ error: "bad request" }));
}
app.listen(Number(process.env.PORT), "127.0.0.1");
