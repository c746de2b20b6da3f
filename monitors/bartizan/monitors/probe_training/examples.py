"""What is learned from, and what is measured on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..probes.errors import BadTrainingData

Floats = NDArray[np.floating]
Labels = NDArray[np.int64]
Mask = NDArray[np.bool_]

Role = Literal["train", "test", "beside"]
"""``train``: learned from, and tested where its family is left out. ``test``: never learned from. ``beside``: a benign
text that is never learned from and is tested beside every source."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One text. Raises :class:`BadTrainingData` for what nothing can be learned from, naming the text.

    ``x_TD`` are its activations (any float type, may be memory-mapped), ``mask_T`` its scored tokens (default: all).
    ``injected_T`` are the tokens of an attack's injected part; None where they are not known: such an attack is not
    learned from token by token. ``before_D`` is the activation before the text was read, for heads of kind ``shift``.
    ``words`` is the text itself, for baselines. ``hard`` marks a benign text that is known to look like an attack.
    Sources of one ``family`` share wordings, and are left out together (default: each source is its own).
    """

    x_TD: Floats
    label: int
    source: str
    role: Role = "train"
    mask_T: Mask | None = None
    injected_T: Mask | None = None
    before_D: Floats | None = None
    words: str = ""
    hard: bool = False
    family: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "family", self.family or self.source)
        if self.x_TD.ndim != 2 or not len(self.x_TD) or not np.issubdtype(self.x_TD.dtype, np.floating):
            self._bad(
                f"expected activations [T, D] with at least one token, found {self.x_TD.dtype} {self.x_TD.shape}"
            )
        for name, mask_T in (("mask_T", self.mask_T), ("injected_T", self.injected_T)):
            if mask_T is not None and (mask_T.dtype != np.bool_ or mask_T.shape != (len(self.x_TD),)):
                self._bad(f"{name}: expected a boolean for each of {len(self.x_TD)} tokens")
        if self.mask_T is not None and not self.mask_T.any():
            self._bad("no token is scored: leave the text out, and count it as missing")
        if self.before_D is not None and self.before_D.shape != self.x_TD.shape[1:]:
            self._bad(f"before_D: expected {self.x_TD.shape[1:]}, found {self.before_D.shape}")
        if not np.isfinite(self.x_TD).all() or (
            self.before_D is not None and not np.isfinite(self.before_D).all()
        ):
            self._bad("activations that are not finite: read the text again, or leave it out")
        if self.label not in (0, 1) or not self.source:
            self._bad(f"expected a label 0 or 1 and a source, found {self.label!r} and {self.source!r}")
        if self.label and (self.role == "beside" or self.hard):
            self._bad("an attack can be neither a hard negative nor tested beside other sources")

    def _bad(self, problem: str) -> None:
        raise BadTrainingData(f"a text of source {self.source!r} ({self.words[:40]!r}): {problem}")

    @property
    def scored(self) -> NDArray[np.intp]:
        """The numbers of the scored tokens."""
        return np.arange(len(self.x_TD)) if self.mask_T is None else np.flatnonzero(self.mask_T)

    @property
    def taught(self) -> NDArray[np.intp]:
        """The tokens that carry the text's label: all of a benign text, an attack's injected ones; may be none.

        What surrounds an injection is left out: its activations know of it, and are no example of either.
        """
        if not self.label:
            return self.scored
        if self.injected_T is None:
            return np.empty(0, np.intp)
        return np.flatnonzero(self.injected_T if self.mask_T is None else self.injected_T & self.mask_T)


def training(examples: Sequence[Example], without: Collection[str] = ()) -> list[Example]:
    """What may be learned from when these families are left out."""
    return [example for example in examples if example.role == "train" and example.family not in without]


def held_out(examples: Sequence[Example], source: str) -> list[Example]:
    """The source's own texts, and the benign ones that stand beside every source."""
    return [example for example in examples if example.source == source or example.role == "beside"]


def labels(examples: Sequence[Example]) -> Labels:
    """y[N]."""
    return np.array([example.label for example in examples], dtype=np.int64)


def width(examples: Sequence[Example]) -> int:
    """D. Raises :class:`BadTrainingData` where there is nothing to learn from: no text, one class, two widths."""
    if not examples:
        raise BadTrainingData(
            "no text to learn from: every one is left out, or has another role than 'train'"
        )
    widths = {example.x_TD.shape[1] for example in examples}
    if len(widths) > 1:
        raise BadTrainingData(f"activations of several widths, {sorted(widths)}: give one hook point's")
    if len({example.label for example in examples}) < 2:
        found = "attacks" if examples[0].label else "benign texts"
        sources = sorted({example.source for example in examples})
        raise BadTrainingData(f"only {found} to learn from (sources {sources}): both classes are needed")
    return int(widths.pop())
