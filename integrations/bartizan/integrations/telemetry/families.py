"""What was measured until now, in Prometheus's words: families of samples, added up over workers and written as text.

Names follow OpenTelemetry's rules for Prometheus (specification, compatibility/prometheus_and_openmetrics): dots become
underscores, units are spelled out at the end, counters end with ``_total``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    Sum,
)

Kind = Literal["counter", "gauge", "histogram"]
Labels = tuple[tuple[str, str], ...]

UNITS = {"s": "seconds", "By": "bytes"}
LEVELS = frozenset({"bartizan_approvals_open", "bartizan_approvals_oldest_seconds", "bartizan_policy_info"})
"""Gauges that every worker reads at the same place: of several, the largest counts. Others are added up."""


@dataclass(slots=True)
class Family:
    """One metric. A sample is a number or, in a histogram, the counts of its buckets and the sum."""

    kind: Kind
    help: str
    samples: dict[Labels, float | tuple[tuple[float, ...], list[int], float]] = field(default_factory=dict)


Families = dict[str, Family]


def families(data: MetricsData | None) -> Families:
    """The families of what an SDK's reader collected, cumulative."""
    found: Families = {}
    for resource in data.resource_metrics if data is not None else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                _take(found, metric)
    return found


def _take(found: Families, metric: Metric) -> None:
    data = metric.data
    kind: Kind
    if isinstance(data, Histogram):
        kind = "histogram"
    elif isinstance(data, Sum):
        kind = "counter" if data.is_monotonic else "gauge"
    elif isinstance(data, Gauge):
        kind = "gauge"
    else:
        return  # exponential histograms: nobody asks for one
    family = found.setdefault(
        name_of(metric.name, metric.unit or "", kind), Family(kind, metric.description or "")
    )
    for point in data.data_points:
        labels = labels_of(point.attributes or {})
        if isinstance(point, HistogramDataPoint):
            family.samples[labels] = (tuple(point.explicit_bounds), list(point.bucket_counts), point.sum)
        elif isinstance(point, NumberDataPoint):
            family.samples[labels] = point.value


def name_of(name: str, unit: str, kind: Kind) -> str:
    """A metric's name in Prometheus."""
    words = re.sub("[^a-zA-Z0-9:]+", "_", name)
    suffix = UNITS.get(unit)
    if suffix is not None and not words.endswith(f"_{suffix}"):
        words = f"{words}_{suffix}"
    return f"{words}_total" if kind == "counter" and not words.endswith("_total") else words


def labels_of(attributes: Mapping[str, Any]) -> Labels:
    """A point's attributes as labels, in order."""
    return tuple(
        sorted((re.sub("[^a-zA-Z0-9]+", "_", name), _word(value)) for name, value in attributes.items())
    )


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def add(into: Families, other: Families, *, ended: bool = False) -> None:
    """Add what another worker measured; of one that has ended, only what counts for ever."""
    for name, family in other.items():
        if ended and family.kind == "gauge":
            continue
        mine = into.setdefault(name, Family(family.kind, family.help))
        if mine.kind != family.kind:
            continue
        for labels, value in family.samples.items():
            mine.samples[labels] = _together(name, mine.samples.get(labels), value)


def _together(name: str, one: Any, other: Any) -> Any:
    if one is None:
        return other
    if isinstance(other, tuple):
        if one[0] != other[0]:
            return one  # other buckets: a worker of another version
        return one[0], [a + b for a, b in zip(one[1], other[1], strict=True)], one[2] + other[2]
    return max(one, other) if name in LEVELS else one + other


def text(found: Families) -> str:
    """The text exposition format of Prometheus, version 0.0.4."""
    lines: list[str] = []
    for name, family in sorted(found.items()):
        lines += [f"# HELP {name} {_escaped(family.help, quote=False)}", f"# TYPE {name} {family.kind}"]
        for labels, value in sorted(family.samples.items()):
            if isinstance(value, tuple):
                lines += _histogram(name, labels, *value)
            else:
                lines.append(_line(name, labels, value))
    return "\n".join(lines) + "\n"


def _histogram(
    name: str, labels: Labels, bounds: Sequence[float], counts: Sequence[int], total: float
) -> list[str]:
    lines, so_far = [], 0
    for bound, count in zip((*bounds, math.inf), counts, strict=True):
        so_far += count
        lines.append(_line(f"{name}_bucket", (*labels, ("le", _number(bound))), so_far))
    return [*lines, _line(f"{name}_sum", labels, total), _line(f"{name}_count", labels, so_far)]


def _line(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(word)}"' for key, word in labels)
    return f"{name}{{{inside}}} {_number(value)}" if inside else f"{name} {_number(value)}"


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(value) if isinstance(value, int) else repr(float(value))


def _escaped(words: str, *, quote: bool = True) -> str:
    words = words.replace("\\", r"\\").replace("\n", r"\n")
    return words.replace('"', r"\"") if quote else words


def to_json(found: Families) -> dict[str, Any]:
    """Families as JSON, for another worker to read."""
    return {
        name: {
            "kind": family.kind,
            "help": family.help,
            "samples": [[list(map(list, labels)), value] for labels, value in family.samples.items()],
        }
        for name, family in found.items()
    }


def from_json(body: Mapping[str, Any]) -> Families:
    """Raises ``KeyError``, ``TypeError`` and ``ValueError`` for anything but what :func:`to_json` makes."""
    found: Families = {}
    for name, family in body.items():
        made = found[name] = Family(family["kind"], family["help"])
        for labels, value in family["samples"]:
            key = tuple((str(label), str(word)) for label, word in labels)
            made.samples[key] = _sample(value)
    return found


def _sample(value: Any) -> Any:
    if isinstance(value, Iterable):
        bounds, counts, total = value
        return tuple(map(float, bounds)), list(map(int, counts)), float(total)
    return value if isinstance(value, int) else float(value)
