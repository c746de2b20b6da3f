"""Nested leave-one-dataset-out.

The outer loop leaves one source out and asks how a probe does on it. Everything that is chosen (hook point, head,
window, strength, number of epochs) is chosen by an inner loop that leaves out each *other* source in turn: the source
of a line of the table has had no say in it. What ships is chosen by the inner loop with nothing left out.

Sources of one family are left out together. A fit without the families {a, b} serves twice: b when a is the outer one,
and a when b is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, islice
from typing import Any

import numpy as np

from ..probes.errors import BadTrainingData
from ..probes.evaluation import Row
from ..probes.heads import Head
from ..probes.metrics import auroc, row, threshold
from .convex import Direction, alike, direction, read_with
from .examples import Example, held_out, labels, training
from .fit import Fitted, fit, hard_weights
from .gradient import descend
from .lexical import Fitting
from .memory import Memory, digest
from .packed import Packed
from .setting import Setting

CARRIED = 0.01  # the share of benign training texts above the threshold of what is "caught" in use


@dataclass(frozen=True, slots=True)
class Choice:
    """What an inner loop chose. ``tried``: the mean AUROC over the inner sources of each setting, by its name.

    ``curve`` is that of the chosen one, after each epoch; one number for a convex fit, whose ``epochs`` is None.
    """

    setting: Setting
    epochs: int | None
    auroc: float
    tried: Mapping[str, float]
    curve: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """One method on one source that it was not trained on. ``scores`` and ``labels`` [N]: those of the first seed."""

    row: Row
    scores: tuple[float, ...]
    labels: tuple[int, ...]
    choice: Choice | None = None  # None: a baseline
    aurocs: tuple[float, ...] = ()  # one a seed


@dataclass(frozen=True, slots=True)
class Step:
    """How far a run is."""

    done: int
    total: int
    what: str


@dataclass
class LeaveOut:
    """The whole of an evaluation: ``for step in run(): ...``, then ``folds`` and ``ships``.

    ``examples`` are the same texts at each hook point. ``methods`` are named lists of settings: one is chosen of each
    list, so a list with one setting is measured as it is. Raises :class:`BadTrainingData` without attacks to learn from
    in at least three families: of two, nothing would be left when an inner and an outer one are taken away.
    """

    examples: Mapping[str, Sequence[Example]]
    methods: Mapping[str, Sequence[Setting]]
    baselines: Mapping[str, Fitting] = field(default_factory=dict)
    seeds: Sequence[int] = (0, 1, 2, 3, 4)
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        for settings in self.methods.values():
            for setting in settings:
                if setting.hook_point not in self.examples:
                    raise BadTrainingData(
                        f"{setting}: no activations at {setting.hook_point}, only at {', '.join(self.examples)}"
                    )
        if not self.methods or not all(self.methods.values()) or not self.seeds:
            raise BadTrainingData("expected at least one method, one setting of each, and one seed")
        texts = self._texts
        self.sources = tuple(dict.fromkeys(example.source for example in texts if example.label))
        self.learned = {e.source: e.family for e in training(texts) if e.label}
        families = sorted(set(self.learned.values()))
        if len(families) < 3:
            raise BadTrainingData(
                "leaving sources out in two loops needs attacks to learn from in at least three families, found "
                f"{len(families)}: {', '.join(families) or 'none'}"
            )
        for source in self.sources:
            found = {example.family for example in texts if example.source == source}
            if len(found) > 1:
                raise BadTrainingData(f"source {source!r} is of several families: {', '.join(sorted(found))}")
        for source in self.sources:
            if len({example.label for example in held_out(texts, source)}) < 2:
                raise BadTrainingData(
                    f"source {source!r} has no benign texts: give some of the role 'beside' to test it with"
                )
        self._digests = {point: digest(part) for point, part in self.examples.items()}
        self._directions: dict[object, Direction] = {}
        self._kept: dict[object, Packed] = {}
        self.folds: dict[tuple[str, str], Fold] = {}
        self.ships: dict[str, Choice] = {}

    # -- the run

    def run(self) -> Iterator[Step]:
        """Every fit that is not in the memory yet, step by step. Baselines are quick, and made each time."""
        settings = list(dict.fromkeys(s for part in self.methods.values() for s in part))
        families = sorted(set(self.learned.values()))
        left = [frozenset(part) for number in (1, 2) for part in combinations(families, number)]
        total = len(left) * len(settings) + len(self.sources) * (len(self.methods) + len(self.baselines))
        done = 0
        for out in left:
            for setting in sorted(settings, key=lambda setting: repr(alike(setting))):
                self._inner(setting, out)
                done += 1
                yield Step(done, total, f"without {' and '.join(sorted(out))}: {setting}")
        for method in self.methods:
            self.ships[method] = self.choose(method)
        for source in self.sources:
            for method in self.methods:
                self.folds[method, source] = self._fold(method, source)
                done += 1
                yield Step(done, total, f"{method} on {source}")
            for name in self.baselines:
                self.folds[name, source] = self._baseline(name, source)
                done += 1
                yield Step(done, total, f"{name} on {source}")

    @property
    def rows(self) -> list[Row]:
        """The table: for each source, each method and each baseline."""
        return [fold.row for fold in self.folds.values()]

    def shipped(self, method: str) -> Fitted:
        """What ships of this method: fitted to all that may be learned from."""
        choice = self.ships[method]
        texts = training(self.examples[choice.setting.hook_point])
        return fit(texts, choice.setting, self.seeds[0], epochs=choice.epochs)

    # -- the inner loop

    def choose(self, method: str, without: str | None = None) -> Choice:
        """The setting with the highest mean AUROC over the sources that are learned from, but for the outer family.

        A number of epochs is chosen for a gradient fit in the same way. Of equals, the first.
        """
        outer = self._without(without)
        inner = [source for source, family in self.learned.items() if family not in outer]
        tried: dict[str, float] = {}
        best: Choice | None = None
        for setting in self.methods[method]:
            curves = []
            for source in inner:
                curves.append(self._inner(setting, outer | {self.learned[source]})[source])
            curve = _mean(curves, setting)
            tried[str(setting)] = max(curve)
            if best is None or max(curve) > best.auroc:
                epochs = int(np.argmax(curve)) + 1 if setting.method == "gradient" else None
                best = Choice(setting, epochs, max(curve), tried, curve)
        assert best is not None  # a method has settings
        return best

    def _inner(self, setting: Setting, out: frozenset[str]) -> dict[str, list[float]]:
        """For each source of these families, the AUROC on it: one number, or one after each epoch."""
        key = self._key("inner", setting, out, self.seeds[0])
        found: dict[str, list[float]] = self.memory.of(key, lambda: self._curves(setting, out))
        return found

    def _curves(self, setting: Setting, out: frozenset[str]) -> dict[str, list[float]]:
        texts = self.examples[setting.hook_point]
        learned = training(texts, out)
        test = {s: self._test(setting, s) for s, family in self.learned.items() if family in out}
        if setting.method != "gradient":
            head = self._convex(learned, setting, out, self.seeds[0])
            return {source: [part.auroc(head)] for source, part in test.items()}
        curves: dict[str, list[float]] = {source: [] for source in test}
        for head in _epochs(learned, setting, self.seeds[0]):
            for source, part in test.items():
                curves[source].append(part.auroc(head))
            if all(_over(curve, setting) for curve in curves.values()):
                break
        return curves

    def _convex(self, learned: Sequence[Example], setting: Setting, out: frozenset[str], seed: int) -> Head:
        """Settings that only read the same direction in another way share the fit of it; pooling knows no seed."""
        if setting.hard:
            return fit(learned, setting, seed).head
        key = (out, alike(setting), seed if setting.method == "tokens" else None)
        if key not in self._directions:
            self._directions[key] = direction(learned, setting, seed, None)
        return read_with(self._directions[key], setting)

    def _test(self, setting: Setting, source: str) -> Packed:
        """The texts that a source is tested with."""
        return self._packed(setting, source, held_out(self.examples[setting.hook_point], source))

    def _packed(self, setting: Setting, what: object, examples: Sequence[Example]) -> Packed:
        """The last few are kept: settings and seeds are tried one after the other."""
        key = (setting.hook_point, setting.kind == "shift", what)
        if key not in self._kept:
            while len(self._kept) > 3:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = Packed(examples, setting.kind)
        return self._kept[key]

    # -- the outer loop

    def _fold(self, method: str, source: str) -> Fold:
        choice = self.choose(method, source)
        out = self._without(source)
        texts = self.examples[choice.setting.hook_point]
        label_N = labels(held_out(texts, source))
        runs = [self._outer(choice, out, seed)[source] for seed in self.seeds]
        scores_SN = [np.array(run["scores"]) for run in runs]
        aurocs = tuple(auroc(scores_N, label_N) or 0.0 for scores_N in scores_SN)
        found = row(method, source, scores_SN[0], label_N, runs[0]["carried"])
        return Fold(
            found.model_copy(update={"spread": float(np.std(aurocs))}),
            tuple(scores_SN[0].tolist()),
            tuple(label_N.tolist()),
            choice,
            aurocs,
        )

    def _outer(self, choice: Choice, out: frozenset[str], seed: int) -> dict[str, Any]:
        """For each source that this fit has not seen: its texts' scores, and the threshold carried to it."""
        key = self._key("outer", choice.setting, out, seed) | {"epochs": choice.epochs}

        def make() -> dict[str, Any]:
            texts = self.examples[choice.setting.hook_point]
            learned = training(texts, out)
            if choice.epochs is None:
                head = self._convex(learned, choice.setting, out, seed)
            else:
                head = fit(learned, choice.setting, seed, epochs=choice.epochs).head
            benign = self._packed(choice.setting, out, _benign(learned))
            carried = threshold(benign.scores(head), CARRIED)
            return {
                source: {
                    "scores": self._test(choice.setting, source).scores(head).tolist(),
                    "carried": carried,
                }
                for source in self.sources
                if self._without(source) == out
            }

        found: dict[str, Any] = self.memory.of(key, make)
        return found

    def _baseline(self, name: str, source: str) -> Fold:
        texts = self._texts
        learned, test = training(texts, self._without(source)), held_out(texts, source)
        read = self.baselines[name](learned)
        scores_N, label_N = read(test), labels(test)
        found = row(name, source, scores_N, label_N, threshold(read(_benign(learned)), CARRIED))
        return Fold(found, tuple(scores_N.tolist()), tuple(label_N.tolist()))

    def _without(self, source: str | None) -> frozenset[str]:
        """The families that are left out where this source is tested."""
        return frozenset({self.learned[source]} if source in self.learned else ())

    @property
    def _texts(self) -> Sequence[Example]:
        return next(iter(self.examples.values()))

    def _key(self, what: str, setting: Setting, out: frozenset[str], seed: int) -> dict[str, Any]:
        return {
            "what": what, "examples": self._digests[setting.hook_point], "setting": dataclasses.asdict(setting),
            "left out": sorted(out), "seed": seed,
        }  # fmt: skip


