"""What an autoencoder makes of the tokens of a row, a bounded number of them at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from bartizan.monitors.capture.fingerprint import hash_tensors
from bartizan.monitors.sae import SAEError, SlicedEncoder, SparseAutoencoder

from .errors import FilterError
from .sources import Tokens

CHUNK_TOKENS = 1024


class Encoder:
    """Latents [T, F] of an autoencoder, or of ``features`` of it, a bounded number of tokens at a time."""

    def __init__(self, sae: SparseAutoencoder, features: Sequence[int] | None = None) -> None:
        try:
            self._encode: Callable[[Tensor], Tensor] = (
                sae.encode if features is None else SlicedEncoder(sae, features)
            )
        except SAEError as error:
            raise FilterError(str(error)) from error
        self.features = tuple(range(sae.config.d_sae)) if features is None else tuple(features)
        self.d_in = sae.config.d_in
        self.identity = hash_tensors(dict(sae.named_parameters()))

    @torch.inference_mode()
    def chunks(self, tokens: Tokens) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """x_TD, latents_TF and channel_T, only of tokens that belong to a channel."""
        for start in range(0, len(tokens.x_TD), CHUNK_TOKENS):
            channel_T = tokens.channel_T[start : start + CHUNK_TOKENS]
            x_TD = tokens.x_TD[start : start + CHUNK_TOKENS][channel_T >= 0]
            try:
                yield x_TD, self._encode(x_TD), channel_T[channel_T >= 0]
            except SAEError as error:
                raise FilterError(f"the autoencoder does not belong to this hook point: {error}") from error
