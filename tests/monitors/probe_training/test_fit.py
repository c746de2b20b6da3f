"""Every head wins where its signal is planted, on a source that it was not trained on, and others do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from bartizan.monitors.probe_training import Descent, Example, Setting, fit, scores
from bartizan.monitors.probe_training.examples import held_out, training
from bartizan.monitors.probe_training.hard_negatives import hardest, weights_of
from bartizan.monitors.probe_training.packed import Packed
from bartizan.monitors.probes.errors import BadTrainingData
from bartizan.monitors.probes.heads import Head

from . import planted

LEARNED, WATCHED, NEW = ("a", "b"), "c", "d"
SOURCES = (*LEARNED, WATCHED, NEW)
QUICK = Descent(learning_rate=0.03, batch=20, epochs=60, patience=60)


def measured(head: Head, examples: list[Example]) -> float:
    return Packed(examples, head.config.kind).auroc(head)


def found(examples: list[Example], setting: Setting) -> float:
    """The AUROC on a new source."""
    watched = held_out(examples, WATCHED) if setting.method == "gradient" else ()
    fitted = fit(training(examples, (WATCHED, NEW)), setting, 0, watched=watched)
    return measured(fitted.head, held_out(examples, NEW))


def setting(kind: str, method: str, **fields: object) -> Setting:
    return Setting(
        "h", kind=kind, method=method, **{"strength": 1.0, "window": 6, "descent": QUICK, **fields}
    )  # type: ignore[arg-type]


WINS = {
    "mean": (planted.everywhere, setting("mean", "pooled"), setting("last", "pooled")),
    "last": (planted.at_the_end, setting("last", "pooled"), setting("mean", "pooled")),
    "rolling, by tokens": (planted.burst, setting("rolling", "tokens"), setting("mean", "pooled")),
    "rolling, by gradient": (planted.burst, setting("rolling", "gradient"), setting("multimax", "gradient")),
    "ema, by tokens": (planted.burst, setting("ema", "tokens", alpha=0.3), setting("last", "pooled")),
    "ema, by gradient": (planted.burst, setting("ema", "gradient", alpha=0.3), setting("mean", "gradient")),
    "multimax, by tokens": (planted.spike, setting("multimax", "tokens"), setting("mean", "pooled")),
    "multimax, by gradient": (planted.spike, setting("multimax", "gradient"), setting("last", "gradient")),
    "attention": (
        planted.marked,
        setting("attention", "gradient", n_heads=2),
        setting("multimax", "gradient"),
    ),
}


@pytest.mark.parametrize("name", WINS)
def test_a_head_wins_where_its_signal_is(name: str) -> None:
    """On a source that is new to both, it ranks nearly all attacks above benign texts, and the other head does not."""
    plant, winner, loser = WINS[name]
    examples = planted.texts(plant, SOURCES, each=80)
    assert found(examples, winner) > 0.93
    assert found(examples, loser) < 0.85


@pytest.mark.parametrize("method", ["pooled", "gradient"])
def test_a_shift_tells_what_positions_do_not(method: str) -> None:
    """What moved between before and after the text is found, though where it ended up says little."""
    examples = planted.moved(planted.texts(planted.everywhere, SOURCES, each=80))
    assert found(examples, setting("shift", method)) > 0.95
    assert found(examples, setting("last", "pooled")) < 0.75


@pytest.mark.parametrize("kind", ["mean", "last", "shift"])
def test_descent_ends_at_the_closed_form(kind: str) -> None:
    """Full batches: Adam finds the weights that the convex solver finds, with the same penalty, folded likewise."""
    examples = planted.moved(planted.texts(planted.everywhere, each=30))
    full = Descent(learning_rate=0.02, batch=len(examples), epochs=1500)
    convex = fit(examples, setting(kind, "pooled")).head
    descended = fit(examples, setting(kind, "gradient", descent=full), epochs=1500).head
    # As close as a solver gets that stops at a gradient of 1e-4.
    torch.testing.assert_close(descended.weight, convex.weight, rtol=0, atol=0.02)
    np.testing.assert_allclose(scores(descended, examples), scores(convex, examples), atol=0.05)
    assert descended.weight.abs().max() > 0.1


def shortcut(rng: np.random.Generator, source: str, each: int) -> list[Example]:
    """A noisy signal that holds everywhere, and a clean shortcut that holds in two sources and lies elsewhere.

    The shortcut is the difference of two numbers that vary together, so it is learned later than the signal.
    """
    made = []
    for number in range(each):
        label = number % 2
        x_TD = rng.normal(scale=0.02, size=(4, planted.D)).astype(np.float32)
        x_TD[:, 0] += (2 * label - 1) + rng.normal(scale=1.0)
        x_TD[:, 1:3] += rng.normal(scale=2.0)
        x_TD[:, 1] += (2 * label - 1) * (1 if source in LEARNED else -1)
        made.append(Example(x_TD, label, source))
    return made


def test_the_source_that_is_held_out_says_when_to_stop() -> None:
    """A random split likes the shortcut and would train on; a held-out source stops early, which helps on a new one."""
    rng = np.random.default_rng(3)
    learned = [example for source in LEARNED for example in shortcut(rng, source, 100)]
    other, new = shortcut(rng, WATCHED, 200), shortcut(rng, NEW, 200)
    split = [
        replace(example, source="split", family="split")
        for source in LEARNED
        for example in shortcut(rng, source, 200)
    ]
    slow = setting(
        "mean", "gradient", descent=Descent(learning_rate=0.02, batch=200, epochs=250, patience=250)
    )
    by_source, by_split = fit(learned, slow, watched=other), fit(learned, slow, watched=split)
    assert by_source.epochs < by_split.epochs
    assert measured(by_source.head, new) > measured(by_split.head, new) + 0.1
    curve = [epoch.watched["watched"] for epoch in by_source.curve]
    assert by_source.epochs == int(np.argmax(curve)) + 1 and measured(by_source.head, other) == max(curve)
    patient = replace(slow, descent=replace(slow.descent, patience=4))
    assert len(fit(learned, patient, watched=other).curve) == by_source.epochs + 4


def test_a_source_that_is_learned_from_cannot_say_when_to_stop() -> None:
    """Watching a training source, or nothing at all, is refused with what to do instead."""
    examples = planted.texts(planted.everywhere)
    with pytest.raises(BadTrainingData, match=r"not learned from, and \['b'\]"):
        fit(examples, setting("mean", "gradient"), watched=held_out(examples, "b"))
    with pytest.raises(BadTrainingData, match="or a number of epochs"):
        fit(examples, setting("mean", "gradient"))


@pytest.mark.parametrize(
    ("kind", "method"), [("rolling", "tokens"), ("rolling", "gradient"), ("attention", "gradient")]
)
def test_a_seed_decides_everything(kind: str, method: str) -> None:
    """Same seed, same bits, whatever the global generators hold; another seed of a gradient fit gives another head."""
    examples = planted.texts(planted.burst)
    s = setting(kind, method, n_heads=2 if method == "gradient" else 1)
    first = fit(examples, s, 7, epochs=3).head
    torch.manual_seed(5)
    np.random.seed(5)
    assert fit(examples, s, 7, epochs=3).head.digest() == first.digest()
    if method == "gradient":
        assert fit(examples, s, 8, epochs=3).head.digest() != first.digest()


@pytest.mark.parametrize("method", ["tokens", "gradient"])
def test_tokens_that_are_not_scored_are_not_learned_from(method: str) -> None:
    """Wild numbers outside the mask change nothing: neither the fit, nor the scores."""
    plain = planted.texts(planted.burst)
    s = setting("rolling", method)
    wild = []
    for e in plain:
        x_TD = np.concatenate([np.full((5, planted.D), 1e4, np.float32), e.x_TD])
        injected_T = None if e.injected_T is None else np.r_[np.ones(5, bool), e.injected_T]
        wild.append(replace(e, x_TD=x_TD, mask_T=np.arange(len(x_TD)) >= 5, injected_T=injected_T))
    head = fit(plain, s, epochs=2).head
    assert fit(wild, s, epochs=2).head.digest() == head.digest()
    np.testing.assert_array_equal(scores(head, wild), scores(head, plain))


def test_scores_are_those_of_the_head() -> None:
    """Batches of texts of different lengths give what the head gives for each text alone."""
    examples = planted.texts(planted.burst)
    head = fit(examples, setting("rolling", "tokens")).head
    alone = [float(head(torch.from_numpy(example.x_TD)[None])) for example in examples]
    np.testing.assert_allclose(scores(head, examples), alone, rtol=1e-5, atol=1e-5)


def quoting(rng: np.random.Generator, x_TD: np.ndarray, label: int) -> np.ndarray:
    """A benign text in five quotes an attack: the attack's signal, with a marker at its tokens."""
    if not label and rng.random() > 0.2:
        return planted.nowhere(x_TD)
    at = int(rng.integers(len(x_TD) - 6)) + np.arange(6)
    x_TD[at, 0] += 2.5
    if not label:
        x_TD[at, 1] += 2
    return np.isin(np.arange(len(x_TD)), at)


def test_hard_negatives_teach_what_a_quotation_is() -> None:
    """The second fit sets benign texts that quote attacks further below attacks than the first did, on a new source."""
    examples = planted.texts(quoting, SOURCES, each=200)
    once = found(examples, setting("rolling", "tokens", strength=0.1))
    twice = found(examples, setting("rolling", "tokens", strength=0.1, hard=0.15, hard_weight=10.0))
    assert twice > once + 0.01


def test_the_hardest_are_marked_or_score_high() -> None:
    """Of the benign texts: the marked ones, and the share with the highest scores; their weights stay balanced."""
    plain = planted.texts(planted.everywhere, ("a",), each=8)  # benign are 0, 2, 4, 6
    examples = [replace(e, hard=True) if number == 0 else e for number, e in enumerate(plain)]
    scores_N = np.array([0.0, 9, 1, 9, 3, 9, 2, 9])
    assert hardest(examples, scores_N, 0.25) == [0, 4]
    weights_N = weights_of(examples, scores_N, 0.25, 3.0)
    np.testing.assert_allclose(weights_N, [1.5, 1, 0.5, 1, 1.5, 1, 0.5, 1])
