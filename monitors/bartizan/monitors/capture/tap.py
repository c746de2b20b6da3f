"""A tap: reads activations where they arise, while the model runs as it would without it.

    with Tap(model, {HookPoint(4): head.project}) as tap:
        sequences = model.generate(**prompt)
    y_BTK = tap.take(sequences.shape[1] - 1)[HookPoint(4)]  # the last token is never read by the model

The reduction runs in the hook, on the device, on a copy of the activations; only its K numbers a token are kept.
Nothing waits for the device until ``take``. What the tap cannot vouch for is :class:`Incomplete`: it never raises
into the model, and it never changes what the model computes.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from . import inputs
from .errors import CaptureError, Incomplete
from .hook_point import HookPoint
from .models import Place, place, unwrapped
from .record import Record, Step

Reduction = Callable[[Tensor], Tensor]
"""x_BTD -> y_BTK, floating point. Token by token: y[b, t] depends on x[b, t] alone. Draws no random numbers."""


class Tap:
    """Forward hooks on named hook points, for as long as the context lasts.

    ``points`` maps each hook point to its reduction, or to None for the activations themselves. ``on_step`` is
    called after each forward pass with its :class:`Step` (no more once something went wrong: see ``problems``).
    ``carry`` (with ``carry_ids``) is what an earlier tap took for the positions of a cache that is passed in.

    Only passes in the thread that entered the context are seen; others run by unseen and unmixed. A compiled
    layer skips hooks; it shows, as does everything else that was not seen, as :class:`Incomplete` in ``take``.

    Raises :class:`UnknownHookPoint` if the model has no such place.
    """

    def __init__(
        self,
        model: nn.Module,
        points: Mapping[HookPoint, Reduction | None],
        *,
        on_step: Callable[[Step], None] | None = None,
        carry: Mapping[HookPoint, Tensor] | None = None,
        carry_ids: Tensor | None = None,
    ) -> None:
        if not points:
            raise CaptureError("a tap needs at least one hook point")
        self._places: dict[HookPoint, Place] = {point: place(model, point) for point in points}
        self._reductions = {point: _Reader(reduction) for point, reduction in points.items()}
        self._model = model
        self._names = inputs.parameters(unwrapped(model))
        self._on_step = on_step
        self._record = Record(points)
        self._handles: list[RemovableHandle] = []
        self._owner: int | None = None
        self._used = False
        self._elsewhere = 0
        if carry is not None:
            _check_carry(carry, carry_ids, points)
            self._record.carry(carry, carry_ids)

    def __enter__(self) -> Tap:
        if self._owner is not None:
            raise CaptureError("the tap is open already: make another one")
        if self._used:
            self.clear()  # what an earlier context left behind
        self._owner, self._used = threading.get_ident(), True
        try:
            for point, where in self._places.items():
                self._handles.append(self._hook(point, where))
            # After the others, so that hooks of the model itself have run.
            self._handles.append(self._model.register_forward_pre_hook(self._begin, with_kwargs=True))
            self._handles.append(self._model.register_forward_hook(self._end))
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    @property
    def problems(self) -> tuple[str, ...]:
        """Why ``take`` would raise, as far as it is known while the model runs. For streams."""
        return self._record.problems

    def take(
        self, tokens: int | Tensor, *, ids: Tensor | None = None, beam_indices: Tensor | None = None
    ) -> dict[HookPoint, Tensor]:
        """What was read since the last take, as y_BTK by hook point, on the model's device; then it is forgotten.

        ``tokens`` says what must have been seen: the number of tokens of one row, or a mask [B, T] of ones and zeros
        (as an attention mask) for a batch. Positions that it leaves out are 0 in the answer and mean nothing.
        ``ids`` [B, T] are compared with what the model read, where the mask is 1; a batch that was generated needs
        them, and so does anyone who cannot otherwise say that these passes were the ones meant.
        ``beam_indices`` are those that beam search returns: rows are then the final sequences.

        Raises :class:`Incomplete`, which says what is missing; the passes are forgotten then, too.
        """
        try:
            return self._record.taken(_tokens(tokens), ids, beam_indices)
        except Incomplete as error:
            raise Incomplete(f"{error}{self._hint()}") from None
        finally:
            self.clear()

    def clear(self) -> None:
        """Forget what was seen, and what went wrong."""
        self._record.clear()
        self._elsewhere = 0

    # --- hooks: nothing may leave them, neither a value nor an exception

    def _hook(self, point: HookPoint, where: Place) -> RemovableHandle:
        def on_input(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            if self._mine():
                self._read(point, args[0] if args else kwargs.get("hidden_states"))

        def on_output(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if self._mine():
                self._read(point, output)

        if where.reads == "input":
            return where.module.register_forward_pre_hook(on_input, with_kwargs=True)
        return where.module.register_forward_hook(on_output)

    def _mine(self) -> bool:
        # Traced code would keep the hook for ever, or a graph that was captured would skip it: see nothing there.
        if torch.compiler.is_dynamo_compiling():
            return False
        return threading.get_ident() == self._owner

    def _begin(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not self._mine():
            if not torch.compiler.is_dynamo_compiling():
                self._elsewhere += 1
            return
        with self._noting("the inputs of a pass could not be read"):
            self._record.begin(inputs.read(self._names, args, kwargs))

    def _end(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        if not self._mine():
            return
        with self._noting("the end of a pass could not be noted"):
            step = self._record.end(output)
        if step is not None and self._on_step is not None:
            with self._noting("on_step failed"):
                self._on_step(step)

    def _read(self, point: HookPoint, output: Any) -> None:
        with self._noting(f"{point} could not be read"):
            x = output if isinstance(output, Tensor) else output[0]
            if x.is_cuda and torch.cuda.is_current_stream_capturing():
                self._record.problem(f"{point} ran while a CUDA graph was captured; its replays run no hooks")
                return
            x_BTD = self._record.shape(x.detach(), point)
            if x_BTD is not None:
                self._record.add(point, self._reductions[point](x_BTD))

    @contextlib.contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 (a tap must not break the model: take() says what happened)
            self._record.problem(f"{what}: {type(error).__name__}: {str(error)[:200]}")

    def _close(self) -> None:
        self._owner = None
        while self._handles:
            self._handles.pop().remove()

    def _hint(self) -> str:
        hints = []
        if self._elsewhere:
            hints.append(
                f"{self._elsewhere} passes ran in other threads: enter the tap in the thread that runs the model"
            )
        if _compiled(self._model):
            hints.append("the model or a part of it is compiled: compiled code skips hooks")
        return "".join(f" ({hint})" for hint in hints)


class _Reader:
    """A reduction, kept from touching the model: on a copy, without gradients, autocast or random numbers."""

    def __init__(self, reduction: Reduction | None) -> None:
        self._reduction = reduction
        self._tried = False

    def __call__(self, x_BTD: Tensor) -> Tensor:
        copy_BTD = x_BTD.clone()  # the model goes on with x: neither may see what the other does to it
        if self._reduction is None:
            return copy_BTD
        kind = x_BTD.device.type
        autocast = (
            torch.autocast(kind, enabled=False)
            if torch.is_autocast_enabled(kind)
            else contextlib.nullcontext()
        )
        with torch.no_grad(), autocast:
            y_BTK = self._first(copy_BTD) if not self._tried else self._reduction(copy_BTD)
        if not isinstance(y_BTK, Tensor) or y_BTK.dim() != 3 or y_BTK.shape[:2] != x_BTD.shape[:2]:
            found = list(y_BTK.shape) if isinstance(y_BTK, Tensor) else type(y_BTK).__name__
            B, T = x_BTD.shape[:2]
            raise TypeError(f"expected the reduction to give [{B}, {T}, K], found {found}")
        if not y_BTK.is_floating_point():
            raise TypeError(f"expected the reduction to give floating point numbers, found {y_BTK.dtype}")
        return y_BTK.detach().clone()  # it may be a view, or a buffer that the next step overwrites

    def _first(self, x_BTD: Tensor) -> Tensor:
        """The first call shows whether the reduction draws random numbers, which would change what is sampled."""
        assert self._reduction is not None
        cuda = x_BTD.device if x_BTD.is_cuda else None
        before = (torch.get_rng_state(), torch.cuda.get_rng_state(cuda) if cuda is not None else None)
        try:
            y_BTK = self._reduction(x_BTD)
        finally:
            changed = not torch.equal(before[0], torch.get_rng_state())
            torch.set_rng_state(before[0])
            if before[1] is not None and cuda is not None:
                changed |= not torch.equal(before[1], torch.cuda.get_rng_state(cuda))
                torch.cuda.set_rng_state(before[1], cuda)
        if changed:
            raise TypeError("the reduction draws random numbers: is it in training mode? call .eval()")
        self._tried = True
        return y_BTK


def _tokens(tokens: object) -> int | Tensor:
    if isinstance(tokens, Tensor) or (
        isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0
    ):
        return tokens
    raise Incomplete(
        f"expected a number of tokens or a mask [B, T], found {type(tokens).__name__} {tokens!r:.40}"
    )


def _check_carry(
    carry: Mapping[HookPoint, Tensor], ids_BT: Tensor | None, points: Mapping[HookPoint, Reduction | None]
) -> None:
    shapes = {tuple(carry[point].shape[:2]) for point in points if point in carry and carry[point].dim() == 3}
    if set(points) - set(carry) or len(shapes) != 1:
        raise CaptureError(
            "expected to carry over y_BTK, with the same B and T, for every hook point of the tap"
        )
    if ids_BT is not None and tuple(ids_BT.shape) not in shapes:
        raise CaptureError(f"carry_ids: expected the ids {list(*shapes)}, found {list(ids_BT.shape)}")


def _compiled(model: nn.Module) -> bool:
    if unwrapped(model) is not model or getattr(model, "_compiled_call", None) is not None:
        return True
    return any(
        getattr(module, "_compiled_call_impl", None) is not None or unwrapped(module) is not module
        for module in model.modules()
    )
