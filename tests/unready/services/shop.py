"""What the shops in Python serve alike: pages, things, headers, figures."""

from __future__ import annotations

ITEMS = [{"id": number, "name": f"thing number {number}", "price_cents": number * 100} for number in range(60)]
PAGE = """<!doctype html><html lang="en"><head><title>Shop</title>
<link rel="stylesheet" href="/static/site.3f9a1b2c.css">
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body><header><h1>Shop</h1></header><main><p>Things</p><a href="/items">Items</a></main></body></html>"""
HEADERS = {
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'; object-src 'none'; base-uri 'self'",
    "permissions-policy": "camera=(), microphone=()",
}
METRICS = """\
# TYPE http_requests_total counter
http_requests_total{method="GET",path="/",status="200"} 12
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{le="0.1"} 12
http_request_duration_seconds_bucket{le="+Inf"} 12
http_request_duration_seconds_count 12
http_request_duration_seconds_sum 0.2
"""
