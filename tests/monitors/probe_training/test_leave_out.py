"""Two loops: what is chosen owes nothing to the source it is measured on, and a run that was cut off goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bartizan.monitors.probe_training import (
    Descent,
    Example,
    LeaveOut,
    Memory,
    Setting,
    bag_of_words,
    pattern,
)
from bartizan.monitors.probes.errors import BadTrainingData

from . import planted

ROLLING = Setting("h", window=6, strength=1.0)
MEAN = Setting("h", kind="mean", method="pooled", strength=1.0)
DESCENT = Setting(
    "h",
    kind="multimax",
    method="gradient",
    strength=1.0,
    descent=Descent(0.03, batch=20, epochs=4, patience=2),
)
METHODS = {"probe": [ROLLING, MEAN, DESCENT], "descent": [DESCENT]}
BASELINES = {"bag of words": bag_of_words, "rule": pattern("text 3")}


def corpus() -> list[Example]:
    """Three sources to learn from, one that is only tested; benign texts to learn from, and to stand beside all."""
    quiet = [e for e in planted.texts(planted.burst, ("quiet",), each=200, seed=6) if not e.label]
    beside = planted.texts(planted.burst, ("quiet",), each=20, seed=5, role="test")
    return [
        *planted.texts(planted.burst),
        *quiet,
        *planted.texts(planted.burst, ("new",), seed=4, role="test"),
        *(replace(e, role="beside") for e in beside if not e.label),
    ]


def search(examples: list[Example], memory: Memory | None = None) -> LeaveOut:
    return LeaveOut({"h": examples}, METHODS, BASELINES, (0, 1, 2, 3, 4), memory or Memory())


def ran(found: LeaveOut) -> LeaveOut:
    steps = list(found.run())
    assert [step.done for step in steps] == list(range(1, steps[-1].total + 1))
    return found


@pytest.fixture(scope="module")
def whole() -> LeaveOut:
    return ran(search(corpus()))


def test_the_table_is_complete(whole: LeaveOut) -> None:
    """A line for each source and method or baseline: counts, ranking, recall with an interval, spread over seeds."""
    assert {(row.method, row.source) for row in whole.rows} == {
        (method, source) for method in (*METHODS, *BASELINES) for source in ("a", "b", "c", "new")
    }
    for (method, source), fold in whole.folds.items():
        row = fold.row
        assert row.attacks == 20 and row.benign == 30 == fold.labels.count(0), source
        assert row.caught is not None and row.caught.low <= row.caught.rate <= row.caught.high
        assert len(fold.aurocs) == (5 if method in METHODS else 0)
        assert row.spread == (pytest.approx(np.std(fold.aurocs)) if method in METHODS else None)
    assert whole.folds["probe", "new"].row.auroc > 0.9  # type: ignore[operator]


def test_the_winner_is_chosen(whole: LeaveOut) -> None:
    """A burst is for a rolling mean: it ships, its fit included; each setting that was tried is listed."""
    choice = whole.ships["probe"]
    assert choice.setting == ROLLING and set(choice.tried) == {str(ROLLING), str(MEAN), str(DESCENT)}
    assert choice.auroc == max(choice.tried.values()) == choice.curve[0] and choice.epochs is None
    descent = whole.ships["descent"]
    assert len(descent.curve) == 4 and descent.epochs == int(np.argmax(descent.curve)) + 1
    assert whole.shipped("probe").head.config.window == 6
    assert len(whole.shipped("descent").curve) == whole.ships["descent"].epochs


@pytest.mark.parametrize("source", ["a", "new"])
def test_a_source_has_no_say_in_its_own_line(whole: LeaveOut, source: str) -> None:
    """With its texts turned upside down, the same is chosen for its line by the same figures, to the last bit."""
    turned = [
        replace(e, x_TD=-3 * e.x_TD, label=1 - e.label, injected_T=np.ones(len(e.x_TD), bool))
        if e.source == source
        else e
        for e in corpus()
    ]
    found = ran(search(turned))
    for method in METHODS:
        assert found.folds[method, source].choice == whole.folds[method, source].choice
    assert found.folds["probe", source].aurocs != whole.folds["probe", source].aurocs
    if source == "new":  # nor in what ships
        assert found.ships == whole.ships
        assert found.shipped("probe").head.digest() == whole.shipped("probe").head.digest()


def test_a_family_is_left_out_together() -> None:
    """Sources that share wordings: whatever one of them holds, the choice and the line of the other are the same."""
    sources = ("a", "b", "c", "c2")
    plain = [replace(e, family="c") if e.source == "c2" else e for e in planted.texts(planted.burst, sources)]
    turned = [replace(e, x_TD=-3 * e.x_TD) if e.source == "c2" else e for e in plain]
    found = [ran(LeaveOut({"h": part}, {"probe": [ROLLING, MEAN]})) for part in (plain, turned)]
    assert found[0].learned == {"a": "a", "b": "b", "c": "c", "c2": "c"}
    assert found[0].folds["probe", "c"] == found[1].folds["probe", "c"]
    assert found[0].folds["probe", "a"].choice != found[1].folds["probe", "a"].choice
    with pytest.raises(BadTrainingData, match="'c2' is of several families: c, other"):
        LeaveOut({"h": [*plain, replace(plain[-1], family="other")]}, {"probe": [MEAN]})


class Closed(Memory):
    """Nothing may be made again."""

    def of(self, key: Mapping[str, Any], make: Callable[[], Any]) -> Any:
        def refuse() -> Any:
            raise AssertionError(f"made again: {key}")

        return super().of(key, refuse)


@pytest.mark.parametrize("steps", [1, 10, 25])
def test_a_run_that_was_cut_off_goes_on(whole: LeaveOut, tmp_path: Path, steps: int) -> None:
    """What was finished is not made again; folds, choices and weights are those of a run in one piece, bit for bit."""
    assert len(list(islice(search(corpus(), Memory(tmp_path)).run(), steps))) == steps
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}
    resumed = ran(search(corpus(), Memory(tmp_path)))
    assert before.items() <= {file: file.stat().st_mtime_ns for file in tmp_path.iterdir()}.items()
    again = ran(search(corpus(), Closed(tmp_path)))
    for found in (resumed, again):
        assert found.folds == whole.folds and found.ships == whole.ships
        assert found.shipped("descent").head.digest() == whole.shipped("descent").head.digest()


def test_other_texts_are_other_work(tmp_path: Path) -> None:
    """A memory of one corpus is no memory of another: one number more or less, and everything is made again."""
    examples = corpus()
    next(iter(search(examples, Memory(tmp_path)).run()))
    x_TD = examples[7].x_TD.copy()
    x_TD[3, 2] += 1e-3
    changed = [*examples[:7], replace(examples[7], x_TD=x_TD), *examples[8:]]
    with pytest.raises(AssertionError, match="made again"):
        next(iter(search(changed, Closed(tmp_path)).run()))


def test_a_half_written_file_is_no_result(tmp_path: Path) -> None:
    """A run that dies while it writes leaves a part, and the next one makes the result again."""
    (tmp_path / "0.part").write_text('{"found": [0.')
    assert Memory(tmp_path).of({"k": 1}, lambda: (0.1, 2)) == [0.1, 2]
    assert Closed(tmp_path).of({"k": 1}, list) == [0.1, 2]
