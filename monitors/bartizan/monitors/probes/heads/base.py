"""A head: K numbers a token (``project``), and one logit a sequence (``pool``, or ``start`` and ``step``).

``project`` is token-local and linear (or has one hidden layer), so it can run inside a hook, on the device, in one
product with other probes and SAE features. What crosses tokens runs on the K numbers only. There is one
implementation of that, :meth:`Head.extend`, which takes any number of tokens: ``pool`` is ``extend`` from the
start, ``step`` is ``extend`` by one token. So however a stream is cut into chunks, the logit is the same.

Shapes: B sequences, T tokens, D ``d_in``, K ``n_out``, H ``n_heads``, S width of a state.

A sequence without a scored token, or with a number that is not finite at a scored token, has the logit NaN from
then on: not scored, never "low". Numbers at tokens that the mask leaves out are not looked at.
"""

from __future__ import annotations

import hashlib
import struct
from abc import abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import BadActivations
from .config import HeadConfig

# Columns of a state: scored tokens, whether one was not finite; then the kind's own.
_N, _BAD, _COMMON = range(3)
_MAGIC = b"BZH1"


class Head(nn.Module):
    """A probe's head. Weights are float32; states and logits are float64 (sums over long sessions stay exact)."""

    fewest = 1  # scored tokens below which there is no logit

    def __init__(self, config: HeadConfig) -> None:
        super().__init__()
        self.config = config
        first = config.hidden or config.n_out
        self.weight = nn.Parameter(torch.zeros(first, config.d_in))  # [K or hidden, D]
        self.bias = nn.Parameter(torch.zeros(first))
        if config.hidden:
            self.weight_out = nn.Parameter(torch.zeros(config.n_out, config.hidden))
            self.bias_out = nn.Parameter(torch.zeros(config.n_out))
        self.offset = nn.Parameter(torch.zeros(()))  # added to the pooled number

    # -- each token by itself

    def project(self, x_BTD: Tensor) -> Tensor:
        """x[..., D] -> y[..., K] in float32. Raises :class:`BadActivations` for another width or an integer type."""
        if x_BTD.ndim < 1 or x_BTD.shape[-1] != self.config.d_in or not x_BTD.is_floating_point():
            raise BadActivations(
                f"this head reads floating-point activations of width {self.config.d_in}, found "
                f"{_shape(x_BTD)}: check the hook point against the card"
            )
        y = functional.linear(x_BTD.float(), self.weight, self.bias)
        if self.config.hidden:
            y = functional.linear(functional.relu(y), self.weight_out, self.bias_out)
        return y

    def linear(self) -> tuple[Tensor, Tensor] | None:
        """(weight [K, D], bias [K]) where ``project`` is one affine map, for a union with others; else None."""
        return None if self.config.hidden else (self.weight.detach(), self.bias.detach())

    @torch.no_grad()
    def fold(self, mean_D: Tensor, std_D: Tensor) -> None:
        """Make a head trained on (x - mean) / std read x itself. Once: the numbers are then in the weights."""
        weight = self.weight.double() / std_D.double()
        self.bias.copy_((self.bias.double() - weight @ mean_D.double()).float())
        self.weight.copy_(weight.float())

    # -- across tokens

    def pool(self, y_BTK: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """y[B, T, K] and the scored positions (default: all) -> logit[B] in float64; NaN where there is none."""
        self._check(y_BTK, 3)
        return self.read(self.extend(self.start(y_BTK.shape[0], y_BTK.device), y_BTK, mask_BT))

    def forward(self, x_BTD: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """x[B, T, D] -> logit[B]."""
        return self.pool(self.project(x_BTD), mask_BT)

    def start(self, batch: int, device: torch.device | str | None = None) -> Tensor:
        """The states of ``batch`` sequences of which nothing was read: [B, S] in float64. A row is a sequence's."""
        own = self._start().to(device).expand(batch, -1)
        return torch.cat([own.new_zeros(batch, _COMMON), own], dim=1)

    def extend(self, state_BS: Tensor, y_BTK: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """The states after further tokens of each sequence. The states given are left as they are."""
        self._check(y_BTK, 3)
        self._check_state(state_BS, y_BTK.shape[0])
        mask_BT = self._mask(y_BTK, mask_BT)
        if y_BTK.shape[1] == 0:
            return state_BS
        finite_BT = y_BTK.isfinite().all(dim=2)
        y_BTK = torch.where((mask_BT & finite_BT)[..., None], y_BTK.double(), 0.0)
        n_B, bad_B = state_BS[:, _N], state_BS[:, _BAD]
        own = self._extend(state_BS[:, _COMMON:], n_B, y_BTK, mask_BT)
        bad_B = torch.maximum(bad_B, (mask_BT & ~finite_BT).any(dim=1).double())
        return torch.cat([torch.stack([n_B + mask_BT.sum(dim=1), bad_B], dim=1), own], dim=1)

    def step(self, state_BS: Tensor, y_BK: Tensor, active_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One more token of each active sequence: the states after it, and the logits of what was read so far."""
        self._check(y_BK, 2)
        state_BS = self.extend(state_BS, y_BK[:, None], None if active_B is None else active_B[:, None])
        return state_BS, self.read(state_BS)

    def read(self, state_BS: Tensor) -> Tensor:
        """The logit[B] of what was read so far; NaN where there is none."""
        n_B = state_BS[:, _N]
        logit_B = self._read(state_BS[:, _COMMON:], n_B) + self.offset.double()
        scored_B = (n_B >= self.fewest) & (state_BS[:, _BAD] == 0) & logit_B.isfinite()
        return torch.where(scored_B, logit_B, torch.nan)

    def scored(self, state_BS: Tensor) -> Tensor:
        """How many tokens of each sequence were scored: int64 [B]. Compare it with what was to be scored."""
        return state_BS[:, _N].long()

    def weigh(self, y_BTK: Tensor, mask_BT: Tensor | None = None) -> Tensor:
        """How much each token speaks for the positive class, [B, T] in float64; -inf outside the mask. To explain."""
        self._check(y_BTK, 3)
        mask_BT = self._mask(y_BTK, mask_BT)
        finite_BT = y_BTK.isfinite().all(dim=2)
        return torch.where(mask_BT & finite_BT, self._weigh(y_BTK.double(), mask_BT), -torch.inf)

    # -- a sequence's state beside its prefix cache

    def dump(self, state_S: Tensor) -> bytes:
        """One sequence's state as bytes, to be kept with the prefix that it belongs to."""
        self._check_state(state_S[None], 1)
        return _MAGIC + self.digest() + struct.pack(f"<{len(state_S)}d", *state_S.tolist())

    def restore(self, data: bytes, device: torch.device | str | None = None) -> Tensor:
        """The state [S] from :meth:`dump`. Raises :class:`BadActivations` if it is not one of this very head."""
        width = _COMMON + self._start().shape[0]
        digest = self.digest()
        if data[:4] != _MAGIC or data[4:20] != digest or len(data) != 20 + 8 * width:
            raise BadActivations(
                f"these {len(data)} bytes are no state of this {self.config.kind} head (or of one with other "
                "weights): read the sequence from its beginning"
            )
        return torch.tensor(struct.unpack(f"<{width}d", data[20:]), dtype=torch.float64, device=device)

    def digest(self) -> bytes:
        """16 bytes that stand for the configuration and the weights."""
        found = hashlib.sha256(self.config.model_dump_json().encode())
        for name, value in sorted(self.state_dict().items()):
            found.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
        return found.digest()[:16]

    # -- what a kind defines; y is finite here, and 0 outside the mask

    @abstractmethod
    def _start(self) -> Tensor:
        """The kind's own part of a fresh state."""

    @abstractmethod
    def _extend(self, own: Tensor, n_B: Tensor, y_BTK: Tensor, mask_BT: Tensor) -> Tensor: ...

    @abstractmethod
    def _read(self, own: Tensor, n_B: Tensor) -> Tensor: ...

    def _weigh(self, y_BTK: Tensor, mask_BT: Tensor) -> Tensor:
        return y_BTK[..., -self.config.n_heads :].sum(dim=2)  # the values stand last

    # -- checks

    def _check(self, y: Tensor, dimensions: int) -> None:
        if y.ndim != dimensions or y.shape[-1] != self.config.n_out or not y.is_floating_point():
            expected = {2: "[B, K]", 3: "[B, T, K]"}[dimensions]
            raise BadActivations(
                f"expected floating-point numbers {expected} with K = {self.config.n_out}, found {_shape(y)}"
            )

    def _check_state(self, state_BS: Tensor, batch: int) -> None:
        width = _COMMON + self._start().shape[0]
        if state_BS.shape != (batch, width) or state_BS.dtype != torch.float64:
            raise BadActivations(
                f"expected states [{batch}, {width}] in float64, found {_shape(state_BS)}: states belong to one head"
            )

    def _mask(self, y_BTK: Tensor, mask_BT: Tensor | None) -> Tensor:
        if mask_BT is None:
            return torch.ones(y_BTK.shape[:2], dtype=torch.bool, device=y_BTK.device)
        if mask_BT.shape != y_BTK.shape[:2] or mask_BT.dtype != torch.bool:
            raise BadActivations(
                f"expected a boolean mask {list(y_BTK.shape[:2])} of the tokens to score, found {_shape(mask_BT)}"
            )
        return mask_BT


def compact(y_BTK: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
    """Scored tokens moved to the left, in order: what is left out does not separate its neighbours."""
    order_BT = torch.argsort((~mask_BT).to(torch.uint8), dim=1, stable=True)
    return y_BTK.gather(1, order_BT[..., None].expand_as(y_BTK)), mask_BT.gather(1, order_BT)


def _shape(found: Tensor) -> str:
    return f"{list(found.shape)} in {str(found.dtype).removeprefix('torch.')}"
