from __future__ import annotations

import math

from roadworthy.inspection.probes import exposition, html

METRICS = """# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{route="/a\\"b",status="200"} 12 1700000000000
http_requests_total{status="500"} 1
# TYPE latency_seconds histogram
latency_seconds_bucket{le="+Inf"} 3 # {trace_id="x"} 0.5
latency_seconds_count 3
# TYPE promised counter
temperature NaN
up{} 1e3
# EOF
"""


def test_metrics_are_parsed_with_their_types() -> None:
    page = exposition.parse(METRICS)
    assert page.valid
    assert page.typed("counter") == ("http_requests_total",), "a type without a sample is a promise"
    assert page.typed("histogram") == ("latency_seconds",)
    assert page.samples[0].labels == {"route": '/a\\"b', "status": "200"}
    assert math.isnan(next(one.value for one in page.samples if one.name == "temperature"))
    assert page.samples[-1].value == 1000


def test_a_page_that_is_no_metrics_is_invalid() -> None:
    assert not exposition.parse("").valid
    assert exposition.parse("<html><body>Not found</body></html>").errors
    assert not exposition.parse("# only comments").valid


def test_a_page_names_what_it_loads() -> None:
    page = html.parse(
        """<title>Jobs</title><link rel=stylesheet href=/a.css><link rel="modulepreload" href="/m.js">
        <link rel=icon href=/i.svg><script src="/s.js"></script><script>inline()</script>
        <picture><source srcset="/p.avif 1x, /q.avif 2x"><img src="/p.jpg"></picture><img src="data:image/png;base64,x">
        <a href="/jobs?x=1">Jobs</a><a>none</a><p>unclosed"""
    )
    assert (page.title, page.styles, page.scripts) == ("Jobs", ["/a.css"], ["/m.js", "/s.js"])
    assert (page.images, page.links) == (["/p.avif", "/p.jpg"], ["/jobs?x=1"])
