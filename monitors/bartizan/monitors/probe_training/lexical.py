"""Baselines that read words and no activations. A probe that does not beat them says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer  # type: ignore[import-untyped]
from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]

from ..probes.errors import BadTrainingData
from .examples import Example, labels, width

Baseline = Callable[[Sequence[Example]], NDArray[np.float64]]
"""Scores [N] of examples."""
Fitting = Callable[[Sequence[Example]], Baseline]
"""A baseline that has learned from examples."""


def bag_of_words(examples: Sequence[Example], fewest: int = 2) -> Baseline:
    """Words and pairs of words (tf-idf) by class-balanced logistic regression on whole texts.

    A word counts that stands in at least ``fewest`` texts.
    """
    width(examples)
    if not all(example.words for example in examples):
        raise BadTrainingData("a bag of words needs the text of every example: set words")
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), min_df=fewest, max_features=50_000, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=300, class_weight="balanced"),
    )
    model.fit([example.words for example in examples], labels(examples))
    return lambda texts: np.asarray(model.decision_function([text.words for text in texts]), np.float64)


def pattern(expression: str) -> Fitting:
    """1 where the expression is found, else 0: what a rule for a known template is worth. It learns nothing."""
    compiled = re.compile(expression, re.ASCII)

    def found(texts: Sequence[Example]) -> NDArray[np.float64]:
        return np.array([float(compiled.search(text.words) is not None) for text in texts])

    return lambda _: found
