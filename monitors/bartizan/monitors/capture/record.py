"""What a tap has seen: passes, put end to end by the positions that they say they start at.

A pass of T tokens that starts at position p holds the values of positions p to p + T - 1. It may start where the
last one ended (prefill, then a token at a time), or earlier: then what was held from p on is replaced, which is what
a rolled back cache (speculative decoding) and generation without a cache mean. It may not start later: the positions
between came out of a cache, and nobody looked at them.

Legend: B batch, T tokens of a pass, S positions so far, K numbers read, D the model's width.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from .errors import Incomplete
from .hook_point import HookPoint
from .inputs import Inputs, cache_of

MAX_PROBLEMS = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One forward pass: ``values[point]`` is y_BTK for positions ``start`` to ``start + T - 1``.

    The values are on the model's device and unchecked: ask for finite ones before trusting them. A step that starts
    before the end of the one before replaces what came from there on. ``ids_BT`` is None if embeddings were given.
    """

    number: int
    start: int
    values: Mapping[HookPoint, Tensor]
    ids_BT: Tensor | None


@dataclass(slots=True)
class _Pass:
    number: int
    start: int
    inputs: Inputs
    values: dict[HookPoint, Tensor] = field(default_factory=dict)
    shape: tuple[int, int] | None = None


class Record:
    """The passes since the last :meth:`clear`. Cheap per pass: nothing here waits for the device before ``taken``."""

    def __init__(self, points: Iterable[HookPoint]) -> None:
        self._points = tuple(points)
        self._carried: Step | None = None
        self.clear()

    def clear(self) -> None:
        """Forget all passes and problems, and what was carried over."""
        self._steps: list[Step] = [] if self._carried is None else [self._carried]
        self._carried = None
        self._open: _Pass | None = None
        self._problems: list[str] = []
        self._flags: list[tuple[Tensor, str]] = []
        self._cache: weakref.ref[Any] | None = None
        self._mask_BS: Tensor | None = None
        self._passes = 0

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(self._problems)

    @property
    def passes(self) -> int:
        return self._passes

    @property
    def seen(self) -> int:
        """S: how many positions there are, without gaps, from 0."""
        return 0 if not self._steps else self._steps[-1].start + _length(self._steps[-1])

    def carry(self, values: Mapping[HookPoint, Tensor], ids_BT: Tensor | None) -> None:
        """Start with values that an earlier tap took for the positions that are in the cache."""
        self._carried = Step(0, 0, {point: values[point] for point in self._points}, ids_BT)
        self.clear()

    def problem(self, text: str) -> None:
        if len(self._problems) < MAX_PROBLEMS and text not in self._problems:
            self._problems.append(text)

    # --- while the model runs

    def begin(self, inputs: Inputs) -> None:
        if self._open is not None:
            self.problem(f"pass {self._open.number} did not end: the model raised, or called itself")
        self._passes += 1
        start = self.seen if self._problems else self._start(inputs)  # one thing that went wrong is enough
        self._open = _Pass(self._passes, start, inputs, shape=inputs.shape)

    def shape(self, x: Tensor, point: HookPoint) -> Tensor | None:
        """``x`` as [B, T, D], or None, with the problem noted, if it does not fit the pass that is running."""
        if self._open is None:
            self.problem(f"{point} ran outside of a pass of the tapped model: tap the module that you call")
            return None
        if self._open.shape is None and x.dim() == 3:
            self._open.shape = (x.shape[0], x.shape[1])
        B, T = self._open.shape or (-1, -1)
        if x.dim() == 2 and x.shape[0] == B * T:  # OPT flattens for its MLP
            x = x.reshape(B, T, -1)
        if x.dim() != 3 or x.shape[:2] != (B, T):
            self.problem(
                f"{point} gave {list(x.shape)} where [{B}, {T}, D] was expected: the model packs or drops tokens"
            )
            return None
        return x

    def add(self, point: HookPoint, y_BTK: Tensor) -> None:
        if self._open is None:
            return
        if point in self._open.values:
            self.problem(f"{point} ran twice in pass {self._open.number}: its layer is shared or recomputed")
        self._open.values[point] = y_BTK

    def end(self, output: Any) -> Step | None:
        """The step that just ended, if nothing has gone wrong so far."""
        done, self._open = self._open, None
        if done is None:
            return None
        silent = [str(point) for point in self._points if point not in done.values]
        if silent and not self._problems:  # if something was noted, that is why
            self.problem(f"{', '.join(silent)} did not run in pass {done.number}")
        if silent or self._problems:
            return None
        cache = done.inputs.cache if done.inputs.cache is not None else cache_of(output)
        if cache is not None:
            try:
                self._cache = weakref.ref(cache)
            except TypeError:  # tuples of tensors: their identity says nothing anyway
                self._cache = None
        step = Step(done.number, done.start, done.values, done.inputs.ids_BT)
        self._cut(done.start)
        if self._steps and _rows(self._steps[-1]) != _rows(step):
            self.problem(
                f"pass {done.number} has {_rows(step)} rows, the one before had {_rows(self._steps[-1])}"
            )
            return None
        self._steps.append(step)
        if done.inputs.mask_BS is not None:
            self._mask_BS = done.inputs.mask_BS
        return step

    def _start(self, inputs: Inputs) -> int:
        number, seen, cached = self._passes, self.seen, inputs.cached
        known = self._cache() if self._cache is not None else None
        same = known is not None and known is inputs.cache
        if isinstance(cached, Tensor):  # a static cache on a GPU: compared when the device is asked anyway
            reason = f"pass {number} starts at another position than {seen}, where the one before ended"
            self._flags.append(((cached == seen).all(), reason))
            return seen
        if cached is None:
            if not same:
                self.problem(f"pass {number} reads a cache whose length cannot be told")
            return seen
        if cached > seen:
            self.problem(
                f"positions {seen} to {cached - 1} came from a prefix cache and were not seen: "
                "carry over what was taken for them, or run without that cache"
            )
        elif cached and self._cache is not None and not same:
            self.problem(f"pass {number} reads another cache than the one that the pass before wrote")
        elif cached < seen and not (cached and same):
            self._again(inputs, seen)
        return cached

    def _again(self, inputs: Inputs, seen: int) -> None:
        """A pass from the start, where there were others: the same text again and more (no cache), or a mistake."""
        held_BS, ids_BT = self._ids(), inputs.ids_BT
        if held_BS is None or ids_BT is None or ids_BT.shape[0] != held_BS.shape[0] or ids_BT.shape[1] < seen:
            self.problem(f"pass {self._passes} starts again at position 0: take() what was seen before it")
            return
        reason = f"pass {self._passes} starts again with other tokens: take() what was seen before it"
        self._flags.append(((ids_BT[:, :seen] == held_BS).all(), reason))

    def _cut(self, position: int) -> None:
        """Forget what is held from ``position`` on."""
        while self._steps and self._steps[-1].start >= position:
            self._steps.pop()
        if self._steps and self.seen > position:
            last = self._steps.pop()
            keep = position - last.start
            values = {point: y_BTK[:, :keep] for point, y_BTK in last.values.items()}
            ids_BT = None if last.ids_BT is None else last.ids_BT[:, :keep]
            self._steps.append(Step(last.number, last.start, values, ids_BT))

    # --- afterwards

    def taken(
        self, tokens: int | Tensor, ids_BS: Tensor | None, beam_indices_BN: Tensor | None
    ) -> dict[HookPoint, Tensor]:
        """All values, end to end, or :class:`Incomplete`. Waits for the device once per check."""
        if self._open is not None:
            self.problem(f"pass {self._open.number} did not end: the model raised, or is still running")
        if self._problems:
            raise Incomplete("; ".join(self._problems))
        for flag, reason in self._flags:
            if not bool(flag):
                raise Incomplete(reason)
        if not self._steps:
            raise Incomplete("no pass of the model was seen")
        if ids_BS is not None and beam_indices_BN is None:
            self._drop_rejected(ids_BS)
        values, seen_BS = self._joined(beam_indices_BN)
        B, S = next(iter(values.values())).shape[:2]
        mask_BS = self._expected(tokens, B, S, device=next(iter(values.values())).device)
        self._compare(ids_BS, seen_BS, mask_BS, several=beam_indices_BN is None)
        for point, y_BSK in values.items():
            hidden_BS1 = ~mask_BS.to(y_BSK.device)[:, :, None]
            y_BSK = y_BSK.masked_fill(hidden_BS1, 0)
            if not bool(torch.isfinite(y_BSK).all()):
                raise Incomplete(f"{point} holds values that are not finite")
            values[point] = y_BSK
        return values

    def _drop_rejected(self, ids_BS: Tensor) -> None:
        """Forget drafted tokens at the end that were rejected, or came too late. Only behind a cache: no earlier
        position has read them there. The ids that are left are compared as ever."""
        if (
            self._steps[-1].start
            and ids_BS.dim() == 2
            and self._steps[-1].start <= ids_BS.shape[1] < self.seen
        ):
            self._cut(ids_BS.shape[1])

    def _joined(self, beam_indices_BN: Tensor | None) -> tuple[dict[HookPoint, Tensor], Tensor | None]:
        if beam_indices_BN is not None:
            return self._of_beams(beam_indices_BN)
        values = {}
        for point in self._points:
            parts = [step.values[point] for step in self._steps]
            if len({part.shape[2] for part in parts}) != 1:
                raise Incomplete(f"{point} gave another number of values a token from one pass to the next")
            values[point] = torch.cat(parts, dim=1)
        return values, self._ids()

    def _of_beams(self, beam_indices_BN: Tensor) -> tuple[dict[HookPoint, Tensor], Tensor | None]:
        """The rows that became the final sequences: generated token n came out of row ``beam_indices[:, n]`` of
        pass n (as ``generate(return_dict_in_generate=True).beam_indices`` counts), -1 after a sequence's end."""
        steps, N = self._steps, beam_indices_BN.shape[-1]
        if beam_indices_BN.dim() != 2 or not 1 <= N <= len(steps) or any(_length(s) != 1 for s in steps[1:N]):
            raise Incomplete(
                f"expected beam indices [rows, generated tokens] for {len(steps)} passes, the first of the prompt and "
                f"each other of one token; found {list(beam_indices_BN.shape)}"
            )
        rows_BN = beam_indices_BN.clamp(min=0)
        if int(rows_BN.max()) >= _rows(steps[0]):
            raise Incomplete(f"the beam indices name row {int(rows_BN.max())} of {_rows(steps[0])}")
        chosen = [(step, rows_BN[:, n]) for n, step in enumerate(steps[:N])]
        values = {
            point: torch.cat([s.values[point][rows.to(s.values[point].device)] for s, rows in chosen], dim=1)
            for point in self._points
        }
        ids = [None if s.ids_BT is None else s.ids_BT[rows.to(s.ids_BT.device)] for s, rows in chosen]
        known = [part for part in ids if part is not None]
        self._mask_BS = (
            None if self._mask_BS is None else self._mask_BS[rows_BN[:, 0].to(self._mask_BS.device)]
        )
        return values, torch.cat(known, dim=1) if len(known) == len(ids) else None

    def _expected(self, tokens: int | Tensor, B: int, S: int, device: torch.device) -> Tensor:
        """Which positions count. Raises :class:`Incomplete` if they are not those that were seen."""
        if isinstance(tokens, Tensor):
            if tokens.dim() != 2 or tuple(tokens.shape) != (B, S):
                raise Incomplete(f"expected the tokens of a mask {list(tokens.shape)}, saw [{B}, {S}]")
            mask_BS = tokens.to(device) != 0
        else:
            if B != 1:
                raise Incomplete(
                    f"expected one row of {tokens} tokens, saw {B} rows: give a mask for a batch"
                )
            if tokens != S:
                raise Incomplete(f"expected {tokens} tokens, saw {S}")
            mask_BS = torch.ones(B, S, dtype=torch.bool, device=device)
        if self._mask_BS is not None:
            hidden_BS = self._mask_BS.to(device)[:, :S] == 0
            if hidden_BS.shape[0] != B:
                raise Incomplete(
                    f"the model was given a mask {list(self._mask_BS.shape)} for [{B}, {S}] tokens"
                )
            if bool((mask_BS[:, : hidden_BS.shape[1]] & hidden_BS).any()):
                raise Incomplete("tokens that are expected were masked out for the model")
        return mask_BS

    def _compare(
        self, ids_BS: Tensor | None, seen_BS: Tensor | None, mask_BS: Tensor, *, several: bool
    ) -> None:
        if ids_BS is None:
            if several and mask_BS.shape[0] > 1 and len(self._steps) > 1:
                raise Incomplete(
                    "several rows over several passes: give the ids, to show that no row was reordered"
                )
            return
        if seen_BS is None:
            raise Incomplete("ids are expected, but the model was given embeddings in some pass")
        if ids_BS.shape != seen_BS.shape:
            raise Incomplete(f"expected ids {list(ids_BS.shape)}, saw {list(seen_BS.shape)}")
        same_BS = ids_BS.to(seen_BS.device) == seen_BS
        if not bool((same_BS | ~mask_BS.to(seen_BS.device)).all()):
            raise Incomplete("the tokens that the model read are not the ones that are expected")

    def _ids(self) -> Tensor | None:
        parts = [step.ids_BT for step in self._steps if step.ids_BT is not None]
        return torch.cat(parts, dim=1) if parts and len(parts) == len(self._steps) else None


def _length(step: Step) -> int:
    return next(iter(step.values.values())).shape[1]


def _rows(step: Step) -> int:
    return next(iter(step.values.values())).shape[0]
