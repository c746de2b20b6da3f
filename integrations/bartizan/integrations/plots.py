"""Plots as inline SVG for :mod:`bartizan.integrations.html` pages: bars, lines, distributions, timelines.

Colours come from the page's style sheet (classes ``f0``..``f5``, ``good``, ``warn``, ``bad``), so that a plot
follows the reader's light or dark theme. All texts and tooltips are escaped by :func:`html.element`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .html import Markup, element, join

_WIDTH = 760.0
_RIGHT = 24.0


class Bar(NamedTuple):
    """One bar. ``low`` and ``high``, where given, are drawn as an interval. ``tone``: ``f0``..``f5 good warn bad``."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    tone: str = "f0"


class Series(NamedTuple):
    """One line: its name and its points, in drawing order."""

    name: str
    points: Sequence[tuple[float, float]]


class Mark(NamedTuple):
    """One cell of a timeline: a tone as in :class:`Bar` and the text shown when pointed at."""

    tone: str
    tooltip: str


def bar_chart(
    title: str,
    bars: Sequence[Bar],
    *,
    maximum: float | None = None,
    percent: bool = False,
    unit: str = "",
) -> Markup:
    """Horizontal bars, one row each, with optional intervals. ``percent`` shows shares of 0..1 as per cent."""
    top = _nice_ceiling(maximum or max((bar.high or bar.value for bar in bars), default=1.0))
    left = min(300.0, 24.0 + 6.6 * max((len(_short(bar.label)) for bar in bars), default=0))
    span = _WIDTH - left - _RIGHT - 130.0
    row = 26.0
    height = row * len(bars) + 28.0
    parts: list[Markup] = []
    for tick in _ticks(0.0, top, 4):
        x = left + span * tick / top
        parts += [
            _line(x, 0, x, height - 24, "grid"),
            _text(x, height - 8, _tick(tick, percent, unit), "soft", "middle"),
        ]
    for number, bar in enumerate(bars):
        y = row * number
        length = span * min(max(bar.value, 0.0), top) / top
        figure = _figure(bar.value, percent, unit)
        parts.append(_text(left - 8, y + 17, _short(bar.label), "", "end"))
        parts.append(
            element(
                "rect",
                element("title", f"{bar.label}: {figure} {bar.note}".strip()),
                x=_n(left),
                y=_n(y + 5),
                width=_n(length),
                height="16",
                rx="2",
                class_=bar.tone,
            )
        )
        end = left + length
        if bar.low is not None and bar.high is not None:
            low, high = (left + span * min(max(edge, 0.0), top) / top for edge in (bar.low, bar.high))
            parts.append(_line(low, y + 13, high, y + 13, "whisker"))
            end = max(end, high)
        parts.append(_text(end + 8, y + 17, f"{figure} {bar.note}".strip(), "soft", "start"))
    return _figure_element(title, height, parts)


def line_plot(
    title: str,
    series: Sequence[Series],
    *,
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
    y_max: float | None = None,
) -> Markup:
    """Lines over a common axis, with a legend where there is more than one."""
    points = [point for line in series for point in line.points]
    xs = [_scale(x, log_x) for x, _ in points] or [0.0, 1.0]
    x_low, x_high = min(xs), max(max(xs), min(xs) + 1e-9)
    y_high = _nice_ceiling(y_max or max((y for _, y in points), default=1.0))
    left, top, bottom = 64.0, 12.0, 216.0
    span, rise = _WIDTH - left - _RIGHT, bottom - top

    def place(x: float, y: float) -> tuple[float, float]:
        return left + span * (_scale(x, log_x) - x_low) / (x_high - x_low), bottom - rise * y / y_high

    parts: list[Markup] = []
    for tick in _ticks(0.0, y_high, 4):
        _, y = place(_unscale(x_low, log_x), tick)
        parts += [
            _line(left, y, _WIDTH - _RIGHT, y, "grid"),
            _text(left - 8, y + 4, _short_number(tick), "soft", "end"),
        ]
    for position in _decades(x_low, x_high) if log_x else _ticks(x_low, x_high, 4):
        x = left + span * (position - x_low) / (x_high - x_low)
        parts.append(_text(x, bottom + 18, _short_number(_unscale(position, log_x)), "soft", "middle"))
    parts.append(_text(left + span / 2, bottom + 36, x_label, "soft", "middle"))
    parts.append(_text(left, top - 2, y_label, "soft", "start"))
    for number, line in enumerate(series):
        path = " ".join(f"{_n(x)},{_n(y)}" for x, y in (place(*point) for point in line.points))
        parts.append(element("polyline", points=path, class_=f"line l{number % 6}"))
    height = bottom + 46.0
    if len(series) > 1:
        for number, line in enumerate(series):
            y = height + 18.0 * number
            parts.append(
                element("rect", x=_n(left), y=_n(y - 9), width="10", height="10", class_=f"f{number % 6}")
            )
            parts.append(_text(left + 16, y, line.name, "", "start"))
        height += 18.0 * len(series)
    return _figure_element(title, height, parts)


