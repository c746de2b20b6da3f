"""What a correction costs when the input is the draft, over plain greedy decoding of the same answer.

    python benchmarks/corrector_drafting.py [--device cuda] [--tokens 32] [--prompt 192] [--repeat 10]

A Llama of random weights; its own greedy answer is what it is given to correct, with none, one or three tokens changed,
so that it "corrects" them back. Every way gives the same tokens, which is checked. ``plain`` uses a cache, too;
``ratio`` is the median over the rounds of a way's time by plain's in the same round. ``prompt read before`` has the
prompt's first nine tenths in the kept cache, as a stream's next sentence has.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time

import torch
import transformers
from monitor_overhead import SIZES

from bartizan.monitors.corrector.drafting import Answer, Drafter


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--prompt", type=int, default=192)
    parser.add_argument("--repeat", type=int, default=10)
    options = parser.parse_args()
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        **SIZES["small"], max_position_embeddings=4096, eos_token_id=None, initializer_range=0.1
    )
    model = transformers.LlamaForCausalLM(config).to(options.device).eval()
    prompt = torch.randint(10, 8000, (options.prompt,)).tolist()
    ends: frozenset[int] = frozenset()
    text = run(Drafter(model, ends, drafts=False, kept=0), prompt, [], options.tokens)[0].out

    def changed(count: int) -> list[int]:
        places = {round((i + 1) * len(text) / (count + 1)) for i in range(count)}
        return [9 if i in places else token for i, token in enumerate(text)]

    kept = Drafter(model, ends, kept=1)
    kept.keep(run(kept, prompt[: len(prompt) * 9 // 10], [], 1)[0])
    ways = {
        "plain": (Drafter(model, ends, drafts=False, kept=0), text),
        "unchanged": (Drafter(model, ends, kept=0), text),
        "unchanged, prefix read before": (kept, text),
        "one token changed": (Drafter(model, ends, kept=0), changed(1)),
        "three tokens changed": (Drafter(model, ends, kept=0), changed(3)),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    passes = {}
    for number in range(options.repeat + 1):
        for name, (drafter, source) in ways.items():
            answer, seconds = run(drafter, prompt, source, len(text))
            assert answer.out == text, name
            passes[name] = answer.passes
            if number:  # the first round warms up
                times[name].append(seconds * 1000)
    print(
        f"{os.cpu_count()} CPUs, {torch.get_num_threads()} threads, {options.device}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, transformers {transformers.__version__}\n"
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.0f}M parameters, {len(prompt)} tokens read, "
        f"{len(text)} written, {options.repeat} rounds\n\n{'a correction':32}{'passes':>8}{'median ms':>12}{'ratio':>8}"
    )
    for name, found in times.items():
        ratio = statistics.median(a / b for a, b in zip(found, times["plain"], strict=True))
        print(f"{name:32}{passes[name]:8}{statistics.median(found):12.1f}{ratio:8.2f}")


def run(drafter: Drafter, prompt: list[int], source: list[int], most: int) -> tuple[Answer, float]:
    begun = time.perf_counter()
    answer = drafter.begin(prompt, source, most)
    while not answer.done:
        drafter.step([answer])
    return answer, time.perf_counter() - begun


if __name__ == "__main__":
    main()
