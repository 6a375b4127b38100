"""Charts drawn as SVG from counts: bars in table cells, histograms, a heat map, a long tail. No library draws them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from engine.ledger import Counts
from pipelines.pages.html import Markup, joined, tag

WIDTH, HEIGHT = 320, 150  # of a chart, in its own units
_LEFT, _BOTTOM, _TOP = 4, 20, 8


def bar(share: float, start: float = 0.0, class_: str = "bar") -> Markup:
    """A bar in a table cell: from `start`, so long as `share`, both of the cell's width. Its number stands beside."""
    x, width = (f"{100 * min(max(value, 0), 1):.2f}%" for value in (start, share))
    mark = tag("rect", x=x, y="20%", width=width, height="60%", rx=2)
    return tag("svg", mark, class_=class_, aria_hidden="true", focusable="false")


def histogram(series: Mapping[str, Counts], bins: int, ticks: Sequence[tuple[float, str]], says: str) -> Markup:
    """Lines of several kinds over the same bins, each by its share; ticks are (bin, label)."""
    shares = {kind: _shares(counts, bins) for kind, counts in series.items()}
    top = max((values.max() for values in shares.values()), default=1) or 1
    lines = [tag("path", d=_steps(values / top, bins), class_=f"line kind-{kind}") for kind, values in shares.items()]
    return _chart([_axis(), [_tick(at / bins, label) for at, label in ticks], lines], says)


def heat(counts: Counts, side: int, says: str) -> Markup:
    """Cells of a square, darker where there is more; x to the right, y down."""
    values = np.zeros(side * side)
    for cell, count in counts.items():
        values[int(cell)] = count
    values = np.sqrt(values / max(values.max(), 1))  # the eye would else see the fullest cells only
    size = 100 / side
    cells = [
        tag(
            "rect", x=round(i % side * size, 2), y=round(i // side * size, 2), width=size, height=size,
            fill_opacity=round(float(value), 3),
        )
        for i, value in enumerate(values)
        if value
    ]  # fmt: skip
    frame = tag("rect", x=0, y=0, width=100, height=100, class_="frame")
    return tag("svg", frame, cells, viewBox="0 0 100 100", class_="heat", role="img", aria_label=says)


def tail(counts: Sequence[int], says: str) -> Markup:
    """How often the first, second .. name comes, both axes logarithmic; `counts` falls."""
    ranks, most = math.log10(max(len(counts), 2)), math.log10(max(counts[0], 2))
    places = sorted({round(10 ** (ranks * i / 120)) for i in range(121)} & set(range(1, len(counts) + 1)))
    points = [
        _place(math.log10(rank) / ranks, math.log10(max(counts[rank - 1], 1)) / most) for rank in places
    ]  # fmt: skip
    ticks = [_tick(power / ranks, f"{10**power:,}") for power in range(int(ranks) + 1)]
    most_said = tag("text", f"{counts[0]:,}", x=_LEFT + 3, y=_TOP + 9)
    line = tag("path", d="M" + "L".join(points), class_="line kind-object")
    return _chart([_axis(), ticks, line, most_said], says)


def _shares(counts: Counts, bins: int) -> np.ndarray:
    values = np.zeros(bins)
    for at, count in counts.items():
        values[int(at)] = count
    return values / max(values.sum(), 1)


def _steps(values: np.ndarray, bins: int) -> str:
    """The outline of bars."""
    edges = [(_place(i / bins, value), _place((i + 1) / bins, value)) for i, value in enumerate(values)]
    return "M" + "L".join(point for edge in edges for point in edge)


def _place(x: float, y: float) -> str:
    """A point of the chart's area, both from 0 to 1, y up."""
    return f"{_LEFT + x * (WIDTH - 2 * _LEFT):.1f} {HEIGHT - _BOTTOM - y * (HEIGHT - _BOTTOM - _TOP):.1f}"


def _axis() -> Markup:
    y = HEIGHT - _BOTTOM
    return tag("line", x1=_LEFT, x2=WIDTH - _LEFT, y1=y, y2=y, class_="axis")


def _tick(at: float, label: str) -> Markup:
    x = round(_LEFT + at * (WIDTH - 2 * _LEFT), 1)
    anchor = "start" if at < 0.05 else "end" if at > 0.95 else "middle"
    grid = tag("line", x1=x, x2=x, y1=_TOP, y2=HEIGHT - _BOTTOM, class_="grid")
    return joined([grid, tag("text", label, x=x, y=HEIGHT - 5, text_anchor=anchor)])


def _chart(parts: Sequence[object], says: str) -> Markup:
    return tag("svg", *parts, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="chart", role="img", aria_label=says)
