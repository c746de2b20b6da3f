"""What K of an autoencoder's features cost, read by themselves, against the full encoder that computes all of them.

    python benchmarks/sae_slicing.py [--device cuda] [--activation jumprelu|relu|gated] [--features 64]
                                     [--sizes 4096x131072,...] [--tokens 1,16,256,2048] [--rounds 15] [--seconds 3]
                                     [--threads N]

    full      SparseAutoencoder.encode: all d_sae latents
    sae-lens  the same latents by sae-lens's encode, if it can be imported (relu and jumprelu)
    sliced    SlicedEncoder of K features spread over the dictionary

fp32 on a CPU, bf16 on a GPU. The variants take turns, in an order that changes from round to round, so that a machine
that slows down slows all of them; a time that is too short to be read off the clock is measured over several calls.
Times are medians over the rounds; a ratio is the median of the ratios within each round, and ``spread`` is the middle
half of full / sliced. A cell ends after ``--rounds`` rounds, or after ``--seconds`` and three rounds. A cell whose full
encode needs more than ``--gflop`` is left out. Before a cell is timed, the slice is compared with the full encoder.

On a GPU a call of few tokens costs what its launches cost. ``..., graph`` are calls replayed from a CUDA graph, as an
engine that captures its decode step runs them: a graph of 20, and the time of one. ``torch, graph`` is the slice by
torch's operations, without the Triton kernels. ``memory floor`` is a copy that moves as many bytes as the slice has to
(weights of K columns, activations, latents), replayed from a graph too. The targets
are checked at 4096x131072, K = 64, 1 and 2048 tokens: 50 times faster than the full encode, and within 2x of the floor.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import torch
from torch import Tensor, nn

from bartizan.monitors.sae import SAEConfig, SlicedEncoder, SparseAutoencoder

SIZES = {"cpu": "768x24576,2304x16384,2304x65536,4096x131072", "cuda": "2304x65536,4096x131072"}
GFLOP = {"cpu": 160.0, "cuda": float("inf")}
SAMPLE_SECONDS = 0.03
"""Longer than the slice of time after which a busy machine gives its processor to somebody else."""
TARGET, FLOOR_TARGET = 50.0, 2.0
IN_A_GRAPH = 20
"""Calls; the launch of a graph costs more than a slice."""
GRAPHS = ("full, graph", "sliced, graph", "torch, graph", "memory floor")
Runs = dict[str, Callable[[], object]]


def autoencoder(activation: str, d_in: int, d_sae: int, device: str) -> SparseAutoencoder:
    """Random weights: a block of columns repeated, and a decoder of one number, since only encoding is timed."""
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    block = torch.randn(d_in, min(d_sae, 4096), device=device, dtype=dtype) / d_in**0.5
    W_enc = block.repeat(1, -(-d_sae // block.shape[1]))[:, :d_sae].contiguous()
    rows = {"b_gate", "r_mag", "b_mag"} if activation == "gated" else {"b_enc"}
    rows |= {"threshold"} if activation == "jumprelu" else set()
    tensors = {name: torch.rand(d_sae, device=device, dtype=dtype) for name in rows}
    one = torch.ones(1, 1, device=device, dtype=dtype)
    tensors |= {"W_enc": W_enc, "W_dec": one.expand(d_sae, d_in), "b_dec": torch.zeros_like(W_enc[:, 0])}
    return SparseAutoencoder(SAEConfig(activation=activation, d_in=d_in, d_sae=d_sae), tensors)  # type: ignore[arg-type]


def peer(sae: SparseAutoencoder) -> Any | None:
    """The autoencoder in sae-lens, on the same tensors; made small and given them, since encode reads no others."""
    architecture = {"relu": "standard", "jumprelu": "jumprelu"}.get(sae.config.activation)
    with warnings.catch_warnings():  # of its dependencies, at import
        warnings.simplefilter("ignore")
        try:
            import sae_lens
        except ImportError:
            return None
    if architecture is None:
        return None
    config = {
        "architecture": architecture, "d_in": sae.config.d_in, "d_sae": 8, "device": str(sae.device),
        "dtype": str(sae.dtype).removeprefix("torch."), "apply_b_dec_to_input": False,
        "normalize_activations": "none",
    }  # fmt: skip
    found = sae_lens.SAE.from_dict(config).eval()
    for name in ("W_enc", "b_enc", "threshold"):
        if hasattr(found, name):
            setattr(found, name, nn.Parameter(getattr(sae, name), requires_grad=False))
    return found


def graphed(run: Callable[[], object]) -> Callable[[], object]:
    """:data:`IN_A_GRAPH` calls as one CUDA graph, to be replayed."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for _ in range(IN_A_GRAPH):
            run()
    return graph.replay


