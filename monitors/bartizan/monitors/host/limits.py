"""How much a host takes at once, for how long, and what a request may look like."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of a batcher. Times are in seconds.

    ``sizes`` are the lengths to which queries are padded, ascending; queries of one size are batched together,
    and longer ones count as multiples of the last size. ``max_batch_tokens`` bounds queries times size (a single
    query may exceed it). ``max_wait`` is how long the first of a batch waits for company while the engine is
    idle. ``timeout`` bounds a query from arrival to answer. An engine that is busy with one thing for
    ``stuck_after`` is reported as stuck, and nothing more is taken until it comes back. Whose query made the
    engine raise is not batched with others for ``quarantine``.
    """

    sizes: tuple[int, ...] = (16, 32, 64, 128, 256, 512)
    max_batch: int = 64
    max_batch_tokens: int = 16_384
    max_wait: float = 0.0005
    max_queued: int = 1_024
    max_queued_tokens: int = 262_144
    max_tenant_queued: int = 256
    max_query_tokens: int = 8_192
    max_characters: int = 400_000
    timeout: float = 2.0
    stuck_after: float = 30.0
    quarantine: float = 5.0

    def __post_init__(self) -> None:
        sizes = self.sizes
        whole = all(isinstance(size, int) and size > 0 for size in sizes)
        if not sizes or not whole or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"expected sizes as ascending whole numbers from 1, found {sizes!r}")
        _positive(self, but=("sizes", "max_wait", "quarantine"))
        for name in ("max_wait", "quarantine"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
                raise ValueError(f"expected {name} as seconds from 0, found {value!r}")
        if self.padded(self.max_query_tokens) > self.max_queued_tokens:
            raise ValueError(
                f"expected max_queued_tokens of at least {self.padded(self.max_query_tokens)} (max_query_tokens, "
                f"padded), found {self.max_queued_tokens}"
            )

    def padded(self, tokens: int) -> int:
        """The size to which a query of so many tokens is padded."""
        for size in self.sizes:
            if tokens <= size:
                return size
        return math.ceil(tokens / self.sizes[-1]) * self.sizes[-1]

    def room(self, size: int) -> int:
        """How many queries of a size make a full batch."""
        return max(1, min(self.max_batch, self.max_batch_tokens // size))


@dataclass(frozen=True, slots=True)
class WireLimits:
    """What one HTTP request may hold, and how many may be under way; ``max_body_wait`` is in seconds."""

    max_body_bytes: int = 4 * 1024 * 1024
    max_body_wait: float = 5.0
    max_queries: int = 64
    max_passages: int = 256
    max_text_characters: int = 400_000
    max_name_characters: int = 200
    max_requests: int = 1_024

    def __post_init__(self) -> None:
        _positive(self)


def _positive(limits: Limits | WireLimits, but: tuple[str, ...] = ()) -> None:
    for field in fields(limits):
        value = getattr(limits, field.name)
        if field.name in but:
            continue
        whole = field.type == "int"
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float) or not value > 0:
            kind = "a whole number" if whole else "a number of seconds"
            raise ValueError(f"expected {field.name} as {kind} above 0, found {value!r}")
