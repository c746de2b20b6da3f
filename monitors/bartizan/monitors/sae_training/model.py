"""The autoencoder while it is trained: it keeps what training needs and saving folds away.

Shape suffixes: B batch, D d_in, F d_sae, K kept entries. Inputs are scaled to norm sqrt(d_in).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import SAETrainingConfig
from .surrogates import jumprelu, step


@dataclass(slots=True)
class Forward:
    """One forward pass: pre-activations, reconstruction, how often each latent fired, latents a token, penalty."""

    h_BF: Tensor
    x_hat_BD: Tensor
    fired_F: Tensor
    l0: Tensor
    penalty: Tensor | None = None


class TrainableSAE(nn.Module):
    """W_enc [D, F], b_enc [F], W_dec [F, D], b_dec [D]; for ``jumprelu`` log_threshold [F].

    In ``rescale`` mode the weights stand for the folded ones (see ``folded``), in which every decoder row has norm 1.
    """

    threshold: Tensor

    def __init__(self, config: SAETrainingConfig, d_in: int) -> None:
        super().__init__()
        self.config, self.d_in = config, d_in
        generator = torch.Generator().manual_seed(config.seed)
        W_dec_FD = F.normalize(torch.randn(config.d_sae, d_in, generator=generator), dim=1)
        self.W_dec = nn.Parameter(W_dec_FD)
        self.W_enc = nn.Parameter(W_dec_FD.T.clone())
        self.b_enc = nn.Parameter(torch.zeros(config.d_sae))
        self.b_dec = nn.Parameter(torch.zeros(d_in))
        if config.architecture == "jumprelu":
            self.log_threshold = nn.Parameter(torch.zeros(config.d_sae))
        # batchtopk: follows the smallest latent kept; negative until the first batch. float64: it is an average of many
        self.register_buffer("threshold", torch.tensor(-1.0, dtype=torch.float64))

    def folded(self) -> tuple[Tensor, Tensor, Tensor]:
        """W_enc, b_enc and W_dec of the same function with decoder rows of norm 1."""
        if self.config.decoder_norm == "constrain":
            return self.W_enc, self.b_enc, self.W_dec
        norm_F = torch.linalg.vector_norm(self.W_dec, dim=1).clamp_min(1e-8)
        return self.W_enc * norm_F, self.b_enc * norm_F, self.W_dec / norm_F[:, None]

    def thresholds(self) -> Tensor:
        """[F], as saved: what a latent must pass at inference."""
        if self.config.architecture == "jumprelu":
            return self.log_threshold.exp()
        return self.threshold.clamp_min(0).float().expand(self.config.d_sae)

    def forward(self, x_BD: Tensor) -> Forward:
        """The pass that is trained on. ``batchtopk`` chooses over the whole batch and moves its threshold."""
        W_enc_DF, b_enc_F, W_dec_FD = self.folded()
        h_BF = torch.addmm(b_enc_F, x_BD - self.b_dec, W_enc_DF)
        match self.config.architecture:
            case "topk":
                return self._topk(h_BF, W_dec_FD)
            case "batchtopk":
                return self._batchtopk(h_BF, W_dec_FD)
            case "jumprelu":
                return self._jumprelu(h_BF, W_dec_FD)

    @torch.no_grad()
    def infer(self, x_BD: Tensor) -> Forward:
        """The pass that the saved autoencoder will make: each token by itself."""
        W_enc_DF, b_enc_F, W_dec_FD = self.folded()
        h_BF = torch.addmm(b_enc_F, x_BD - self.b_dec, W_enc_DF)
        if self.config.architecture == "topk":
            return self._topk(h_BF, W_dec_FD)
        f_BF = h_BF.relu() * (h_BF > self.thresholds())
        return self._dense(h_BF, f_BF, W_dec_FD)

    def dead_reconstruction(self, h_BF: Tensor, dead_F: Tensor, k: int) -> Tensor | None:
        """What the ``k`` most active dead latents of each token would reconstruct, [B, D]; None if none is dead."""
        indices = dead_F.nonzero().squeeze(1)
        if not len(indices):
            return None
        W_dec_FD = self.folded()[2]
        value_BK, place_BK = h_BF[:, indices].topk(min(k, len(indices)), dim=1, sorted=False)
        return F.embedding_bag(indices[place_BK], W_dec_FD, per_sample_weights=value_BK.relu(), mode="sum")

    @torch.no_grad()
    def start_thresholds(self, x_BD: Tensor) -> None:
        """``jumprelu``: begin with thresholds that let about 2 k latents of a token through."""
        W_enc_DF, b_enc_F, _ = self.folded()
        h_BF = torch.addmm(b_enc_F, x_BD - self.b_dec, W_enc_DF)
        share = min(1.0, 2 * self.config.k / self.config.d_sae)
        cut = h_BF.flatten().kthvalue(max(1, round((1 - share) * h_BF.numel()))).values
        self.log_threshold.fill_(float(cut.clamp_min(1e-3).log()))

    @torch.no_grad()
    def constrain_gradient(self) -> None:
        """Drop what would only change the norms of decoder rows; ``constrain`` mode, before the optimiser's step."""
        grad_FD = self.W_dec.grad
        if self.config.decoder_norm == "constrain" and grad_FD is not None:
            grad_FD.sub_((grad_FD * self.W_dec).sum(1, keepdim=True) * self.W_dec)

    @torch.no_grad()
    def constrain(self) -> None:
        """Back to norm 1; ``constrain`` mode, after the optimiser's step."""
        if self.config.decoder_norm == "constrain":
            self.W_dec.div_(torch.linalg.vector_norm(self.W_dec, dim=1, keepdim=True).clamp_min(1e-8))

    def _topk(self, h_BF: Tensor, W_dec_FD: Tensor) -> Forward:
        value_BK, index_BK = h_BF.topk(self.config.k, dim=1, sorted=False)
        value_BK = value_BK.relu()
        # Sparse on purpose: K rows of the decoder a token, instead of a product with all of it.
        x_hat_BD = F.embedding_bag(index_BK, W_dec_FD, per_sample_weights=value_BK, mode="sum") + self.b_dec
        positive_BK = value_BK > 0
        fired_F = torch.bincount(index_BK[positive_BK], minlength=self.config.d_sae)
        return Forward(h_BF, x_hat_BD, fired_F, positive_BK.sum() / len(h_BF))

    def _batchtopk(self, h_BF: Tensor, W_dec_FD: Tensor) -> Forward:
        batch, width = h_BF.shape
        value_K, flat_K = h_BF.flatten().topk(self.config.k * batch, sorted=False)
        flat_K, order_K = flat_K.sort()  # by token, as bags must be
        value_K = value_K[order_K].relu()
        token_K, index_K = flat_K // width, flat_K % width
        starts_B = torch.bincount(token_K, minlength=batch).cumsum(0)
        starts_B = F.pad(starts_B[:-1], (1, 0))
        x_hat_BD = (
            F.embedding_bag(index_K, W_dec_FD, starts_B, per_sample_weights=value_K, mode="sum") + self.b_dec
        )
        positive_K = value_K > 0
        if self.training and bool(positive_K.any()):
            smallest = value_K.detach()[positive_K].min().double()
            # A short run must not end with a threshold from its beginning.
            rate = max(self.config.threshold_rate, min(1.0, 10 / self.config.steps))
            rate = rate if float(self.threshold) >= 0 else 1.0
            self.threshold.lerp_(smallest, rate)
        fired_F = torch.bincount(index_K[positive_K], minlength=width)
        return Forward(h_BF, x_hat_BD, fired_F, positive_K.sum() / batch)

    def _jumprelu(self, h_BF: Tensor, W_dec_FD: Tensor) -> Forward:
        config, threshold_F = self.config, self.log_threshold.exp()
        f_BF = jumprelu(h_BF, threshold_F, config.bandwidth)
        result = self._dense(h_BF, f_BF, W_dec_FD)
        if config.surrogate == "step":
            active = step(h_BF, threshold_F, config.bandwidth).sum(1).mean()
        else:
            active = torch.tanh(config.tanh_scale * f_BF).sum(1).mean()
        silent = (threshold_F - h_BF).relu().sum(1).mean()
        if config.target_l0 is None:
            result.penalty = config.l0_coefficient * active / self.d_in
        else:
            result.penalty = config.l0_coefficient * (active / config.target_l0 - 1) ** 2
        result.penalty = result.penalty + config.pre_act * silent / self.d_in
        return result

    def _dense(self, h_BF: Tensor, f_BF: Tensor, W_dec_FD: Tensor) -> Forward:
        active_BF = f_BF.detach() > 0
        return Forward(h_BF, f_BF @ W_dec_FD + self.b_dec, active_BF.sum(0), active_BF.sum() / len(f_BF))
