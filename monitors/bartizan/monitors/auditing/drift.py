"""How far a checkpoint's features moved, on general prompts and on those where a change is looked for. F features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from .errors import AuditError
from .overlap import compare, idr
from .permutation import benjamini_hochberg, group_difference, paired_shift, permutations_for
from .reading import State

RULE = 0.15
"""The report of 2024 calls an intersection decrease above 15% significant: a rule of thumb, shown beside the test."""

Which = Literal["general", "specific"]


@dataclass(frozen=True, slots=True)
class SetChange:
    """One set of prompts. ``common`` of a token's top n features are the same after, of ``active`` before.

    ``kept`` is the mean share of a token's top features that stayed; ``value_change`` is that of the common features'
    values (see :mod:`.overlap`); means over prompts.
    """

    prompts: int
    tokens: int
    common: float
    active: float
    kept: float
    value_change: float


@dataclass(frozen=True, slots=True)
class FeatureShift:
    """A feature's mean latent over a set of prompts, before and after; p by permutation, q over all features."""

    feature: int
    prompts: Which
    before: float
    after: float
    p: float
    q: float


@dataclass(frozen=True, slots=True)
class Drift:
    """``idr`` is (kept_general - kept_specific) / kept_general, with its one-sided p; ``above_rule`` the 15% rule.

    Where n features are active on every token, that is the report's (N_general - N_specific) / N_general; where fewer
    are, the share keeps a set of quiet prompts from looking changed.

    ``tested`` features fired at all; ``shifts`` are those with q <= alpha, the largest moves first.
    """

    general: SetChange
    specific: SetChange
    idr: float
    p: float
    above_rule: bool
    permutations: int
    tested: int
    shifts: tuple[FeatureShift, ...]

    def findings(self, alpha: float) -> list[str]:
        """What is significant at ``alpha``, in words; nothing where nothing is."""
        found = []
        if self.p <= alpha:
            found.append(
                f"specific prompts keep fewer of their top features than general ones: decrease {self.idr:.1%}, "
                f"p = {self.p:.2g}"
            )
        if self.shifts:
            found.append(f"{len(self.shifts)} of {self.tested} means of features moved (q <= {alpha:g})")
        return found


def drift(
    before: State,
    after: State,
    *,
    features: tuple[int, ...],
    alpha: float = 0.05,
    permutations: int | None = None,
    seed: int = 0,
) -> Drift:
    """``AuditError`` where the two states are not of the same tokens, or the sets are too small."""
    if before.fingerprint.tokenizer != after.fingerprint.tokenizer:
        raise AuditError(
            "the checkpoints have different tokenizers: their tokens cannot be compared one by one"
        )
    checked_settings(1, alpha, permutations)
    kept_general_P, general = _changed(before, after, "general")
    kept_specific_P, specific = _changed(before, after, "specific")
    tests = permutations or 10_000
    p = group_difference(kept_general_P, kept_specific_P, permutations=tests, seed=seed)
    rate = idr(general.kept, specific.kept)
    shifts, tested = _shifts(before, after, features, alpha, permutations, seed)
    return Drift(general, specific, rate, p, rate > RULE, tests, tested, shifts)


def checked_settings(n: int, alpha: float, permutations: int | None) -> None:
    if n < 1 or not 0 < alpha < 1 or (permutations is not None and permutations < 1):
        raise AuditError(
            "expected at least one top feature, alpha in (0, 1) and at least one permutation, found "
            f"{n}, {alpha}, {permutations}"
        )


def _changed(before: State, after: State, which: Which) -> tuple[torch.Tensor, SetChange]:
    pairs = list(zip(getattr(before, which), getattr(after, which), strict=True))
    changes = [compare(one.top, other.top) for one, other in pairs]
    common_P = torch.stack([change.common_T.double().mean() for change in changes])
    kept_P = torch.stack([(change.common_T / change.before_T).double().nanmean() for change in changes])
    active_P = torch.stack([change.before_T.double().mean() for change in changes])
    values_P = torch.stack([change.change_T.double().nanmean() for change in changes])
    tokens = sum(len(change.common_T) for change in changes)
    return kept_P[~kept_P.isnan()], SetChange(
        prompts=len(pairs),
        tokens=tokens,
        common=float(common_P.mean()),
        active=float(active_P.mean()),
        kept=float(kept_P.nanmean()),
        value_change=float(values_P.nanmean()),
    )


def _shifts(
    before: State, after: State, features: tuple[int, ...], alpha: float, permutations: int | None, seed: int
) -> tuple[tuple[FeatureShift, ...], int]:
    """Both sets are tested together: q is over all their features that fired at all."""
    names: list[tuple[Which, int]] = []
    columns, ps = [], []
    for which in ("general", "specific"):
        m0_PF, m1_PF = before.means(which), after.means(which)
        fired_F = ((m0_PF != 0) | (m1_PF != 0)).any(0).nonzero().squeeze(1)
        number = permutations or permutations_for(2 * len(fired_F), alpha)
        ps.append(paired_shift((m1_PF - m0_PF)[:, fired_F], permutations=number, seed=seed))
        columns.append(torch.stack([m0_PF.mean(0)[fired_F], m1_PF.mean(0)[fired_F]]))
        names += [(which, features[place]) for place in fired_F.tolist()]
    p_G, mean_2G = torch.cat(ps), torch.cat(columns, dim=1)
    q_G = benjamini_hochberg(p_G)
    means = mean_2G.T.tolist()
    found = [
        FeatureShift(feature, which, before=means[place][0], after=means[place][1], p=float(p), q=float(q))
        for place, ((which, feature), p, q) in enumerate(zip(names, p_G, q_G, strict=True))
        if q <= alpha
    ]
    return tuple(sorted(found, key=lambda one: -abs(one.after - one.before))), len(names)