def _benign(learned: Sequence[Example]) -> list[Example]:
    return [example for example in learned if not example.label]


def _epochs(learned: Sequence[Example], setting: Setting, seed: int) -> Iterator[Head]:
    """Heads after each epoch, at most as many as the setting allows."""
    weights = hard_weights(learned, setting, seed)
    for head, _ in islice(descend(learned, setting, seed, weights), setting.descent.epochs):
        yield head


def _over(curve: Sequence[float], setting: Setting) -> bool:
    """Whether this source's patience is at an end."""
    return (
        len(curve) >= setting.descent.epochs
        or len(curve) - 1 - int(np.argmax(curve)) >= setting.descent.patience
    )


def _mean(curves: Sequence[Sequence[float]], setting: Setting) -> tuple[float, ...]:
    """The mean over the inner sources, after each epoch.

    Each curve ends where its own source's patience did, and goes on with its last number: how long another source
    wanted to train says nothing.
    """
    if setting.method == "gradient":
        ends = [next((n for n in range(1, len(c)) if _over(c[:n], setting)), len(c)) for c in curves]
        most = setting.descent.epochs
        curves = [[*c[:end], *[c[end - 1]] * (most - end)] for c, end in zip(curves, ends, strict=True)]
    return tuple(float(found) for found in np.mean(curves, axis=0))
