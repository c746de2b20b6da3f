"""A slice as a Triton kernel: type, ``b_dec``, product, bias, jump and floor, without a trip to memory in between.

A decode step reads a few columns for one token. Written with torch operations that is half a dozen launches, each
longer than the reading itself; here it is one. What it computes is :meth:`.columns.Columns.finish` of the product:
sums are fp32, every number is summed over D in an order that depends on the number of tokens only (not on other
columns or tokens), and nothing is left in a workspace, so that streams and CUDA graphs do not disturb each other.

Triton comes with PyTorch's CUDA builds. Where it is missing, fails, or does not give torch's numbers in a first small
check, :func:`runs` says no and the slice is computed by torch. ``TRITON_INTERPRET=1`` runs the kernels on a CPU,
slowly, for tests.

Shapes: N tokens, D d_in, K columns.
"""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .columns import Columns

try:
    import triton
    import triton.language as tl
except ImportError:
    triton = None

logger = logging.getLogger(__name__)

TYPES: Final = (torch.float32, torch.bfloat16, torch.float16)
INTERPRETED: Final = os.environ.get("TRITON_INTERPRET") == "1"
FEW: Final = 8
"""Up to so many tokens each column is a sum over D of its own, in one kernel; more are products of tiles, in two."""

MANY: Final = 8192
"""Above so many tokens there are tiles enough, and D is not split."""

BLOCK_K: Final = 64
SUMMED: Final = 4

if triton is not None:

    @triton.jit
    def _finish(p, scale, shift, gate, threshold, floor, k, K):  # type: ignore[no-untyped-def]
        """Latents of the products p (N, K)."""
        inside = k < K
        scale_K = tl.load(scale + k, mask=inside, other=0.0)[None, :]
        shift_K = tl.load(shift + k, mask=inside, other=0.0)[None, :]
        gate_K = tl.load(gate + k, mask=inside, other=0.0)[None, :]
        threshold_K = tl.load(threshold + k, mask=inside, other=0.0)[None, :]
        floor_K = tl.load(floor + k, mask=inside, other=0.0)[None, :]
        on = (p + gate_K > threshold_K).to(tl.float32)
        value = tl.maximum(p * scale_K + shift_K, floor_K, propagate_nan=tl.PropagateNan.ALL)
        return value * on + (p - p)

    @triton.jit(do_not_specialize=["N"])  # type: ignore[untyped-decorator]
    def _few(  # type: ignore[no-untyped-def]
        x, W, b, scale, shift, gate, threshold, floor, out, N, K, x_row, W_row, W_column,
        D: tl.constexpr, HAS_B: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr,
    ):  # fmt: skip
        """A program for each few tokens and columns: both lie along D in memory, and are summed there."""
        n = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
        k = tl.program_id(0) * BLOCK_K + tl.arange(0, BLOCK_K)
        p = tl.zeros((BLOCK_N, BLOCK_K), tl.float32)
        for start in range(0, D, BLOCK_D):
            d = start + tl.arange(0, BLOCK_D)
            x_ND = tl.load(
                x + n[:, None].to(tl.int64) * x_row + d[None, :],
                mask=(n < N)[:, None] & (d < D)[None, :], other=0.0,
            ).to(W.dtype.element_ty)  # fmt: skip
            if HAS_B:
                b_D = tl.load(b + d, mask=d < D, other=0.0)
                x_ND = (x_ND.to(tl.float32) - b_D.to(tl.float32)[None, :]).to(W.dtype.element_ty)
            W_KD = tl.load(
                W + k[:, None] * W_column + d[None, :].to(tl.int64) * W_row,
                mask=(k < K)[:, None] & (d < D)[None, :], other=0.0,
            )  # fmt: skip
            p += tl.sum(x_ND.to(tl.float32)[:, None, :] * W_KD.to(tl.float32)[None, :, :], axis=2)
        latents = _finish(p, scale, shift, gate, threshold, floor, k, K)
        tl.store(
            out + n[:, None].to(tl.int64) * K + k[None, :],
            latents, mask=(n < N)[:, None] & (k < K)[None, :],
        )  # fmt: skip

    @triton.jit(do_not_specialize=["N"])  # type: ignore[untyped-decorator]
    def _stretch(  # type: ignore[no-untyped-def]
        x, W, b, partial, N, K, x_row, W_row, W_column,
        D: tl.constexpr, HAS_B: tl.constexpr, SPLIT: tl.constexpr,
        BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, BLOCK_D: tl.constexpr,
    ):  # fmt: skip
        """The products (S, N, K) over each of S stretches of D, so that few tokens keep a whole GPU busy."""
        n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
        k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
        s = tl.program_id(2)
        EACH: tl.constexpr = (D + SPLIT * BLOCK_D - 1) // (SPLIT * BLOCK_D) * BLOCK_D
        p = tl.zeros((BLOCK_N, BLOCK_K), tl.float32)
        for start in range(0, EACH, BLOCK_D):
            d = s * EACH + start + tl.arange(0, BLOCK_D)
            x_ND = tl.load(
                x + n[:, None].to(tl.int64) * x_row + d[None, :],
                mask=(n < N)[:, None] & (d < D)[None, :], other=0.0,
            ).to(W.dtype.element_ty)  # fmt: skip
            if HAS_B:
                b_D = tl.load(b + d, mask=d < D, other=0.0)
                x_ND = (x_ND.to(tl.float32) - b_D.to(tl.float32)[None, :]).to(W.dtype.element_ty)
            W_DK = tl.load(
                W + d[:, None].to(tl.int64) * W_row + k[None, :] * W_column,
                mask=(d < D)[:, None] & (k < K)[None, :], other=0.0,
            )  # fmt: skip
            p = tl.dot(x_ND, W_DK, p, input_precision="ieee")
        tl.store(
            partial + (s.to(tl.int64) * N + n[:, None]) * K + k[None, :],
            p, mask=(n < N)[:, None] & (k < K)[None, :],
        )  # fmt: skip

    @triton.jit(do_not_specialize=["N"])  # type: ignore[untyped-decorator]
    def _sum(  # type: ignore[no-untyped-def]
        partial, scale, shift, gate, threshold, floor, out, N, K,
        SPLIT: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr,
    ):  # fmt: skip
        """The stretches in order, and the latents of their sum."""
        n = tl.program_id(0) * BLOCK_N + tl.arange(0, BLOCK_N)
        k = tl.program_id(1) * BLOCK_K + tl.arange(0, BLOCK_K)
        inside = (n < N)[:, None] & (k < K)[None, :]
        p = tl.zeros((BLOCK_N, BLOCK_K), tl.float32)
        for s in tl.static_range(SPLIT):
            p += tl.load(partial + (n[:, None].to(tl.int64) + s * N) * K + k[None, :], mask=inside, other=0.0)
        latents = _finish(p, scale, shift, gate, threshold, floor, k, K)
        tl.store(out + n[:, None].to(tl.int64) * K + k[None, :], latents, mask=inside)


