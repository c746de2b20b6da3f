"""The audit's parts on numbers: overlaps against sets, tests under the null and under change, verdicts."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bartizan.monitors.auditing import (
    AuditError,
    TopFeatures,
    compare,
    idr,
    read_episodes,
    read_prompts,
    rebound,
    top_features,
)
from bartizan.monitors.auditing.permutation import (
    benjamini_hochberg,
    group_difference,
    paired_shift,
    permutations_for,
)


def sparse(seed: int, tokens: int = 7, features: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    latents_TF = torch.randn(tokens, features, generator=generator).relu()
    return latents_TF * (torch.rand(tokens, features, generator=generator) < 0.6)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), other=st.integers(0, 10**6), n=st.integers(1, 14))
def test_overlap_is_that_of_sets_and_values_belong_together(seed: int, other: int, n: int) -> None:
    """Token by token as Python sets and dictionaries say it; each common feature against its own value."""
    before_TF, after_TF = sparse(seed), sparse(other)
    change = compare(top_features(before_TF, n), top_features(after_TF, n))
    for t in range(len(before_TF)):
        sets = []
        for latents_TF in (before_TF, after_TF):
            order = sorted(range(12), key=lambda f, x=latents_TF: -float(x[t, f]))[:n]  # type: ignore[misc]
            sets.append({f for f in order if latents_TF[t, f] > 0})
        common = sets[0] & sets[1]
        assert int(change.common_T[t]) == len(common)
        assert (int(change.before_T[t]), int(change.after_T[t])) == (len(sets[0]), len(sets[1]))
        moved = sum(abs(float(before_TF[t, f] - after_TF[t, f])) for f in common)
        scale = sum(float(before_TF[t, f] + after_TF[t, f]) for f in common)
        if common:
            assert float(change.change_T[t]) == pytest.approx(moved / scale, abs=1e-5)
        else:
            assert math.isnan(change.change_T[t])


def test_values_are_not_compared_across_features() -> None:
    """The same features in another order of size: a mask of the first set's places would compare strangers."""
    before = top_features(torch.tensor([[5.0, 3.0, 1.0]]), 3)
    after = top_features(torch.tensor([[5.0, 3.0, 6.0]]), 3)
    assert float(compare(before, after).change_T[0]) == pytest.approx(5 / (10 + 6 + 7))


def test_hostile_latents_are_refused() -> None:
    """NaN, other shapes, other numbers of tokens."""
    with pytest.raises(AuditError, match="not finite"):
        top_features(torch.full((2, 3), torch.nan))
    for latents in (torch.zeros(3), torch.zeros(2, 2, 2)):
        with pytest.raises(AuditError, match="latents \\[T, F\\]"):
            top_features(latents)
    with pytest.raises(AuditError, match="7 tokens before and 6 after"):
        compare(top_features(sparse(0)), top_features(sparse(0, tokens=6)))
    assert idr(4.0, 3.0) == 0.25
    assert math.isnan(idr(0.0, 0.0))


def test_p_values_are_uniform_where_nothing_changed() -> None:
    """Under the null, at most alpha of the p-values are at most alpha, and they are not all large either."""
    generator = torch.Generator().manual_seed(0)
    p_F = paired_shift(torch.randn(40, 500, generator=generator), permutations=999, seed=1)
    for alpha in (0.05, 0.2, 0.5):
        assert float((p_F <= alpha).double().mean()) == pytest.approx(alpha, abs=0.07)
    pairs = [
        group_difference(
            torch.randn(15, generator=generator),
            torch.randn(25, generator=generator),
            permutations=199,
            seed=n,
        )
        for n in range(200)
    ]
    assert sum(p <= 0.1 for p in pairs) / 200 == pytest.approx(0.1, abs=0.06)
    assert sum(p <= 0.5 for p in pairs) / 200 == pytest.approx(0.5, abs=0.12)


def test_changes_are_found_and_null_features_are_not() -> None:
    """Ten shifted features of a hundred: all found, hardly another, at a false discovery rate of 5%."""
    difference_PF = torch.randn(40, 100, generator=torch.Generator().manual_seed(0))
    difference_PF[:, :10] += 1.5
    p_F = paired_shift(difference_PF, permutations=permutations_for(100, 0.05), seed=0)
    found = set((benjamini_hochberg(p_F) <= 0.05).nonzero().squeeze(1).tolist())
    assert found >= set(range(10))
    assert len(found) <= 12
    assert bool((paired_shift(torch.zeros(10, 3), permutations=99, seed=0) == 1).all())
    lower, higher = torch.zeros(20), torch.ones(20)
    assert group_difference(higher, lower, permutations=999, seed=0) == 0.001
    assert group_difference(lower, higher, permutations=999, seed=0) == 1.0
    assert group_difference(lower, lower, permutations=999, seed=0) == 1.0


