"""Step 1: what happens inside the reader model while it reads the corpus.

    python monitors/training/collect.py --data ../shared/data --out build/monitors

Writes ``texts-*.jsonl`` (which text, which tokens are injected) and, for each hook point, shards of activations, one
row a token in float16; ``results-*`` are the same for what tools answered in the benign episodes that calibrate and
verify, and ``episodes.jsonl`` says which episode has which. Goes on where it was interrupted. Uses the embedded reader
unless ``--reader`` names another.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import random
from pathlib import Path

import corpus
import episodes
import gathered
import numpy as np
from rich.progress import track
from torch.nn import ModuleList

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.capture.models import layout
from bartizan.monitors.embedded import reader_folder
from bartizan.monitors.legible import foreign
from bartizan.monitors.reader import Reader, Reading

SHARD = 512  # texts
MOST = 4_000  # characters of a text
LIMITS = {
    ("agentdyn", 1): 300, ("tasktracker", 1): 300, ("bipia_email", 1): 250, ("bipia_code", 1): 150,
    ("agentdyn", 0): 700, ("toolemu", 0): 1200, ("composed", 1): 800, ("torn", 1): 700, ("languages", 1): 700,
    ("languages", 0): 350, ("unlearned_languages", 1): 250, ("agentdojo", 1): 170, ("cyberseceval_direct", 1): 0,
    ("cyberseceval_hard", 0): 0,
}  # fmt: skip
SCRIPTS = frozenset({"Latin"})  # the probe has no word on other texts


def chosen(data: Path) -> list[corpus.Text]:
    """The corpus with its largest parts sampled down, and no text so long that it would fill the disk."""
    parts: dict[tuple[str, int], list[corpus.Text]] = collections.defaultdict(list)
    for text in corpus.load(data):
        # episodes.py has those.
        unused = not text.label and gathered.fold_of(text.group) in gathered.CALIBRATE
        if len(text.text) <= MOST and not unused and not foreign(text.text, SCRIPTS):
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
    fingerprint = json.dumps(reader.fingerprint.json())
    layers = reader.model.get_submodule(layout(reader.model).path)
    assert isinstance(layers, ModuleList)
    del layers[max(point.layer for point in points) + 1 :]  # what comes later is not read
    (options.out / "fingerprint.json").write_text(fingerprint, encoding="utf-8")
    kept = [e for e in episodes.load(options.data) if e.fold in (*gathered.CALIBRATE, *gathered.VERIFY)]
    lines = [json.dumps(dataclasses.asdict(episode)) for episode in kept]
    (options.out / "episodes.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    shards = [("texts", texts[start : start + SHARD], start) for start in range(0, len(texts), SHARD)]
    texts = results(kept)
    shards += [("results", texts[start : start + SHARD], start) for start in range(0, len(texts), SHARD)]
    for kind, part, start in track(shards, description="reading"):
        shard = options.out / f"{kind}-{start // SHARD:04d}"
        if not shard.with_suffix(".jsonl").exists():
            write(reader, part, points, shard)


def results(kept: list[episodes.Episode]) -> list[corpus.Text]:
    """What the tools answered, each text once, but for what the probe has no word on."""
    texts = {text: episode for episode in kept for text in episode.results if not foreign(text, SCRIPTS)}
    return [corpus.Text(e.source, 0, e.task, text, (), e.run) for text, e in texts.items()]


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
