"""What cannot be learned from is refused where it is given, with the text and the remedy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from bartizan.monitors.probe_training import Example, LeaveOut, Setting, fit
from bartizan.monitors.probes.errors import BadTrainingData

from . import planted

X = np.zeros((3, planted.D), np.float32)
BAD = {
    "not finite": ({"x_TD": np.where(np.eye(3, planted.D) > 0, np.nan, X).astype(np.float32)}, "not finite"),
    "empty": ({"x_TD": X[:0]}, "at least one token"),
    "integers": ({"x_TD": X.astype(int)}, "expected activations"),
    "no token scored": ({"mask_T": np.zeros(3, bool)}, "no token is scored"),
    "mask of another length": ({"mask_T": np.ones(4, bool)}, "a boolean for each of 3 tokens"),
    "injected as numbers": ({"injected_T": np.array([0, 1, 2])}, "a boolean for each"),
    "before of another width": ({"before_D": X[0, :2]}, "before_D: expected"),
    "before not finite": ({"before_D": X[0] + np.inf}, "not finite"),
    "label": ({"label": 2}, "label 0 or 1"),
    "an attack beside": ({"role": "beside"}, "neither a hard negative"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_example_is_refused(name: str) -> None:
    """The error names the source, the text, and what is wrong."""
    fields, said = BAD[name]
    good = Example(X, 1, "mails", words="Dear all")
    with pytest.raises(BadTrainingData, match=r"source 'mails' \('Dear all'\)") as caught:
        replace(good, **fields)  # type: ignore[arg-type]
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("examples", "said"),
    [
        ([], "no text to learn from"),
        ([Example(X, 0, "a"), Example(X, 0, "b")], "only benign texts"),
        ([Example(X, 1, "a")], "only attacks"),
        ([Example(X, 1, "a"), Example(X[:, :2], 0, "a")], "several widths"),
        ([Example(X, 1, "a"), Example(X, 0, "a")], "whose injected tokens are known"),
    ],
    ids=["empty", "benign only", "attacks only", "two widths", "no spans"],
)
def test_nothing_is_fitted_to_what_has_no_two_classes(examples: list[Example], said: str) -> None:
    """Empty, one class, mixed layers, or no known injected token."""
    with pytest.raises(BadTrainingData, match=said):
        fit(examples, Setting("h"))


def test_a_shift_needs_what_was_before() -> None:
    """The error names the source that lacks it."""
    with pytest.raises(BadTrainingData, match="source 'a' has no activation from before"):
        fit([Example(X, 1, "a"), Example(X, 0, "a")], Setting("h", kind="shift", method="pooled"))


@pytest.mark.parametrize("sources", [("a",), ("a", "b")])
def test_two_loops_need_three_families(sources: tuple[str, ...]) -> None:
    """With fewer, an outer and an inner one cannot both be left out."""
    with pytest.raises(BadTrainingData, match=f"at least three families, found {len(sources)}: a"):
        LeaveOut({"h": planted.texts(planted.burst, sources)}, {"probe": [Setting("h")]})


def test_a_source_needs_benign_texts_to_be_tested_with() -> None:
    """A source of attacks alone is refused, unless benign texts stand beside every source."""
    examples = [e for e in planted.texts(planted.burst) if e.label or e.source != "b"]
    with pytest.raises(BadTrainingData, match="'b' has no benign texts"):
        LeaveOut({"h": examples}, {"probe": [Setting("h")]})
    beside = [e for e in planted.texts(planted.burst, ("z",), role="test") if not e.label]
    LeaveOut({"h": [*examples, *(replace(e, role="beside") for e in beside)]}, {"probe": [Setting("h")]})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "attention"}, "not fitted by 'tokens', which fits: mean, ema"),
        ({"method": "forest"}, "expected a method of tokens"),
        ({"n_heads": 2}, "by 'gradient' only"),
        ({"strength": 0.0}, "above 0"),
        ({"hard": 1.0}, r"a share in \[0, 1\)"),
    ],
)
def test_a_setting_that_cannot_be_fitted_is_refused(fields: dict[str, object], said: str) -> None:
    """With what can be."""
    with pytest.raises(BadTrainingData, match=said):
        Setting("h", **fields)  # type: ignore[arg-type]


def test_a_setting_says_what_it_is() -> None:
    """In one line, without what its head does not use."""
    assert str(Setting("resid_post.3", window=16)) == "resid_post.3 rolling window 16 by tokens, C 0.03"
    assert (
        str(Setting("h", kind="last", method="pooled", hard=0.1)) == "h last by pooled, C 0.03, hard 0.1 x 3"
    )
