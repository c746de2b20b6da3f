"""A batcher's statistics in the Prometheus text format, version 0.0.4.

No label names a tenant or a probe: who may read the metrics may not be who may know them.
"""

from __future__ import annotations

from collections.abc import Iterator

from .batcher import Health
from .stats import Histogram, Stats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_PREFIX = "bartizan_monitor_"


def exposition(stats: Stats, health: Health, requests: int) -> str:
    """The page. ``requests`` is how many HTTP requests are under way."""
    lines = [
        *_one("up", "gauge", "Whether the engine's thread runs and comes back.", int(health.live)),
        *_one("ready", "gauge", "Whether the engine also answers.", int(health.ready)),
        *_one("http_requests_under_way", "gauge", "HTTP requests being answered.", requests),
        *_one("queue_depth", "gauge", "Queries that wait.", stats.queue_depth),
        *_one("queue_tokens", "gauge", "Tokens of the queries that wait.", stats.queue_tokens),
        *_one("tenants_waiting", "gauge", "Tenants with queries that wait.", stats.tenants_waiting),
        *_one("computing", "gauge", "Queries in the batch under way.", stats.computing),
        *_one("engine_failures_total", "counter", "Batches on which the engine failed.", stats.failures),
        *_one("engine_failing", "gauge", "Failures since the engine last succeeded.", stats.failing),
        *_one("tokens_total", "counter", "Tokens computed.", stats.tokens),
        *_one("padded_tokens_total", "counter", "Tokens computed, padding included.", stats.padded_tokens),
        *_head("answers_total", "counter", "Answers by outcome: measured, or why not."),
        *(
            f'{_PREFIX}answers_total{{outcome="{_label(outcome)}"}} {count}'
            for outcome, count in sorted(stats.answers.items())
        ),
        *_histogram("batch_queries", "Queries in a batch.", stats.batch),
        *_histogram("queued_seconds", "Seconds from a query's arrival to its batch.", stats.queued),
        *_histogram("computed_seconds", "Seconds of the engine for a batch.", stats.computed),
    ]
    return "\n".join(lines) + "\n"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {_PREFIX}{name} {text}"
    yield f"# TYPE {_PREFIX}{name} {kind}"


def _one(name: str, kind: str, text: str, value: int) -> Iterator[str]:
    yield from _head(name, kind, text)
    yield f"{_PREFIX}{name} {value}"


def _histogram(name: str, text: str, histogram: Histogram) -> Iterator[str]:
    yield from _head(name, "histogram", text)
    *counts, everything = histogram.cumulative()
    for bound, count in zip(histogram.bounds, counts, strict=True):
        yield f'{_PREFIX}{name}_bucket{{le="{float(bound)}"}} {count}'
    yield f'{_PREFIX}{name}_bucket{{le="+Inf"}} {everything}'
    yield f"{_PREFIX}{name}_sum {histogram.total}"
    yield f"{_PREFIX}{name}_count {everything}"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
