"""Which features tell injected instructions from benign results, and do not only know one data set.

A feature has a level that few benign results reach (:data:`RARE`). It is chosen if it passes it in at least
:data:`CAUGHT` of the attacks of at least :data:`SOURCES` sources. Whether such a choice says anything about a source
that it was not made on is measured by making it without each source in turn.
"""

from __future__ import annotations

from dataclasses import dataclass

import feature_figures as figures
import numpy as np
from feature_figures import Largest

RARE = 0.01
"""A level is what at most this share of the benign results exceeds."""

CAUGHT = 0.04
"""The least share of a source's attacks that a chosen feature fires on above its level."""

SOURCES = 3
"""In how many sources at least. Attacks differ, and hardly a feature is in all of them."""

COSINE = 0.3
"""The least cosine between what a feature fires on in users' words and in injections, where it fires in both."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One source: what the choice without it is worth on it, beside the sources that it was made on.

    ``shortcuts`` is the share of the chosen features that are worth nothing there: they pass their level in no more
    of its attacks than of benign results.
    """

    source: str
    chosen: int
    inside: float
    outside: float
    shortcuts: float


def choose(found: Largest, without: str = "") -> list[int]:
    """The features, those first that fire on most attacks."""
    level_F = figures.levels(found, RARE)
    caught_SF = np.stack([figures.caught(found, s, level_F) for s in found.attacked if s != without])
    kept_F = (caught_SF >= CAUGHT).sum(axis=0) >= SOURCES
    order = np.argsort(-caught_SF.mean(axis=0), kind="stable")
    return [int(feature) for feature in order if kept_F[feature]]


def leave_one_out(learn: Largest, check: Largest) -> list[LeftOut]:
    """For each source the choice without it, measured on held-out texts."""
    level_F = figures.levels(learn, RARE)
    benign_F = (check.benign > level_F).mean(axis=0)
    rows = []
    for source in learn.attacked:
        chosen = choose(learn, source)
        inside = [
            figures.caught(check, other, level_F)[chosen] for other in learn.attacked if other != source
        ]
        outside_F = figures.caught(check, source, level_F)[chosen]
        rows.append(
            LeftOut(
                source,
                len(chosen),
                float(np.mean(inside)) if chosen else 0.0,
                float(outside_F.mean()) if chosen else 0.0,
                float((outside_F <= benign_F[chosen]).mean()) if chosen else 0.0,
            )
        )
    return rows


def means_another_thing(cosine: float | None) -> bool:
    return cosine is not None and cosine < COSINE