def variants(sae: SparseAutoencoder, other: Any | None, sliced: SlicedEncoder, x: Tensor) -> Runs:
    runs: Runs = {"full": lambda: sae.encode(x), "sliced": lambda: sliced(x)}
    if other is not None:
        runs["sae-lens"] = lambda: other.encode(x)
    if x.is_cuda:
        K = len(sliced.features)
        moved = x.element_size() * (sae.config.d_in * K + x.numel()) + 4 * len(x) * K
        source = torch.empty(max(1, moved // 2), dtype=torch.uint8, device=x.device)
        target = torch.empty_like(source)
        runs["full, graph"] = graphed(runs["full"])
        runs["sliced, graph"] = graphed(runs["sliced"])
        runs["torch, graph"] = graphed(lambda: by_torch(sliced, x))
        runs["memory floor"] = graphed(lambda: target.copy_(source))
    return runs


def by_torch(sliced: SlicedEncoder, x: Tensor) -> Tensor:
    x_in = sliced.prepare(x)
    return sliced.finish(x_in, sliced.columns.project(x_in))


def agree(sae: SparseAutoencoder, sliced: SlicedEncoder, x: Tensor) -> None:
    """A benchmark of wrong numbers is worth nothing: what rounding cannot decide has to be the same."""
    full, reading = sae.encode(x)[:, list(sliced.features)].float(), sliced.read(x)
    sure = reading.above() != -1
    found = sliced(x)  # what is timed: on a GPU the kernels, where reading is torch's
    if not torch.equal((full != 0)[sure], (found != 0)[sure]):
        raise SystemExit("the slice and the full encoder disagree about which features fire")


def measure(runs: Runs, rounds: int, seconds: float, wait: Callable[[], None]) -> dict[str, list[float]]:
    """Seconds of a call, for every variant in every round."""
    calls = {name: calibrate(run, wait) for name, run in runs.items()}
    found: dict[str, list[float]] = {name: [] for name in runs}
    names, begin = list(runs), time.perf_counter()
    for number in range(rounds):
        if number >= 3 and time.perf_counter() - begin > seconds:
            break
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            seconds_each = sample(runs[name], calls[name], wait)
            found[name].append(seconds_each / IN_A_GRAPH if name in GRAPHS else seconds_each)
    return found


def calibrate(run: Callable[[], object], wait: Callable[[], None]) -> int:
    """How many calls make a sample long enough; warms up on the way."""
    once = sample(run, 1, wait)
    if once < SAMPLE_SECONDS:
        once = sample(run, 3, wait)
    return max(1, int(SAMPLE_SECONDS / max(once, 1e-7)))


def sample(run: Callable[[], object], calls: int, wait: Callable[[], None]) -> float:
    wait()
    start = time.perf_counter()
    for _ in range(calls):
        run()
    wait()
    return (time.perf_counter() - start) / calls


def ratio(above: Sequence[float], below: Sequence[float]) -> list[float]:
    return sorted(a / b for a, b in zip(above, below, strict=True))


def row(size: str, tokens: int, seconds: dict[str, list[float]]) -> str:
    def ms(name: str) -> str:
        return f"{statistics.median(seconds[name]) * 1e3:.3f}" if name in seconds else "-"

    def times(name: str) -> str:
        return f"{statistics.median(ratio(seconds[name], seconds['sliced'])):.1f}" if name in seconds else "-"

    low, _, high = statistics.quantiles(ratio(seconds["full"], seconds["sliced"]), n=4)
    return (
        f"{size:<14}{tokens:>7}{ms('full'):>11}{ms('sae-lens'):>11}{ms('sliced'):>10}{times('full'):>13}"
        f"{times('sae-lens'):>17}{f'{low:.1f} to {high:.1f}':>19}{len(seconds['full']):>8}"
    )


def targets(tokens: int, seconds: dict[str, list[float]]) -> list[str]:
    """What a GPU adds to a row."""
    full = statistics.median(ratio(seconds["full, graph"], seconds["sliced, graph"]))
    floor = statistics.median(ratio(seconds["sliced, graph"], seconds["memory floor"]))
    micro = {name: statistics.median(seconds[name]) * 1e6 for name in GRAPHS}
    return [
        "    " + ", ".join(f"{name} {value:.1f} us" for name, value in micro.items()),
        f"    {tokens} tokens, graphs: {full:.1f}x faster than full (target {TARGET:g}: "
        f"{'met' if full >= TARGET else 'NOT met'}); {floor:.2f}x the memory floor (target {FLOOR_TARGET:g}: "
        f"{'met' if floor <= FLOOR_TARGET else 'NOT met'})",
    ]


def hardware(device: str) -> str:
    name = (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{os.cpu_count()} CPUs, {cpu()}"
    )
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    with contextlib.suppress(metadata.PackageNotFoundError):
        versions += f", sae-lens {metadata.version('sae-lens')}"
    return f"{name}; {torch.get_num_threads()} threads; {versions}"


def cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown"
        )
    return platform.processor() or "unknown"


@torch.no_grad()
def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--activation", choices=("jumprelu", "relu", "gated"), default="jumprelu")
    parser.add_argument("--features", type=int, default=64)
    parser.add_argument("--sizes", help="d_in x d_sae, comma-separated")
    parser.add_argument("--tokens", default="1,16,256,2048")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--gflop", type=float, help="of a full encode, at most")
    options = parser.parse_args()
    if options.rounds < 2:
        parser.error("--rounds: expected at least 2")
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = options.device
    kind = "cuda" if device.startswith("cuda") else "cpu"
    most = GFLOP[kind] if options.gflop is None else options.gflop
    wait = torch.cuda.synchronize if kind == "cuda" else lambda: None

    print(hardware(device))
    print(
        f"{options.activation}, K = {options.features} features, {'bf16' if kind == 'cuda' else 'fp32'}; ms\n"
    )
    print(
        f"{'d_in x d_sae':<14}{'tokens':>7}{'full':>11}{'sae-lens':>11}{'sliced':>10}{'full/sliced':>13}"
        f"{'sae-lens/sliced':>17}{'spread':>19}{'rounds':>8}"
    )
    for size in (options.sizes or SIZES[kind]).split(","):
        d_in, d_sae = (int(part) for part in size.split("x"))
        sae = autoencoder(options.activation, d_in, d_sae, device)
        other = peer(sae)
        step = max(1, d_sae // options.features)
        sliced = SlicedEncoder(sae, range(0, d_sae, step)[: options.features])
        for tokens in (int(part) for part in options.tokens.split(",")):
            if 2e-9 * tokens * d_in * d_sae > most:
                print(
                    f"{size:<14}{tokens:>7}   left out: {2e-9 * tokens * d_in * d_sae:.0f} GFLOP a full encode"
                )
                continue
            x = torch.randn(tokens, d_in, device=device, dtype=sae.dtype)
            agree(sae, sliced, x)
            seconds = measure(variants(sae, other, sliced, x), options.rounds, options.seconds, wait)
            print(row(size, tokens, seconds), flush=True)
            if kind == "cuda":
                print("\n".join(targets(tokens, seconds)), flush=True)
        del sae, other, sliced


if __name__ == "__main__":
    main()
