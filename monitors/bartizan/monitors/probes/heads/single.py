"""Heads with one direction: last token, mean, EMA with maximum, and shift. K = 1; z is the token's number."""

from __future__ import annotations

import torch
from torch import Tensor

from .base import Head, compact

_BLOCK = 64


class Last(Head):
    """z of the last scored token (TaskTracker, arXiv 2406.00799, reads the last token in this way)."""

    def _start(self) -> Tensor:
        return torch.zeros(1, dtype=torch.float64)

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        return _latest(own, y_BTK, mask_BT)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        return own[:, 0]


class Mean(Head):
    """The mean of z over the scored tokens. Long harmless text dilutes it."""

    def _start(self) -> Tensor:
        return torch.zeros(1, dtype=torch.float64)

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        return own + y_BTK.sum(dim=1)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        return own[:, 0] / n_B.clamp_min(1)


class EMA(Head):
    """The maximum of the exponential moving average of z; trained as a mean.

    e_t = alpha z_t + (1 - alpha) e_{t-1} from e_0 = 0, divided by 1 - (1 - alpha)^t so that it starts unbiased. The
    maximum is taken from ``burn_in`` scored tokens on (an average of one token is no average); a shorter sequence
    has the average itself. Known from cost-effective constitutional classifiers (Anthropic, 2025).
    """

    def _start(self) -> Tensor:
        return torch.tensor([0.0, -torch.inf], dtype=torch.float64)

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        y_BTK, mask_BT = compact(y_BTK, mask_BT)
        raw_BT = self._averages(own[:, 0], y_BTK[..., 0])
        count_BT = n_B[:, None] + torch.arange(1, raw_BT.shape[1] + 1, device=raw_BT.device)
        counted_BT = mask_BT & (count_BT >= self.config.burn_in)
        peak_B = torch.where(counted_BT, raw_BT / self._correction(count_BT), -torch.inf).amax(dim=1)
        raw_B = _latest(own[:, :1], raw_BT[..., None], mask_BT)[:, 0]
        return torch.stack([raw_B, torch.maximum(own[:, 1], peak_B)], dim=1)

    def _averages(self, raw_B: Tensor, z_BT: Tensor) -> Tensor:
        """The uncorrected average after each token: a triangular product for each block of tokens."""
        keep, done = 1 - self.config.alpha, []
        for start in range(0, z_BT.shape[1], _BLOCK):
            z_Bt = z_BT[:, start : start + _BLOCK]
            t = torch.arange(z_Bt.shape[1], device=z_BT.device)
            lag_tt = (t[:, None] - t[None, :]).double()
            weight_tt = torch.where(lag_tt >= 0, self.config.alpha * keep ** lag_tt.clamp_min(0), 0.0)
            done.append(z_Bt @ weight_tt.T + raw_B[:, None] * keep ** (t + 1).double())
            raw_B = done[-1][:, -1]
        return torch.cat(done, dim=1)

    def _correction(self, count: Tensor) -> Tensor:
        return 1 - (1 - self.config.alpha) ** count.clamp_min(1)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        return torch.where(n_B >= self.config.burn_in, own[:, 1], own[:, 0] / self._correction(n_B))


class Shift(Head):
    """z of the last scored token minus z of the first: how reading what lies between moved the activations.

    The mask names the two positions (before and after the tool's output), or the caller gives just these two. As z
    is linear, w·x_after - w·x_before is w·(x_after - x_before): only numbers need to be kept, no activation.
    """

    fewest = 2

    def _start(self) -> Tensor:
        return torch.zeros(2, dtype=torch.float64)

    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        at_B = mask_BT.to(torch.uint8).argmax(dim=1)
        first_B = y_BTK[torch.arange(len(at_B), device=at_B.device), at_B, 0]
        first_B = torch.where((n_B == 0) & mask_BT.any(dim=1), first_B, own[:, 0])
        return torch.stack([first_B, _latest(own[:, 1:], y_BTK, mask_BT)[:, 0]], dim=1)

    def _read(self, own: Tensor, n_B: Tensor) -> Tensor:
        return own[:, 1] - own[:, 0]


def _latest(own_BK: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
    """The numbers of each sequence's last scored token, or what was kept where there is none."""
    t = torch.arange(mask_BT.shape[1], device=mask_BT.device)
    at_B = torch.where(mask_BT, t, -1).amax(dim=1)
    found_BK = y_BTK[torch.arange(len(at_B), device=at_B.device), at_B.clamp_min(0)]
    return torch.where(at_B[:, None] >= 0, found_BK, own_BK)
