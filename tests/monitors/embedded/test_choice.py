"""How features are chosen and described: on made-up latents whose right answers are known."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bartizan.monitors.engine.feature_card import Word
from bartizan.monitors.sae_training import Activations, ActivationWriter

TRAINING = Path(__file__).parents[3] / "monitors" / "training"
SOURCES = ("agentdyn", "bipia_code", "bipia_email", "composed", "tasktracker")


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The modules beside name_features.py, as it imports them."""
    monkeypatch.syspath_prepend(TRAINING)
    import feature_choice
    import feature_figures
    import feature_texts

    yield feature_choice, feature_figures, feature_texts
    for name in ("feature_choice", "feature_figures", "feature_texts"):
        sys.modules.pop(name, None)


def labelled(scripts: Any, source: str, label: int, part: str = "learn", **more: Any) -> Any:
    values = {"part": part, "channel": "result", "source": source, "label": label, "group": "g", "text": "x",
              "injected": (0,), "start": 0, "tokens": 1}  # fmt: skip
    return scripts[2].Labelled(**(values | more))


def latents(scripts: Any, part: str) -> Any:
    """Feature 0 fires on every source's attacks, 1 on one source's only, 2 on benign results too, 3 never."""
    texts, rows = [], []
    for source in SOURCES:
        for number in range(40):
            texts.append(labelled(scripts, source, 1, part))
            rows.append([number % 4 == 0, source == "agentdyn", 1.0, 0.0])
    for number in range(200):
        texts.append(labelled(scripts, "toolemu", 0, part))
        rows.append([0.0, 0.0, float(number % 3 == 0), 0.0])
    most_NF = np.array(rows, dtype=np.float32)
    return scripts[1].Largest(tuple(texts), most_NF, (most_NF > 0).astype(np.int32))


def test_a_feature_of_one_source_and_one_of_benign_texts_are_not_chosen(scripts: Any) -> None:
    """Rare on benign results, and in several sources' attacks: that is feature 0 alone."""
    choice, figures, _ = scripts
    learn = latents(scripts, "learn")
    assert choice.choose(learn) == [0]
    assert figures.levels(learn, 0.01).tolist() == [0.0, 0.0, 1.0, 0.0]
    assert learn.density.tolist() == pytest.approx([0.0, 0.0, 67 / 200, 0.0])


def test_leaving_a_source_out_shows_what_the_choice_is_worth_there(scripts: Any) -> None:
    """Feature 0 is chosen without any one source, and works there; where it does not, it is a shortcut."""
    choice, _, _ = scripts
    learn, check = latents(scripts, "learn"), latents(scripts, "check")
    rows = choice.leave_one_out(learn, check)
    assert [(row.source, row.chosen, row.shortcuts) for row in rows] == [(name, 1, 0.0) for name in SOURCES]
    assert all(row.outside == pytest.approx(0.25) for row in rows)
    gone = [text.source == "tasktracker" and text.label == 1 for text in check.texts]
    check.most_NF[gone] = 0.0
    assert {row.source: row.shortcuts for row in choice.leave_one_out(learn, check)}["tasktracker"] == 1.0


def test_areas_count_ties_half(scripts: Any) -> None:
    """A feature that fires on a quarter of the attacks and on nothing else: (1/4 + 3/4 x 1/2)."""
    _, figures, _ = scripts
    learn = latents(scripts, "learn")
    assert figures.areas(learn, "tasktracker", learn.benign, [0, 3]) == {0: 0.625, 3: 0.5}


@pytest.mark.parametrize(
    ("text", "span", "word"),
    [("Resend it", (2, 6), "resend"), ("a, b", (1, 2), ","), ("ÉTÉ", (0, 1), "été"), ("x", (0, 1), "x")],
)
def test_a_piece_counts_as_its_word(scripts: Any, text: str, span: tuple[int, int], word: str) -> None:
    """Pieces of one word are that word, in small letters; signs are themselves."""
    assert scripts[1].word_at(text, span) == word


def test_one_word_that_explains_a_feature_is_found(scripts: Any, tmp_path: Path) -> None:
    """A latent that is 1 on every "send" and on one of two others: F1 of 2 x 2 / (3 + 2)."""
    _, figures, _ = scripts
    said = "send it , send that"
    x_TD = np.array([[1.0], [0.0], [0.5], [1.0], [0.0]], dtype=np.float32)
    with ActivationWriter(tmp_path / "a", d_in=1, hook_point="h", fingerprint={}) as writer:
        writer.write(x_TD)
    text = labelled(scripts, "toolemu", 0, text=said, tokens=5)
    at = [0, 5, 8, 10, 15]
    spans = tuple((start, start + len(word)) for start, word in zip(at, said.split(), strict=True))
    found = figures.explained(
        lambda x: torch.relu(x), [7], [text], Activations(tmp_path / "a"), lambda _: spans
    )
    contexts, word = found[7]
    assert word == Word(word="send", f1=0.8)
    assert contexts[0].quote() == "[[send]] it , send that"
