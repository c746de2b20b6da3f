"""How many replicas a deployment has, and what each may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

GRACE = 10.0
"""How many seconds a replica that is stopped has for what it has begun."""


@dataclass(frozen=True, slots=True)
class Scale:
    """From ``least`` to ``most`` replicas, so that each has about ``busy`` requests under way.

    ``cpus`` and ``gpus`` are reserved for a replica; half a GPU lets two replicas share one. ``requests`` are handed to
    a replica at once, and should be a little more than it takes before it says 503 itself. Its health is looked at
    every ``health_period`` seconds; after three failures it is replaced.
    """

    least: int = 1
    most: int = 1
    busy: float = 32.0
    cpus: float = 1.0
    gpus: float = 0.0
    requests: int = 1_100
    health_period: float = 10.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise ValueError(f"expected replicas 1 <= least <= most, found {self.least} and {self.most}")
        if not (self.busy > 0 and self.cpus >= 0 and self.gpus >= 0 and self.requests >= 1):
            raise ValueError("expected busy above 0, cpus and gpus from 0, requests from 1")

    def options(self) -> dict[str, Any]:
        """The options of a Ray Serve deployment."""
        found: dict[str, Any] = {
            "ray_actor_options": {"num_cpus": self.cpus, "num_gpus": self.gpus},
            "max_ongoing_requests": self.requests,
            "graceful_shutdown_timeout_s": GRACE,
            "health_check_period_s": self.health_period,
        }
        if self.least == self.most:
            return {**found, "num_replicas": self.least}
        scaling = {
            "min_replicas": self.least,
            "max_replicas": self.most,
            "target_ongoing_requests": self.busy,
        }
        return {**found, "autoscaling_config": scaling}
