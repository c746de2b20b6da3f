"""Re-decide recorded sessions under a policy, and say what would have been stopped."""

from __future__ import annotations

from .engine import ReplayedCall, ReplayedSession, replay, replay_session
from .formats import FORMATS, read
from .main import run_replay
from .record import Call, Prompt, RecordedSession, RecordError, Result, Text
from .score import Category, Proportion, Tally, figures

__all__ = [
    "FORMATS",
    "Call",
    "Category",
    "Prompt",
    "Proportion",
    "RecordError",
    "RecordedSession",
    "ReplayedCall",
    "ReplayedSession",
    "Result",
    "Tally",
    "Text",
    "figures",
    "read",
    "replay",
    "replay_session",
    "run_replay",
]
