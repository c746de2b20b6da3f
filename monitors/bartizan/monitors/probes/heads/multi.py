"""Heads with H directions: MultiMax, the maximum of rolling means, and attention. Hard maxima, as in inference.

MultiMax and the maximum of rolling means are those of the Gemini probes (arXiv 2601.11516): they hold up where
texts are longer than those trained on, which means and single attention heads do not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Head, compact


class MultiMax(Head):
    """The sum over h of the maximum of v_h over the scored tokens. K = H."""

    def _start(self) -> Tensor:
        return torch.full((self.config.n_heads,), -torch.inf, dtype=torch.float64)

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        return torch.maximum(own, torch.where(mask_BT[..., None], y_BTK, -torch.inf).amax(dim=1))

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        return own.sum(dim=1)


class Attention(Head):
    """The sum over h of v_h averaged with weights softmax(q_h) over the scored tokens. K = 2H: first q, then v.

    The state is that of an online softmax: the largest q, the sum of the weights, the weighted sum.
    """

    def _start(self) -> Tensor:
        zeros = torch.zeros(self.config.n_heads, dtype=torch.float64)
        return torch.cat([zeros - torch.inf, zeros, zeros])

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        most_BH, sum_BH, acc_BH = own.chunk(3, dim=1)
        q_BTH, v_BTH = y_BTK.chunk(2, dim=2)
        q_BTH = torch.where(mask_BT[..., None], q_BTH, -torch.inf)
        now_BH = torch.maximum(most_BH, q_BTH.detach().amax(dim=1))
        base_BH = torch.where(now_BH.isfinite(), now_BH, 0.0)  # nothing read yet: weights of exp(-inf) = 0
        w_BTH = (q_BTH - base_BH[:, None]).exp()
        scale_BH = (most_BH - base_BH).exp()
        sums = (sum_BH * scale_BH + w_BTH.sum(dim=1), acc_BH * scale_BH + (w_BTH * v_BTH).sum(dim=1))
        return torch.cat([now_BH, *sums], dim=1)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        _, sum_BH, acc_BH = own.chunk(3, dim=1)
        return (acc_BH / torch.where(sum_BH > 0, sum_BH, 1.0)).sum(dim=1)

    def _weigh(self, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        q_BTH, v_BTH = y_BTK.chunk(2, dim=2)
        q_BTH = torch.where(mask_BT[..., None], q_BTH, -torch.inf)
        return (q_BTH.softmax(dim=1) * v_BTH).sum(dim=2)


class Rolling(Head):
    """The sum over h of the largest attention-weighted mean of v_h over ``window`` consecutive scored tokens. K = 2H.

    Only full windows count; a sequence shorter than one has the mean over the whole of it. The state holds the
    last window - 1 tokens (q is -inf where there are none yet) and the maxima.
    """

    def _start(self) -> Tensor:
        H, w = self.config.n_heads, self.config.window
        none = torch.cat([torch.full((H,), -torch.inf), torch.zeros(H)]).double()
        return torch.cat([none.repeat(w - 1), torch.full((H,), -torch.inf, dtype=torch.float64)])

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        H, w = self.config.n_heads, self.config.window
        y_BTK, mask_BT = compact(y_BTK, mask_BT)
        all_BTK = torch.cat([own[:, :-H].reshape(len(own), w - 1, 2 * H), y_BTK], dim=1)
        mean_BTH = _weighted(all_BTK.unfold(1, w, 1), mask_BT)
        t = torch.arange(1, mask_BT.shape[1] + 1, device=mask_BT.device)
        full_BT = mask_BT & (n_B[:, None] + t >= w)
        most_BH = torch.where(full_BT[..., None], mean_BTH, -torch.inf).amax(dim=1)
        # The last w - 1 tokens of each sequence begin as many places to the right as it has new tokens.
        at_Bw = mask_BT.sum(dim=1)[:, None] + torch.arange(w - 1, device=mask_BT.device)
        kept_BwK = all_BTK.gather(1, at_Bw[..., None].expand(-1, -1, 2 * H))
        return torch.cat([kept_BwK.flatten(1), torch.maximum(own[:, -H:], most_BH)], dim=1)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        H, w = self.config.n_heads, self.config.window
        if w == 1:
            return own.sum(dim=1)
        short_BwK = own[:, :-H].reshape(len(own), w - 1, 2 * H)
        short_BH = _weighted(short_BwK.mT[:, None], (n_B > 0)[:, None])[:, 0]
        return torch.where(n_B >= w, own[:, -H:].sum(dim=1), short_BH.sum(dim=1))


def _weighted(y_BTKw: Tensor, valid_BT: Tensor) -> Tensor:
    """Means over each window, [B, T, H]. Where it is not valid there may be no token in it at all."""
    q_BTHw, v_BTHw = y_BTKw.chunk(2, dim=2)
    q_BTHw = torch.where(valid_BT[..., None, None], q_BTHw, 0.0)
    return (q_BTHw.softmax(dim=3) * v_BTHw).sum(dim=3)
