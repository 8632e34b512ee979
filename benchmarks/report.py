"""What people read: a table on the terminal, and a picture of the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

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


def table(records: Iterable[Record], title: str) -> Table:
    """Figures beside the bars they must clear."""
    grid = Table(title=title, title_justify="left", header_style="bold")
    grid.add_column("workload @ connections")
    names = ("ours/s", "reference/s", "ratio", "p50 ms", "p95 ms", "p99 ms", "ref. p99", "errors", "ref. err.")
    for name in (*names, "limit/s", "share"):
        grid.add_column(name, justify="right")
    grid.add_column("bars")
    for each in records:
        grid.add_row(*(_memory_cells(each) if each.workload == "memory" else _cells(each)), _verdict(each))
    return grid


def _cells(each: Record) -> list[str]:
    ratio = f"{each.ratio:.1f}x" + (f" of {each.ratio_bar:g}x" if each.ratio_bar else "")
    bars = [str(bar) for bar in (each.share_bar, each.share_aim) if bar is not None]
    share = f"{each.share_of_limit:.2f}" + (f" of {', aim '.join(bars)}" if bars else "")
    latencies = (each.ours_p50_ms, each.ours_p95_ms, each.ours_p99_ms, each.reference_p99_ms)
    return [
        f"{each.workload} @ {each.connections}",
        f"{each.ours_rps:,.0f}",
        f"{each.reference_rps:,.0f}",
        ratio,
        *(f"{value:,.1f}" for value in latencies),
        f"{each.ours_errors:,}",
        f"{each.reference_errors:,}",
        f"{each.limit_rps:,.0f}",
        share,
    ]


def _memory_cells(each: Record) -> list[str]:
    return [
        f"memory, MB a web process, of {each.pss_bar_mb:g}",
        f"{each.ours_pss_mb:.0f}",
        f"{each.reference_pss_mb:.0f}",
        *[""] * 9,
    ]


def _verdict(each: Record) -> Text:
    if not each.bars_met:
        return Text("missed", style="bold red")
    return Text("met, and the aim" if each.aim_met else "met", style="green")


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