@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=30))
def test_q_values_are_those_of_the_step_up_rule(ps: list[float]) -> None:
    """Rejecting q <= a is rejecting the k smallest, k the largest with p_(k) <= a k / m."""
    q_F = benjamini_hochberg(torch.tensor(ps, dtype=torch.float64))
    for a in (0.01, 0.05, 0.3):
        ranked = sorted(ps)
        k = max((k for k in range(1, len(ps) + 1) if ranked[k - 1] * len(ps) / k <= a), default=0)
        assert (
            int((q_F <= a).sum()) == sum(p <= ranked[k - 1] for p in ps) if k else not bool((q_F <= a).any())
        )


def test_too_few_prompts_are_said_to_be_too_few() -> None:
    """Five prompts cannot give a small p-value."""
    with pytest.raises(AuditError, match="5 paired prompts"):
        paired_shift(torch.randn(5, 3), permutations=99, seed=0)
    with pytest.raises(AuditError, match="2 specific prompts"):
        group_difference(torch.zeros(9), torch.zeros(2), permutations=99, seed=0)


def test_rebounds_are_measured_along_the_alignment() -> None:
    """Nothing, half or all of the move reversed; what happens elsewhere does not count; noise is undecided."""
    generator = torch.Generator().manual_seed(0)
    base_PTF = torch.rand(30, 4, 8, generator=generator) + 0.1
    d_PTF = torch.zeros(30, 4, 8)
    d_PTF[:, :, :2] = 1 + 0.1 * torch.rand(30, 4, 2, generator=generator)
    elsewhere_PTF = torch.zeros(30, 4, 8)
    elsewhere_PTF[:, :, 5] = 3.0
    noise_PTF = 1.5 * torch.randn(30, 4, 8, generator=generator)

    def top(latents_PTF: Tensor) -> list[TopFeatures]:
        return [top_features(latents_TF, 8) for latents_TF in latents_PTF]

    base, aligned = top(base_PTF), top(base_PTF + d_PTF)
    later = [
        ("kept", aligned),
        ("elsewhere", top(base_PTF + d_PTF + elsewhere_PTF)),
        ("half", top(base_PTF + 0.5 * d_PTF)),
        ("back", base),
        ("noisy", top(base_PTF + 0.85 * d_PTF + noise_PTF)),
        ("shuffled", top((base_PTF + d_PTF).roll(1, dims=2))),
    ]
    found = {one.checkpoint: one for one in rebound(base, aligned, later)}
    assert {name: one.verdict for name, one in found.items()} == {
        "kept": "holds", "elsewhere": "holds", "half": "rebounds", "back": "rebounds", "noisy": "undecided",
        "shuffled": "rebounds",
    }  # fmt: skip
    assert found["kept"].reversed == pytest.approx(0, abs=1e-5)
    assert found["half"].reversed == pytest.approx(0.5, abs=1e-5)
    assert found["back"].reversed == pytest.approx(1)
    assert found["noisy"].low < found["noisy"].reversed < found["noisy"].high
    with pytest.raises(AuditError, match="nothing to rebound"):
        rebound(base, base, later)
    with pytest.raises(AuditError, match="3 prompts"):
        rebound(base[:3], aligned[:3], [])


def test_files_of_prompts_and_episodes(tmp_path: Path) -> None:
    """Plain lines or JSON lines; what is malformed is named with its line."""
    plain, lines = tmp_path / "prompts.txt", tmp_path / "episodes.jsonl"
    plain.write_text("one\n\ntwo words\n")
    assert read_prompts(plain) == ["one", "two words"]
    lines.write_text('{"text": "a", "episode": "e", "tool": "t"}\n\n{"text": "b"}\n')
    assert read_episodes(lines) == [("e", "t", "a"), ("line 3", "", "b")]
    assert read_prompts(lines) == ["a", "b"]
    for bad, says in [
        ('{"text": 3}', "line 1"),
        ("nope", "line 1"),
        ("[]", "line 1"),
        ("[" * 100_000, "line 1"),
        ('{"text": "a"}\n{"text": "b", "tool": 3}', "line 2: tool"),
        ('\n{"text": "a", "episode": {}}', "line 2: episode"),
        ("\n\n", "no episode"),
    ]:
        lines.write_text(bad)
        with pytest.raises(AuditError, match=says):
            read_episodes(lines)
    lines.write_bytes(b"\xff")
    plain.write_text(" \n")
    (tmp_path / "prompts.json").write_text('["one"]')  # its lines would be taken for prompts
    for path in (lines, plain, tmp_path / "missing.txt", tmp_path / "prompts.json", tmp_path):
        with pytest.raises(AuditError, match=path.name):
            read_prompts(path)
