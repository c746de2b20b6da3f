"""Auditing checkpoints by their features: what moved, and does a probe's contract survive?

overlap        the top features of each token, before and after
permutation    p-values by permutation, q-values for many features
drift          general against specific prompts: decrease of the intersection, features that shifted
survival       false alarms and lost attacks of a probe on the new checkpoint
rebound        does an alignment hold under further tuning?
reading        what is kept of a checkpoint; files of prompts and episodes
run            ``audit``: a base and one or more later checkpoints
report         what was found, and what speaks against a checkpoint
page           JSON, tables, Markdown, plot
"""

from __future__ import annotations

from . import page
from .drift import Drift, FeatureShift, SetChange, drift
from .errors import AuditError
from .overlap import TopFeatures, compare, idr, top_features
from .reading import Checkpoint, read_episodes, read_prompts
from .rebound import Rebound, rebound
from .report import AuditReport, CheckpointAudit
from .run import audit
from .survival import RECALL_LOSS, Promised, Survival, contract_of, episode_p_values, survival

__all__ = [
    "audit", "Checkpoint", "AuditReport", "CheckpointAudit", "AuditError", "page",
    "read_prompts", "read_episodes",
    "Drift", "SetChange", "FeatureShift", "drift",
    "TopFeatures", "top_features", "compare", "idr",
    "Promised", "contract_of", "RECALL_LOSS", "Survival", "survival", "episode_p_values",
    "Rebound", "rebound",
]  # fmt: skip
