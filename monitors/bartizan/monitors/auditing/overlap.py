"""The features most active on a token, before and after; T tokens, F features, N of them kept (5 in the report).

From *Automating LLM Auditing with Developmental Interpretability* (Lou, MATS 2024): per token the size of the
intersection of the two top-n sets, and how much the values of common features changed. There, values after were picked
by the mask of the features before, so that numbers of unrelated features were compared; here each common feature's
value before is compared with its own value after.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .errors import AuditError


@dataclass(frozen=True, slots=True, eq=False)
class TopFeatures:
    """values_TN in descending order of size, and index_TN; -1 where fewer than N features are active."""

    values_TN: Tensor
    index_TN: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TokenChange:
    """By token: features in both sets, active before and after (at most N each), and the change of the common values.

    change_T is sum |v0 - v1| / sum |v0 + v1| over the common features: 0 for equal values, NaN where none is common.
    """

    common_T: Tensor
    before_T: Tensor
    after_T: Tensor
    change_T: Tensor


def top_features(latents_TF: Tensor, n: int = 5) -> TopFeatures:
    """The ``n`` largest latents of each token, by size. Silent features (0) are never among them."""
    if n < 1 or latents_TF.ndim != 2:
        raise AuditError(f"expected n >= 1 and latents [T, F], found {n} and {list(latents_TF.shape)}")
    if not latents_TF.isfinite().all():
        raise AuditError(
            "latents are not finite; check the checkpoint's weights and type, and the autoencoder"
        )
    size_TN, index_TN = latents_TF.abs().topk(min(n, latents_TF.shape[1]), dim=1)
    values_TN = latents_TF.gather(1, index_TN)
    return TopFeatures(values_TN.float(), torch.where(size_TN > 0, index_TN, -1))


def compare(before: TopFeatures, after: TopFeatures) -> TokenChange:
    """Token by token. ``AuditError`` if the two are not of the same tokens."""
    if len(before.index_TN) != len(after.index_TN):
        raise AuditError(
            f"{len(before.index_TN)} tokens before and {len(after.index_TN)} after: not the same text and tokenizer"
        )
    same_TNM = (before.index_TN[:, :, None] == after.index_TN[:, None, :]) & (before.index_TN >= 0)[
        :, :, None
    ]
    v0_TN1, v1_T1M = before.values_TN[:, :, None], after.values_TN[:, None, :]
    moved_T = ((v0_TN1 - v1_T1M).abs() * same_TNM).sum((1, 2))
    scale_T = ((v0_TN1 + v1_T1M).abs() * same_TNM).sum((1, 2))
    common_T = same_TNM.sum((1, 2))
    change_T = torch.where((common_T > 0) & (scale_T > 0), moved_T / scale_T, torch.nan)
    return TokenChange(common_T, (before.index_TN >= 0).sum(1), (after.index_TN >= 0).sum(1), change_T)


def idr(general: float, specific: float) -> float:
    """Intersection decrease rate, (general - specific) / general; NaN where nothing general is in common."""
    return (general - specific) / general if general > 0 else float("nan")
