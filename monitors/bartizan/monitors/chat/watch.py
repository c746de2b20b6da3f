"""What probes read off one generation, token by token while it runs, and over its spans when it is done.

Legend: T tokens of a pass, S tokens of prompt and reply, K a probe's numbers a token.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bartizan.guard.types import Missing

from ..capture import CaptureError, HookPoint, Incomplete, Reduction, Step, Tap
from ..probes.heads import Head
from ..types import Measurement

TOP = 5
"""How many of a span's tokens are named in the evidence: those that speak loudest."""

DETECTED = 0.5
"""From which running value on the evidence counts a span as detected. It decides nothing: policies have thresholds."""


class ChatProbe(Protocol):
    """What is needed of a probe; :class:`bartizan.monitors.probes.probe.Probe` is one."""

    @property
    def name(self) -> str: ...
    @property
    def hook_point(self) -> HookPoint: ...
    @property
    def head(self) -> Head: ...
    def measure(
        self, logit: float, tool: str = "", length: int = 0, evidence: Mapping[str, Any] = ...
    ) -> Measurement: ...


class Meter:
    """A probe's logit over the tokens that it was given so far, after each of them."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._state = head.start(1)
        self.logits: list[float] = []

    def extend(self, y_TK: Tensor) -> None:
        for y_K in y_TK:
            self._state, logit_B = self._head.step(self._state, y_K[None])
            self.logits.append(float(logit_B))


class Watch:
    """Taps one generation. Enter it in the thread that generates; call :meth:`readings` when that is done.

    ``prompt`` is how many tokens of the sequence are the prompt's; what comes after them is the reply.
    """

    def __init__(self, model: nn.Module, probes: Sequence[ChatProbe], prompt: int) -> None:
        self._probes, self._prompt = tuple(probes), prompt
        self._slices, points = _points(self._probes, next(model.parameters()).device)
        self._live = {probe.name: Meter(probe.head) for probe in self._probes}
        self._next = 0
        self.seconds = 0.0
        """What reading the signals took, besides the reductions in the hooks."""
        self._tap = Tap(model, points, on_step=self._step) if points else None

    def __enter__(self) -> Watch:
        if self._tap is not None:
            self._tap.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tap is not None:
            self._tap.__exit__(kind, error, trace)

    def running(self) -> Mapping[str, float]:
        """Each probe's logit over the reply so far; NaN before there is one."""
        return {name: meter.logits[-1] if meter.logits else math.nan for name, meter in self._live.items()}

    def _step(self, step: Step) -> None:
        started = time.perf_counter()
        if step.start == self._next:
            T = next(iter(step.values.values())).shape[1]
            new = max(0, self._prompt - step.start)  # the first row of the reply in this step
            if new < T:
                for probe in self._probes:
                    y_TK = step.values[probe.hook_point][0, new:, self._slices[probe.name]].cpu()
                    self._live[probe.name].extend(y_TK)
            self._next += T
        self.seconds += time.perf_counter() - started

    def readings(self, ids: Sequence[int], spans: Sequence[Span]) -> list[dict[str, Measurement]]:
        """Each span's measurements, by probe. ``ids`` are all tokens that the model must have read.

        Whatever the tap cannot vouch for makes every measurement ``Missing``.
        """
        started = time.perf_counter()
        if self._tap is None:
            return [{} for _ in spans]
        try:
            values = self._tap.take(len(ids), ids=torch.tensor([list(ids)]))
        except Incomplete as error:
            return self._missing(spans, f"incomplete capture: {error}")
        except CaptureError as error:
            return self._missing(spans, f"capture failed: {type(error).__name__}")
        found: list[dict[str, Measurement]] = []
        y_SKs = {
            probe.name: values[probe.hook_point][0, :, self._slices[probe.name]].cpu()
            for probe in self._probes
        }
        for span in spans:
            found.append({probe.name: self._read(probe, y_SKs[probe.name], span) for probe in self._probes})
        self.seconds += time.perf_counter() - started
        return found

    def _missing(self, spans: Sequence[Span], reason: str) -> list[dict[str, Measurement]]:
        return [{probe.name: Measurement.missing(reason) for probe in self._probes} for _ in spans]

    def _read(self, probe: ChatProbe, y_SK: Tensor, span: Span) -> Measurement:
        y_TK = y_SK[span.start : span.end]
        if not len(y_TK) or span.end > len(y_SK):
            return Measurement.missing("the span has no tokens")
        try:
            logits = self._logits(probe, y_SK, span)
            weights_T = probe.head.weigh(y_TK[None])[0]
            return self._measured(probe, y_TK, logits, weights_T, span)
        except Exception as error:  # noqa: BLE001 (a probe that cannot read has no number; the reply is not at fault)
            return Measurement.missing(f"the probe failed: {type(error).__name__}")

    @staticmethod
    def _measured(
        probe: ChatProbe, y_TK: Tensor, logits: Sequence[float], weights_T: Tensor, span: Span
    ) -> Measurement:
        if not math.isfinite(logits[-1]):
            return probe.measure(math.nan)
        evidence: dict[str, Any] = {
            "hook_point": str(probe.hook_point),
            "tokens": len(y_TK),
            "logit": logits[-1],
            "top": _top(weights_T, offset := span.start - span.base),
        }
        if len(logits) == len(y_TK):  # it was read token by token
            evidence["detected_at"] = next(
                (offset + at for at, logit in enumerate(logits) if _detected(probe, logit)), None
            )
        return probe.measure(logits[-1], span.tool, len(y_TK), evidence)

    def _logits(self, probe: ChatProbe, y_SK: Tensor, span: Span) -> list[float]:
        """The logit after each token of the span; over a prompt, which was read at once, only after the last."""
        if span.end <= self._prompt:
            return [float(probe.head.pool(y_SK[None, span.start : span.end]))]
        live = self._live[probe.name].logits
        if span.start == self._prompt and len(live) >= span.end - span.start:
            return live[: span.end - span.start]
        meter = Meter(probe.head)
        meter.extend(y_SK[span.start : span.end])
        return meter.logits