def runs(x: Tensor, columns: Columns) -> bool:
    """Whether :func:`latents` computes these: on a GPU with a Triton that works, and with nothing to differentiate.

    ``torch.compile`` makes kernels of its own: it traces the torch operations.
    """
    W = columns.W
    if triton is None or W.dtype not in TYPES or x.device != W.device or not (W.is_cuda or INTERPRETED):
        return False
    if torch.compiler.is_compiling() or (torch.is_grad_enabled() and x.requires_grad):
        return False
    return _works(W.device, W.dtype)


def latents(x: Tensor, columns: Columns, b_dec: Tensor | None = None) -> Tensor:
    """What ``columns.finish(columns.project(x.to(W.dtype) - b_dec))`` gives, up to the order of summation.

    ``x`` (..., D) of any floating-point type -> (..., K) fp32.
    """
    x_ND = x.reshape(-1, x.shape[-1])
    if x_ND.stride(-1) != 1:
        x_ND = x_ND.contiguous()
    N, D = x_ND.shape
    K = columns.W.shape[1]
    y_NK = torch.empty(N, K, dtype=torch.float32, device=x.device)
    b = columns.W if b_dec is None else b_dec  # without b_dec, a place that is not read
    rows = (columns.scale, columns.shift, columns.gate, columns.threshold, columns.floor)
    strides = (x_ND.stride(0), columns.W.stride(0), columns.W.stride(1))
    with _on(x.device):
        if 0 < N <= FEW:
            _few[K, N](  # the first dimension of a grid is the long one
                x_ND, columns.W, b, *rows, y_NK, N, K, *strides,
                D=D, HAS_B=b_dec is not None, BLOCK_N=1, BLOCK_K=1, BLOCK_D=4096,
            )  # fmt: skip
        elif N:
            plan = _plan(N, columns.W)
            K_blocks = -(-K // BLOCK_K)
            partial_SNK = torch.empty(plan.split, N, K, dtype=torch.float32, device=x.device)
            _stretch[-(-N // plan.tokens), K_blocks, plan.split](
                x_ND, columns.W, b, partial_SNK, N, K, *strides,
                D=D, HAS_B=b_dec is not None, SPLIT=plan.split,
                BLOCK_N=plan.tokens, BLOCK_K=BLOCK_K, BLOCK_D=plan.depth,
                num_warps=plan.warps, num_stages=plan.stages,
            )  # fmt: skip
            _sum[-(-N // SUMMED), K_blocks](
                partial_SNK, *rows, y_NK, N, K,
                SPLIT=plan.split, BLOCK_N=SUMMED, BLOCK_K=BLOCK_K, num_warps=2,
            )  # fmt: skip
    return y_NK.view(*x.shape[:-1], K)


class Plan(NamedTuple):
    """Blocks of a product: ``tokens`` and ``depth`` (of D) at a time, D in ``split`` stretches."""

    tokens: int
    depth: int
    split: int
    warps: int
    stages: int


SMALL: Final = Plan(16, 256, 16, 4, 2)
MIDDLE: Final = Plan(64, 64, 16, 4, 4)
LARGE: Final = Plan(64, 64, 8, 4, 3)
WIDE: Final = Plan(32, 32, 4, 4, 3)
"""For fp32, which has no tensor cores that keep its bits."""


def _plan(N: int, W: Tensor) -> Plan:
    """The fastest of some twenty on an H200; see benchmarks/results/2026-11-27-sae-slicing-gpu.md."""
    if W.dtype == torch.float32:
        plan = WIDE
    elif N <= 256:
        return SMALL
    else:
        plan = MIDDLE if N <= 1024 else LARGE
    return plan if N <= MANY else plan._replace(split=1)  # the stretches' products would be large


def _on(device: torch.device) -> contextlib.AbstractContextManager[None]:
    """Triton launches on the current device, whichever its arguments are on."""
    return torch.cuda.device(device) if device.type == "cuda" else contextlib.nullcontext()


_found: dict[tuple[torch.device, torch.dtype], bool] = {}


def _works(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the kernels compile there and give torch's numbers; asked once, never while a graph is captured."""
    found = _found.get((device, dtype))
    if found is None:
        if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
            return False
        try:
            found = _agrees(device, dtype)
        except Exception as error:  # noqa: BLE001 no compiler, no driver, another Triton: torch computes the slice
            logger.warning("slices are computed by torch on %s: Triton failed: %s", device, error)
            found = False
        else:
            if not found:
                logger.warning("slices are computed by torch on %s: Triton gives other numbers", device)
        _found[device, dtype] = found
    return found


@torch.no_grad()
def _agrees(device: torch.device, dtype: torch.dtype) -> bool:
    from .columns import Columns  # which knows this module

    D, K = 160, 5
    g = torch.Generator().manual_seed(0)
    W_DK = (torch.randn(D, K, generator=g) / D**0.5).to(device, dtype)
    shift_K, gate_K = torch.randn(2, K, generator=g).to(device) * 0.3
    columns = Columns(W_DK, scale=1.5, shift=shift_K, gate=gate_K, threshold=0.1, floor=0.0)
    b_D = torch.randn(D, generator=g).to(device, dtype)
    # every plan, so that one that finds no room on this device is not met in use
    for N in (1, FEW + 1) if INTERPRETED else (1, FEW + 1, 600, 1100, MANY + 1):
        x_ND = torch.randn(N, D, generator=g).to(device)
        if N > 1:
            x_ND[1, 2], x_ND[2, 3] = torch.nan, torch.inf
        for b in (b_D, None):
            x_in = x_ND.to(dtype) if b is None else x_ND.to(dtype) - b
            p_NK = columns.project(x_in)
            sure = ((p_NK + gate_K - 0.1).abs() > 1e-3) | p_NK.isnan()
            expected, found = columns.finish(p_NK)[sure], latents(x_ND, columns, b)[sure]
            if not torch.allclose(found, expected, rtol=1e-4, atol=1e-4, equal_nan=True):
                return False
    return True
