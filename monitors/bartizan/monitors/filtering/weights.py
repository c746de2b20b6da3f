"""Cross-channel weights: does a feature mean the same in both channels?

SAE-V (Lou et al., ICML 2025): for each feature, the mean activation of the tokens of one channel (text) on which it
fires most, the same for the other channel (image), and the cosine between the two:

    w_f = cos(mean of x over the top K tokens of channel 0 - m_0, mean of x over the top K tokens of channel 1 - m_1)

m_c is the mean of all tokens of channel c. Residual streams share a large constant part, which would make every cosine
nearly 1, and channels lie apart as a whole, which would make them all alike; what is compared is what sets a feature's
tokens apart within their channel. The published form has m = 0 (``centre=False``).

The weight is 0, and says nothing, where a feature never fires in one of the channels, and where its top tokens are
the channel's mean (a channel of K tokens or fewer).

N tokens, D d_in, F features, K kept tokens, C the two channels.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from bartizan.monitors.replacing import replacing

from .errors import FilterError

FORMAT = "bartizan-channel-weights-1"
MOST_BYTES = 8 << 30


@dataclass(frozen=True, slots=True, eq=False)
class ChannelWeights:
    """w_F in [-1, 1] by feature, and how many tokens each is drawn from: counts_CF (at most K each).

    ``features`` are the autoencoder's indices, in the order of w_F. ``channels`` are the names of the two.
    """

    features: tuple[int, ...]
    w_F: Tensor
    counts_CF: Tensor
    channels: tuple[str, str]

    @property
    def one_sided_F(self) -> Tensor:
        """True for features that fired in one channel or in none: their weight 0 says nothing."""
        return (self.counts_CF == 0).any(0)

    def save(self, path: str | Path) -> None:
        path = Path(path)
        tensors = {"w": self.w_F, "counts": self.counts_CF, "features": torch.tensor(self.features)}
        header = {"format": FORMAT, "channels": json.dumps(self.channels)}
        with replacing(path) as part:
            save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, part, header)

    @classmethod
    def load(cls, path: str | Path) -> ChannelWeights:
        """``FilterError`` if the file is not what ``save`` writes."""
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
            if header.get("format") != FORMAT:
                raise FilterError(f"{path}: expected format {FORMAT}, found {header.get('format')!r}")
            first, second = json.loads(header["channels"])
            features = tuple(int(feature) for feature in tensors["features"])
            w_F, counts_CF = tensors["w"], tensors["counts"]
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise FilterError(f"{path}: cannot be read as channel weights, {error!r}") from error
        if w_F.shape != (len(features),) or counts_CF.shape != (2, len(features)) or not w_F.isfinite().all():
            raise FilterError(f"{path}: the tensors do not belong together, or are not finite")
        return cls(features, w_F, counts_CF, (str(first), str(second)))


class WeightsBuilder:
    """Gathers each feature's top K tokens in both channels, in one pass and bounded memory.

    The memory is 2 F K D numbers of 4 bytes; ``FilterError`` above 8 GiB, with what to lower.
    """

    def __init__(
        self,
        features: tuple[int, ...],
        d_in: int,
        channels: tuple[str, str],
        *,
        top: int = 10,
        centre: bool = True,
    ) -> None:
        if top < 1 or not features or len(set(channels)) != 2:
            raise FilterError(
                f"expected top >= 1, at least one feature and two channels, found {top}, {len(features)} and {channels}"
            )
        needed = 2 * len(features) * top * d_in * 4
        if needed > MOST_BYTES:
            raise FilterError(
                f"{len(features):,} features x top {top} x d_in {d_in} need {needed / 2**30:.1f} GiB; "
                "name fewer features, or lower top"
            )
        self.features, self.channels = features, channels
        self._top, self._centre, self._d_in = top, centre, d_in
        self._values = [torch.zeros(len(features), top) for _ in channels]
        self._tokens = [torch.zeros(len(features), top, d_in) for _ in channels]
        self._sum_CD = torch.zeros(2, d_in, dtype=torch.float64)
        self.counted = [0, 0]

    def add(self, channel: int, x_ND: Tensor, latents_NF: Tensor) -> None:
        """Tokens of channel 0 or 1. Latents of either sign (AbsTopK) count by their size."""
        if x_ND.shape != (len(x_ND), self._d_in) or latents_NF.shape != (len(x_ND), len(self.features)):
            raise FilterError(
                f"expected activations [N, {self._d_in}] and latents [N, {len(self.features)}], found "
                f"{list(x_ND.shape)} and {list(latents_NF.shape)}"
            )
        if not len(x_ND):
            return
        if not (x_ND.isfinite().all() and latents_NF.isfinite().all()):
            raise FilterError(
                "activations or latents are not finite; check the model's type and the hook point"
            )
        x_ND = x_ND.float()
        self._sum_CD[channel] += x_ND.double().sum(0)
        self.counted[channel] += len(x_ND)
        values_FN = latents_NF.float().abs().T
        new_FK, place_FK = values_FN.topk(min(self._top, len(x_ND)), dim=1)
        kept_FK, tokens_FKD = self._values[channel], self._tokens[channel]
        moved_G = (new_FK[:, 0] > kept_FK[:, -1]).nonzero().squeeze(1)  # only features with a new top token
        if not len(moved_G):
            return
        both_GJ = torch.cat([kept_FK[moved_G], new_FK[moved_G]], dim=1)
        best_GK, which_GK = both_GJ.topk(self._top, dim=1)
        old_GK = which_GK < self._top
        from_new_GK = place_FK[moved_G].gather(1, (which_GK - self._top).clamp_min(0))
        from_old_GKD = tokens_FKD[moved_G].gather(
            1, which_GK.clamp_max(self._top - 1)[:, :, None].expand(-1, -1, self._d_in)
        )
        tokens_FKD[moved_G] = torch.where(old_GK[:, :, None], from_old_GKD, x_ND[from_new_GK])
        kept_FK[moved_G] = best_GK

    def weights(self) -> ChannelWeights:
        """The weights of all tokens so far. ``FilterError`` if one of the channels had none."""
        for name, counted in zip(self.channels, self.counted, strict=True):
            if not counted:
                raise FilterError(
                    f"no token of channel {name!r} was read; without it there is nothing to compare"
                )
        middle_CD = self._sum_CD / torch.tensor(self.counted)[:, None] * self._centre
        apart, counts = [], []
        for values_FK, tokens_FKD, middle_D in zip(self._values, self._tokens, middle_CD, strict=True):
            fired_FK = values_FK > 0
            count_F = fired_FK.sum(1)
            mean_FD = (tokens_FKD * fired_FK[:, :, None]).double().sum(1) / count_F.clamp_min(1)[:, None]
            apart_FD = mean_FD - middle_D
            rounding_F = 1e-9 * torch.linalg.vector_norm(mean_FD, dim=1)
            apart_FD[torch.linalg.vector_norm(apart_FD, dim=1) <= rounding_F] = 0
            apart.append(apart_FD)
            counts.append(count_F)
        counts_CF = torch.stack(counts)
        w_F = torch.nn.functional.cosine_similarity(apart[0], apart[1], dim=1, eps=1e-30)
        w_F = torch.where((counts_CF > 0).all(0), w_F, 0.0).clamp(-1, 1).float()
        return ChannelWeights(self.features, w_F, counts_CF, self.channels)
