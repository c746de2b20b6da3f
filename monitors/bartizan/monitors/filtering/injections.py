"""Which features are fit to tell injections, by a whole file of rows that say whether they hold one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from bartizan.monitors.sae import SparseAutoencoder

from .encoding import Encoder
from .errors import MalformedSample
from .features import FeatureVerdict, FiringCounts, select_features
from .samples import Progress, rows
from .sources import TokenSource
from .weights import WeightsBuilder


def injection_features(
    data: str | Path,
    *,
    source: TokenSource,
    sae: SparseAutoencoder,
    features: Sequence[int] | None = None,
    top: int = 10,
    centre: bool = True,
    min_cosine: float = 0.5,
    max_benign: float = 0.05,
    confidence: float = 0.95,
    level: float = 0.0,
    progress: Progress = lambda phase, done: None,
) -> tuple[list[FeatureVerdict], list[tuple[int, str]]]:
    """A verdict for each feature (see :func:`.features.select_features`), and the rows that could not be read.

    Rows need ``"injected": true`` or ``false``, which is about their second channel. Cosines compare what users say
    with the injected results only: benign data is not what an injection feature should resemble.
    """
    encoder = Encoder(sae, features)
    builder = WeightsBuilder(encoder.features, encoder.d_in, source.channels, top=top, centre=centre)
    counts = FiringCounts(len(encoder.features), level)
    malformed: list[tuple[int, str]] = []
    for done, row in enumerate(rows(data), 1):
        try:
            value = row.object()
            injected = value.get("injected")
            if not isinstance(injected, bool):
                raise MalformedSample(f"injected: expected true or false, found {injected!r:.40}")
            tokens = source.read(value)
            fired: list[Tensor] = []
            for x_TD, latents_TF, channel_T in encoder.chunks(tokens):
                result_T = channel_T == 1
                fired.append(latents_TF[result_T])
                builder.add(0, x_TD[~result_T], latents_TF[~result_T])
                if injected:
                    builder.add(1, x_TD[result_T], latents_TF[result_T])
            if any(len(part) for part in fired):
                counts.add(torch.cat(fired), injected=injected)
        except MalformedSample as error:
            malformed.append((row.line, str(error)))
        progress("features", done)
    verdicts = select_features(
        builder.weights(), counts, min_cosine=min_cosine, max_benign=max_benign, confidence=confidence
    )
    return verdicts, malformed
