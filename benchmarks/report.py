"""What people read: tables on the terminal, and a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from benchmarks.results import Record

WIDTH, LEFT, BAR, GAP, GROUP_GAP, TOP = 760, 190, 16, 4, 22, 56
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 } .h { font-weight: 600 } .s { fill: #59636e }
  .ours { fill: #0969da } .reference { fill: #8c959f } .limit { fill: none; stroke: #8c959f; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc } .s { fill: #9198a1 } .ours { fill: #4493f8 } .reference, .limit { fill: #656c76 }
    .limit { fill: none; stroke: #656c76 }
  }
"""


def throughput(records: Iterable[Record], title: str) -> Table:
    """Answers a second beside the bars they must clear, and memory."""
    grid = _grid(title, "workload", ("ours/s", "ref./s", "ratio", "limit/s", "share"))
    grid.add_column("bars")
    for each in records:
        if each.workload == "memory":
            cells = [f"{each.ours_pss_mb:.0f} MB", f"{each.reference_pss_mb:.0f} MB", "", f"{each.pss_bar_mb:g} MB", ""]
        else:
            rates = (f"{each.ours_rps:,.0f}", f"{each.reference_rps:,.0f}")
            cells = [*rates, _ratio(each), f"{each.limit_rps:,.0f}", _share(each)]
        grid.add_row(_name(each), *cells, _verdict(each))
    return grid


def latency(records: Iterable[Record]) -> Table:
    """How long answers took, and what went wrong."""
    columns = ("p50", "p95", "p99", "ref. p99", "errors", "ref. errors")
    grid = _grid("Milliseconds, errors", "workload", columns)
    for each in records:
        if each.workload != "memory":
            times = (each.ours_p50_ms, each.ours_p95_ms, each.ours_p99_ms, each.reference_p99_ms)
            grid.add_row(
                _name(each), *(f"{ms:,.1f}" for ms in times), f"{each.ours_errors:,}", f"{each.reference_errors:,}"
            )
    return grid


def _grid(title: str, first: str, numbers: Iterable[str]) -> Table:
    grid = Table(title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=(0, 1))
    grid.add_column(first)
    for name in numbers:
        grid.add_column(name, justify="right")
    return grid


def _name(each: Record) -> str:
    return "memory" if each.workload == "memory" else f"{each.workload}\n@ {each.connections}"


def _ratio(each: Record) -> str:
    return f"{each.ratio:.1f}x" + (f"\nbar {each.ratio_bar:g}x" if each.ratio_bar else "")


def _share(each: Record) -> str:
    marks = [("bar", each.share_bar), ("aim", each.share_aim)]
    words = "\n".join(f"{what} {value:g}" for what, value in marks if value is not None)
    return f"{each.share_of_limit:.2f}" + (f"\n{words}" if words else "")


def _verdict(each: Record) -> Text:
    if not each.bars_met:
        return Text("missed", style="bold red")
    return Text("met,\naim too" if each.aim_met else "met", style="green")


def picture(records: Sequence[Record]) -> str:
    """Bars as SVG: ours and the reference, and the limit as a dashed outline; each group to its own scale."""
    groups = [each for each in records if each.ours_rps]
    height = TOP + len(groups) * (2 * BAR + GAP + GROUP_GAP)
    body = "".join(_group(each, TOP + n * (2 * BAR + GAP + GROUP_GAP)) for n, each in enumerate(groups))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Requests a second: Roadworthy beside the reference stack"><style>{STYLE}</style>'
        '<text class="h" x="0" y="18">Requests a second</text>'
        '<text class="s" x="0" y="38">blue: Roadworthy · grey: the reference stack · dashed: the limit</text>'
        f"{body}</svg>\n"
    )


def _group(each: Record, y: int) -> str:
    ours, reference, limit = each.ours_rps or 0, each.reference_rps or 0, each.limit_rps or 0
    scale = (WIDTH - LEFT - 110) / max(ours, reference, limit)
    second = y + BAR + GAP
    return (
        f'<text x="0" y="{y + 13}">{escape(each.workload)}</text>'
        f'<text class="s" x="0" y="{second + 13}">{each.connections} connections</text>'
        f'<rect class="limit" x="{LEFT}" y="{y - 3}" width="{limit * scale:.1f}" height="{2 * BAR + GAP + 6}"/>'
        + _bar("ours", y, ours, scale, f"{ours:,.0f}")
        + _bar("reference", second, reference, scale, f"{reference:,.0f} · {each.ratio:.1f}x")
    )


def _bar(kind: str, y: int, value: float, scale: float, words: str) -> str:
    width = value * scale
    return (
        f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" rx="2"/>'
        f'<text x="{LEFT + width + 6:.1f}" y="{y + 13}">{words}</text>'
    )
