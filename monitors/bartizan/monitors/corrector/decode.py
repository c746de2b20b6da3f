"""Writing scripts: many inputs at once, greedily or by sampling, with a cache of keys and values.

Inputs are padded in front, so that all write at the same step; what is padding is not seen, and positions count from
each input's own start. So a script does not depend on what else is in its batch.

B batch, T tokens of the longest input, S tokens so far, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from . import vocabulary
from .model import Cache, EditModel

Stopped = Callable[[int], bool]
"""Whether the answer to the input of this number is no longer wanted."""


@dataclass(frozen=True, slots=True)
class Written:
    """What the model wrote. ``log_p`` is the sum over the bytes and the end; ``ended`` is False if it was cut off."""

    text: bytes
    log_p: float
    ended: bool


@torch.inference_mode()
def write(
    model: EditModel,
    inputs: Sequence[Sequence[int]],
    *,
    most: int = 96,
    temperature: float = 0.0,
    generator: torch.Generator | None = None,
    allowed: Callable[[int, bytes], Sequence[int] | None] | None = None,
    stopped: Stopped | None = None,
) -> list[Written]:
    """What the model writes after each input, at most ``most`` bytes.

    ``allowed`` says which tokens may follow what was written so far of an input (None: all). Raises ValueError for an
    input that leaves no room in the model's context.
    """
    if not inputs:
        return []
    longest = max(map(len, inputs))
    if not all(inputs) or longest + 1 > model.config.context:
        raise ValueError(f"expected inputs of 1 to {model.config.context - 1} tokens, found {longest}")
    rows = _Rows(model, inputs, allowed, stopped)
    tokens_BT, places_BT, seen_BTS = rows.padded()
    for _ in range(min(most, model.config.context - longest) + 1):
        logits_BV = model(tokens_BT, cache=rows.cache, places_BT=places_BT, seen_BTS=seen_BTS)[:, -1].float()
        chosen_B = rows.choose(logits_BV, temperature, generator)
        if not rows.push(chosen_B):
            break
        tokens_BT, places_BT, seen_BTS = rows.next()
    return rows.finished()


class _Rows:
    """The inputs that are still written, and what is finished."""

    def __init__(
        self,
        model: EditModel,
        inputs: Sequence[Sequence[int]],
        allowed: Callable[[int, bytes], Sequence[int] | None] | None,
        stopped: Stopped | None,
    ) -> None:
        self._device = model.embed.weight.device
        self._inputs, self._allowed, self._stopped = inputs, allowed, stopped
        self.cache = Cache()
        self._live = list(range(len(inputs)))
        self._texts = [bytearray() for _ in inputs]
        self._log_p = [0.0] * len(inputs)
        self._ended = [False] * len(inputs)
        self._newest: list[int] = []
        longest = max(map(len, inputs))
        self._real_BS = torch.zeros(len(inputs), longest, dtype=torch.bool)
        for row, given in enumerate(inputs):
            self._real_BS[row, longest - len(given) :] = True
        self._real_BS = self._real_BS.to(self._device)

    def padded(self) -> tuple[Tensor, Tensor, Tensor]:
        B, T = self._real_BS.shape
        tokens_BT = torch.full((B, T), vocabulary.PAD)
        for row, given in enumerate(self._inputs):
            tokens_BT[row, T - len(given) :] = torch.tensor(list(given))
        places_BT = (self._real_BS.cumsum(1) - 1).clamp_min(0)
        before_TT = torch.ones(T, T, dtype=torch.bool, device=self._device).tril()
        seen_BTT = before_TT & self._real_BS[:, None]
        # a padded token sees itself: a row without anything to see would be NaN
        seen_BTT = seen_BTT | torch.eye(T, dtype=torch.bool, device=self._device)
        return tokens_BT.to(self._device), places_BT, seen_BTT

    def choose(self, logits_BV: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        log_p_BV = logits_BV.log_softmax(-1)
        offered_BV = self._masked(logits_BV)
        if temperature > 0:
            p_BV = (offered_BV / temperature).softmax(-1)
            chosen_B = torch.multinomial(p_BV.cpu(), 1, generator=generator)[:, 0].to(self._device)
        else:
            chosen_B = offered_BV.argmax(-1)
        gained = log_p_BV.gather(1, chosen_B[:, None])[:, 0].tolist()
        for row, gain in zip(self._live, gained, strict=True):
            self._log_p[row] += gain
        return chosen_B

    def _masked(self, logits_BV: Tensor) -> Tensor:
        offered_BV = logits_BV.clone()
        offered_BV[:, 256 : vocabulary.END] = -torch.inf
        offered_BV[:, vocabulary.END + 1 :] = -torch.inf
        if self._allowed is not None:
            for place, row in enumerate(self._live):
                tokens = self._allowed(row, bytes(self._texts[row]))
                if tokens is not None:
                    kept = offered_BV[place, list(tokens)].clone()
                    offered_BV[place] = -torch.inf
                    offered_BV[place, list(tokens)] = kept
        return offered_BV

    def push(self, chosen_B: Tensor) -> bool:
        """Takes the chosen tokens; drops rows that ended or are no longer wanted. Whether any is left."""
        kept = []
        for place, (row, token) in enumerate(zip(list(self._live), chosen_B.tolist(), strict=True)):
            if token == vocabulary.END:
                self._ended[row] = True
            elif self._stopped is None or not self._stopped(row):
                self._texts[row].append(token)
                kept.append(place)
        self._newest = [int(chosen_B[place]) for place in kept]
        if len(kept) < len(self._live):
            self._live = [self._live[place] for place in kept]
            at = torch.tensor(kept, dtype=torch.long, device=self._device)
            self._real_BS = self._real_BS[at]
            self.cache.keep(at)
        return bool(kept)

    def next(self) -> tuple[Tensor, Tensor, Tensor]:
        new_B1 = torch.ones(len(self._live), 1, dtype=torch.bool, device=self._device)
        self._real_BS = torch.cat([self._real_BS, new_B1], 1)
        places_B1 = self._real_BS.sum(1, keepdim=True) - 1
        tokens_B1 = torch.tensor(self._newest, device=self._device)[:, None]
        return tokens_B1, places_B1, self._real_BS[:, None]

    def finished(self) -> list[Written]:
        return [
            Written(bytes(text), log_p, ended)
            for text, log_p, ended in zip(self._texts, self._log_p, self._ended, strict=True)
        ]
