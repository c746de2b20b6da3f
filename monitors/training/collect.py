"""Step 1: what happens inside the reader model while it reads the corpus.

    python monitors/training/collect.py --data ../shared/data --out build/monitors

Writes ``texts.jsonl`` (which text, which tokens are injected) and, for each hook point, shards of activations, one row
a token in float16. Goes on where it was interrupted. Uses the embedded reader unless ``--reader`` names another.
"""

from __future__ import annotations

import argparse
import collections
import json
import random
from pathlib import Path

import corpus
import numpy as np
from rich.progress import track

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.embedded import reader_folder
from bartizan.monitors.reader import Reader, Reading

SHARD = 512  # texts
MOST = 4_000  # characters of a text
LIMITS = {
    ("agentdyn", 1): 300, ("agentdyn", 0): 500, ("toolemu", 0): 1200, ("composed", 1): 1000, ("composed", 0): 600,
    ("tasktracker", 1): 300, ("bipia_email", 1): 250, ("bipia_code", 1): 150,
}  # fmt: skip


def chosen(data: Path) -> list[corpus.Text]:
    """The corpus with its largest parts sampled down, and no text so long that it would fill the disk."""
    parts: dict[tuple[str, int], list[corpus.Text]] = collections.defaultdict(list)
    for text in corpus.load(data):
        if len(text.text) <= MOST:
            parts[text.source, text.label].append(text)
    rng = random.Random(1)
    for key, limit in LIMITS.items():
        parts[key] = rng.sample(parts[key], min(limit, len(parts[key])))
    return [text for part in parts.values() for text in part]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/monitors"))
    parser.add_argument("--reader", type=Path)
    parser.add_argument("--hook-points", nargs="+", default=["resid_post.2", "resid_post.3"])
    options = parser.parse_args()
    points = [HookPoint.parse(name) for name in options.hook_points]
    options.out.mkdir(parents=True, exist_ok=True)
    texts = chosen(options.data)
    reader = Reader.load(options.reader or reader_folder())
    (options.out / "fingerprint.json").write_text(json.dumps(reader.fingerprint.json()), encoding="utf-8")
    for start in track(range(0, len(texts), SHARD), description="reading"):
        shard = options.out / f"texts-{start // SHARD:04d}"
        if not shard.with_suffix(".jsonl").exists():
            write(reader, texts[start : start + SHARD], points, shard)


def write(reader: Reader, texts: list[corpus.Text], points: list[HookPoint], shard: Path) -> None:
    readings = reader.read([text.text for text in texts], dict.fromkeys(points))
    kept = [(text, found) for text, found in zip(texts, readings, strict=True) if isinstance(found, Reading)]
    for point in points:
        rows = [found.numbers[point].half().numpy() for _, found in kept if len(found.spans)]
        np.save(f"{shard}-{point}.npy", np.concatenate(rows))
    lines = [
        json.dumps(
            {
                "source": text.source, "label": text.label, "group": text.group, "episode": text.episode,
                "text": text.text, "tokens": len(found.spans), "injected": _injected(text, found),
            }
        )
        for text, found in kept
    ]  # fmt: skip
    shard.with_suffix(".tmp").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shard.with_suffix(".tmp").rename(shard.with_suffix(".jsonl"))  # last: a shard without it is made again


def _injected(text: corpus.Text, found: Reading) -> list[int] | None:
    """The numbers of the tokens that lie in an injected part; None where nobody knows."""
    if text.spans is None:
        return None
    return [
        number
        for number, (start, end) in enumerate(found.spans)
        if any(start < last and end > first for first, last in text.spans)
    ]


if __name__ == "__main__":
    main()