def cdf(name: str, values: Iterable[float], *, points: int = 200) -> Series:
    """The empirical distribution of ``values`` as a line of at most ``points`` steps."""
    ordered = sorted(values)
    if not ordered:
        return Series(name, ())
    step = max(1, len(ordered) // points)
    picked = sorted({*range(0, len(ordered), step), len(ordered) - 1})
    return Series(name, tuple((ordered[index], (index + 1) / len(ordered)) for index in picked))


def timeline(rows: Sequence[tuple[str, Sequence[Mark]]], *, title: str = "") -> Markup:
    """One row per session, one cell per decision, coloured by outcome."""
    cell, left = 14.0, 240.0
    columns = max((len(marks) for _, marks in rows), default=0)
    width = max(_WIDTH, left + cell * columns + _RIGHT)
    parts: list[Markup] = []
    for number, (label, marks) in enumerate(rows):
        y = 18.0 * number
        parts.append(_text(left - 8, y + 12, _short(label), "", "end"))
        for column, mark in enumerate(marks):
            parts.append(
                element(
                    "rect",
                    element("title", mark.tooltip),
                    x=_n(left + cell * column),
                    y=_n(y + 2),
                    width=_n(cell - 2),
                    height="12",
                    rx="2",
                    class_=mark.tone,
                )
            )
    return _figure_element(title, 18.0 * len(rows) + 4.0, parts, width)


def _figure_element(title: str, height: float, parts: Sequence[Markup], width: float = _WIDTH) -> Markup:
    drawing = element(
        "svg", join(parts), viewBox=f"0 0 {_n(width)} {_n(height)}", role="img", aria_label=title
    )
    return element("figure", element("figcaption", title) if title else "", drawing)


def _text(x: float, y: float, value: str, tone: str, anchor: str) -> Markup:
    return element("text", value, x=_n(x), y=_n(y), class_=tone or None, text_anchor=anchor)


def _line(x1: float, y1: float, x2: float, y2: float, tone: str) -> Markup:
    return element("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), class_=tone)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _short(label: str, limit: int = 40) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"


def _figure(value: float, percent: bool, unit: str) -> str:
    return f"{100 * value:.1f}%" if percent else f"{_short_number(value)}{unit}"


def _tick(value: float, percent: bool, unit: str) -> str:
    return f"{100 * value:.3g}%" if percent else f"{_short_number(value)}{unit}"


def _short_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _scale(value: float, log: bool) -> float:
    return math.log10(max(value, 1e-12)) if log else value


def _unscale(value: float, log: bool) -> float:
    return 10.0**value if log else value


def _nice_ceiling(value: float) -> float:
    """The smallest of 1, 2, 2.5, 5, 10 times a power of ten that is not below ``value``."""
    if value <= 0 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1.0, 2.0, 2.5, 5.0, 10.0) if power * step >= value * (1 - 1e-9))


def _ticks(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * index / count for index in range(count + 1)]


def _decades(low: float, high: float) -> list[float]:
    """The whole powers of ten in a logarithmic range; its ends where it holds fewer than two."""
    whole = [float(power) for power in range(math.ceil(low), math.floor(high) + 1)]
    step = max(1, len(whole) // 8)
    return whole[::step] if len(whole) > 1 else [low, high]
