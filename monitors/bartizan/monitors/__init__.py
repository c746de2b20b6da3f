"""Monitors: signals read from model activations. Nothing here imports torch; the modules that need it do.

types            what is asked and answered: Query, Measurement, Engine, Backend
"""

from __future__ import annotations

from .types import Backend, Channel, Engine, Measurement, Passage, Query

__all__ = ["Backend", "Channel", "Engine", "Measurement", "Passage", "Query"]
