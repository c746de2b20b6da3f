"""What a tapped generation costs over a bare one.

    python benchmarks/monitor_overhead.py [--device cuda] [--size small|1b] [--prompt 128] [--tokens 64] [--repeat 15]
                                          [--only bare tapped]

A Llama of random weights generates greedily; every variant generates the same tokens, one after the other in turn,
in an order that changes from round to round, so that a machine that slows down slows all of them. ``ratio`` is the
median over the rounds of a variant's time by the bare one's in the same round; ``spread`` is the middle half of
these ratios, and ``95%`` a confidence interval of their median (of order statistics). ``floor`` is the bare variant a
second time: what differs there is noise. Where steps are noisy, many short rounds tell more than few long ones:
``--tokens 8 --repeat 300``.

    tapped, K=64            one layer, 64 linear probes in the hook, taken once at the end
    tapped, K=64, streamed  the same, and each step's values are sent to the host as it ends
    one layer, whole        one layer without a reduction, sent to the host at the end
    all layers, whole       every layer without a reduction, sent to the host at the end: the usual way
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers

from bartizan.monitors.capture import HookPoint, Step, Tap

SIZES: dict[str, dict[str, Any]] = {
    "small": {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 12, "num_attention_heads": 8,
              "num_key_value_heads": 4, "vocab_size": 8192},
    # the shape of Llama 3.2 1B
    "1b": {"hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16, "num_attention_heads": 32,
           "num_key_value_heads": 8, "head_dim": 64, "vocab_size": 128_256, "tie_word_embeddings": True},
}  # fmt: skip
K = 64


def build(size: str, device: str) -> Any:
    config = transformers.LlamaConfig(**SIZES[size], max_position_embeddings=8192, eos_token_id=None)
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    with torch.device(device):
        return transformers.LlamaForCausalLM(config).to(dtype).eval()


def variants(model: Any, prompt: torch.Tensor, tokens: int) -> dict[str, Callable[[], None]]:
    layers, width = model.config.num_hidden_layers, model.config.hidden_size
    W_DK = torch.randn(width, K, device=model.device, dtype=model.dtype) / width**0.5
    middle = HookPoint(layers // 2)

    def generate() -> int:
        sequences = model.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=tokens, min_new_tokens=tokens,
            do_sample=False, pad_token_id=0,
        )  # fmt: skip
        return int(sequences.shape[1]) - 1

    def reduce(x_BTD: torch.Tensor) -> torch.Tensor:
        return x_BTD @ W_DK

    def tapped(points: dict[HookPoint, Any], on_step: Callable[[Step], None] | None = None) -> None:
        with Tap(model, points, on_step=on_step) as tap:
            seen = generate()
        for y_BTK in tap.take(seen).values():
            y_BTK.cpu()

    def stream(step: Step) -> None:
        step.values[middle].cpu()

    return {
        "bare": lambda: bare(generate),
        "floor: bare again": lambda: bare(generate),
        f"tapped, K={K}": lambda: tapped({middle: reduce}),
        f"tapped, K={K}, streamed": lambda: tapped({middle: reduce}, stream),
        "one layer, whole": lambda: tapped({middle: None}),
        "all layers, whole": lambda: tapped({HookPoint(layer): None for layer in range(layers)}),
    }


def bare(generate: Callable[[], int]) -> None:
    generate()


def measure(runs: dict[str, Callable[[], None]], repeat: int, device: str) -> dict[str, list[float]]:
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for run in runs.values():
        run()  # warm up
    gc.disable()  # a collection falls on whichever variant is running
    for number in range(repeat):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            gc.collect()
            synchronise(device)
            start = time.perf_counter()
            runs[name]()
            synchronise(device)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def interval(ordered: Sequence[float]) -> tuple[float, float]:
    """95% confidence for the median of independent draws: ranks of a binomial with p = 1/2, by its normal."""
    n = len(ordered)
    out = int(n / 2 - 0.98 * n**0.5)
    return ordered[max(0, out)], ordered[min(n - 1, n - 1 - out)]


def synchronise(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()


def hardware(device: str) -> str:
    name = (
        torch.cuda.get_device_name(device) if device.startswith("cuda") else f"{os.cpu_count()} CPUs, {cpu()}"
    )
    return (
        f"{name}; {torch.get_num_threads()} threads; Python {platform.python_version()}, torch {torch.__version__}, "
        f"transformers {transformers.__version__}"
    )


def cpu() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as lines:
        return next(
            (line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown"
        )
    return platform.processor() or "unknown"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", choices=SIZES, default="small")
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--only", nargs="+", help="variants whose names hold one of these words, and bare")
    options = parser.parse_args()
    torch.manual_seed(0)
    model = build(options.size, options.device)
    prompt = torch.randint(10, model.config.vocab_size, (1, options.prompt), device=options.device)
    runs = variants(model, prompt, options.tokens)
    if options.only:
        runs = {
            name: run for name, run in runs.items() if any(word in name for word in ("bare", *options.only))
        }
    seconds = measure(runs, options.repeat, options.device)

    parameters = sum(parameter.numel() for parameter in model.parameters()) / 1e6
    print(hardware(options.device))
    print(
        f"{parameters:.0f}M parameters, {str(model.dtype).removeprefix('torch.')}, {options.prompt} tokens read, "
        f"{options.tokens} generated, {options.repeat} rounds\n"
    )
    print(f"{'a generation':<28}{'median ms':>11}{'ms a token':>12}{'ratio':>9}{'spread':>18}{'95%':>18}")
    base = seconds["bare"]
    for name, values in seconds.items():
        ratios = sorted(value / other for value, other in zip(values, base, strict=True))
        low, _, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else (ratios[0],) * 3
        least, most = interval(ratios)
        median = statistics.median(values) * 1e3
        print(
            f"{name:<28}{median:>11.1f}{median / options.tokens:>12.2f}{statistics.median(ratios):>9.3f}"
            f"{f'{low:.3f} to {high:.3f}':>18}{f'{least:.3f} to {most:.3f}':>18}"
        )


if __name__ == "__main__":
    main()