def _top(weights_T: Tensor, offset: int) -> list[list[float]]:
    most = torch.topk(weights_T, min(TOP, len(weights_T)))
    return [
        [offset + int(at), round(float(weight), 6)]
        for at, weight in zip(most.indices, most.values, strict=True)
        if math.isfinite(float(weight))
    ]


def _detected(probe: ChatProbe, logit: float) -> bool:
    value = probe.measure(logit).value
    return not isinstance(value, Missing) and value >= DETECTED


@dataclass(frozen=True, slots=True)
class Span:
    """Tokens ``start`` to ``end`` of the whole sequence; evidence counts positions from ``base``."""

    start: int
    end: int
    base: int = 0
    tool: str = ""


def _points(
    probes: Sequence[ChatProbe], device: torch.device
) -> tuple[dict[str, slice], dict[HookPoint, Reduction | None]]:
    """Which numbers of its hook point's reduction are a probe's; probes of one point are read side by side.

    Heads project where the model runs; what they project is few numbers, and read on the CPU.
    """
    heads: dict[HookPoint, list[Head]] = {}
    slices: dict[str, slice] = {}
    for probe in probes:
        before = heads.setdefault(probe.hook_point, [])
        at = sum(head.config.n_out for head in before)
        slices[probe.name] = slice(at, at + probe.head.config.n_out)
        before.append(deepcopy(probe.head).to(device) if device.type != "cpu" else probe.head)
    return slices, {point: _together(of_point) for point, of_point in heads.items()}


def _together(heads: Sequence[Head]) -> Reduction:
    def reduce(x_BTD: Tensor) -> Tensor:
        return torch.cat([head.project(x_BTD) for head in heads], dim=-1)

    return reduce
