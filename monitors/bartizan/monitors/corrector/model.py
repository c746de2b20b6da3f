"""Our corrector's network: a byte-level decoder, pre-norm, rotary positions, tied embeddings.

A byte is read together with the three before it (as by a short convolution). Copying a number means finding where the
last bytes written occur in the input: one layer of attention can do that when each byte knows its neighbours, where
otherwise two are needed, the first of which must find out how to look at neighbours.

B batch, T new tokens, S tokens so far (cache included), D d_model, H heads, K head width, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from . import vocabulary
from .errors import CorrectorFiles

BEFORE = 3
"""So many bytes before a byte are read with it."""


@dataclass(slots=True)
class Cache:
    """What was read: of each layer the keys and values [B, H, S, K], and the last tokens [B, BEFORE]."""

    layers: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    last_BN: Tensor | None = None

    def keep(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        self.layers = [(keys[rows], values[rows]) for keys, values in self.layers]
        self.last_BN = None if self.last_BN is None else self.last_BN[rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """The shape of a network. ``context`` is how many tokens it may read and write in all."""

    layers: int
    d_model: int
    heads: int
    context: int = 512
    vocabulary: int = vocabulary.SIZE

    def __post_init__(self) -> None:
        for name in ("layers", "d_model", "heads", "context", "vocabulary"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 2**16:
                raise CorrectorFiles(f"{name}: expected a whole number from 1 to 65536, found {value!r}")
        if self.d_model % (2 * self.heads):
            raise CorrectorFiles(
                f"d_model {self.d_model} does not divide into {self.heads} heads of even width"
            )
        if self.vocabulary < vocabulary.END + 1:
            raise CorrectorFiles(
                f"vocabulary: expected at least {vocabulary.END + 1}, found {self.vocabulary}"
            )


SIZES = {
    "tiny": ModelConfig(layers=2, d_model=32, heads=2, context=384),
    "1m": ModelConfig(layers=4, d_model=128, heads=4),
    "10m": ModelConfig(layers=6, d_model=384, heads=6, context=1024),
    "30m": ModelConfig(layers=8, d_model=512, heads=8, context=1024),
}
"""Networks by their rough number of parameters."""


class EditModel(nn.Module):
    """Reads tokens, gives the logits of each next one."""

    turn_SK: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.vocabulary, config.d_model, padding_idx=vocabulary.PAD)
        self.neighbours = nn.Linear(BEFORE * config.d_model, config.d_model, bias=False)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.d_model)
        self.register_buffer(
            "turn_SK", _turns(config.context, config.d_model // config.heads), persistent=False
        )
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                scale = 0.02 if name.endswith("embed.weight") else weight.shape[1] ** -0.5
                if name.endswith(("out.weight", "down.weight")):
                    scale /= (2 * config.layers) ** 0.5
                nn.init.normal_(weight, std=scale)
        with torch.no_grad():
            self.embed.weight[vocabulary.PAD] = 0.0

    def forward(
        self,
        tokens_BT: Tensor,
        *,
        cache: Cache | None = None,
        places_BT: Tensor | None = None,
        seen_BTS: Tensor | None = None,
        wanted: Tensor | None = None,
    ) -> Tensor:
        """Logits [B, T, V], or [N, V] at the ``wanted`` positions (a mask [B, T]) only.

        Without a cache, every token sees those before it: padding belongs at the end. With one, the tokens follow what
        is in it, at ``places_BT``, and see what ``seen_BTS`` says; their keys and values are added to it.
        """
        T = tokens_BT.shape[1]
        turn = self.turn_SK[:T] if places_BT is None else self.turn_SK[places_BT][:, None]
        x_BTD = self._read(tokens_BT, cache)
        for number, block in enumerate(self.blocks):
            x_BTD = block(x_BTD, turn, cache, number, seen_BTS)
        if wanted is not None:
            x_BTD = x_BTD[wanted]
        return F.linear(self.norm(x_BTD), self.embed.weight)

    def _read(self, tokens_BT: Tensor, cache: Cache | None) -> Tensor:
        """Each token with those before it; before the first there is padding, whose embedding is zero."""
        B, T = tokens_BT.shape
        last_BN = cache.last_BN if cache is not None else None
        if last_BN is None:
            last_BN = tokens_BT.new_full((B, BEFORE), vocabulary.PAD)
        whole_BS = torch.cat([last_BN, tokens_BT], 1)
        if cache is not None:
            cache.last_BN = whole_BS[:, -BEFORE:]
        x_BSD = self.embed(whole_BS)
        before = torch.cat([x_BSD[:, BEFORE - n : BEFORE - n + T] for n in range(1, BEFORE + 1)], -1)
        found: Tensor = x_BSD[:, BEFORE:] + self.neighbours(before)
        return found

    @property
    def parameters_count(self) -> int:
        return sum(weight.numel() for weight in self.parameters())


class _Block(nn.Module):
    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        D, wide = config.d_model, -(-config.d_model * 8 // 3 // 32) * 32
        self.heads = config.heads
        self.before = nn.RMSNorm(D)
        self.qkv = nn.Linear(D, 3 * D, bias=False)
        self.out = nn.Linear(D, D, bias=False)
        self.between = nn.RMSNorm(D)
        self.up = nn.Linear(D, 2 * wide, bias=False)
        self.down = nn.Linear(wide, D, bias=False)

    def forward(
        self, x_BTD: Tensor, turn: Tensor, cache: Cache | None, number: int, seen_BTS: Tensor | None
    ) -> Tensor:
        B, T, D = x_BTD.shape
        qkv = self.qkv(self.before(x_BTD)).view(B, T, 3, self.heads, D // self.heads).permute(2, 0, 3, 1, 4)
        q_BHTK, k_BHSK = _turned(qkv[:2], turn).unbind(0)
        v_BHSK = qkv[2]
        if cache is not None:
            if number < len(cache.layers):
                k_BHSK = torch.cat([cache.layers[number][0], k_BHSK], 2)
                v_BHSK = torch.cat([cache.layers[number][1], v_BHSK], 2)
                cache.layers[number] = (k_BHSK, v_BHSK)
            else:
                cache.layers.append((k_BHSK, v_BHSK))
        if seen_BTS is not None:
            z_BHTK = F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, attn_mask=seen_BTS[:, None])
        elif x_BTD.is_cuda:
            z_BHTK = F.scaled_dot_product_attention(q_BHTK, k_BHSK, v_BHSK, is_causal=True)
        else:
            z_BHTK = _causal(q_BHTK, k_BHSK, v_BHSK)
        x_BTD = x_BTD + self.out(z_BHTK.transpose(1, 2).reshape(B, T, D))
        gate, up = self.up(self.between(x_BTD)).chunk(2, -1)
        result: Tensor = x_BTD + self.down(F.silu(gate) * up)
        return result


def _causal(q_BHTK: Tensor, k_BHTK: Tensor, v_BHTK: Tensor) -> Tensor:
    """Attention written out: on a CPU its gradient takes a third of the time of the fused one's, at our lengths."""
    T, K = q_BHTK.shape[-2:]
    score_BHTT = (q_BHTK * K**-0.5) @ k_BHTK.transpose(-1, -2)
    unseen_TT = torch.full((T, T), -1e4, dtype=score_BHTT.dtype, device=score_BHTT.device).triu(1)
    return torch.softmax(score_BHTT + unseen_TT, -1, dtype=score_BHTT.dtype) @ v_BHTK


def _turns(context: int, width: int) -> Tensor:
    """Cosines and sines of the rotary positions, [context, width]: the first half cosines."""
    frequency = 10_000.0 ** (-torch.arange(0, width, 2) / width)
    angle = torch.arange(context)[:, None] * frequency
    return torch.cat([angle.cos(), angle.sin()], 1)


def _turned(x: Tensor, turn: Tensor) -> Tensor:
    cos, sin = turn.to(x.dtype).chunk(2, -1)
    left, right = x.chunk(2, -1)
    return torch.cat([left * cos - right * sin, left * sin + right * cos], -1)
