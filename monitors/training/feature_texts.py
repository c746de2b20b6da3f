"""The texts behind the embedded autoencoder and its named features, and what the reader's activations on them are.

Three parts: ``learn`` (the autoencoder is trained and features are chosen on it), ``check`` (held out by group: how
well the autoencoder reconstructs, how often a feature fires on benign results) and ``never`` (sources of which nothing
was learned: AgentDojo, CyberSecEval). The folds of groups that calibrate and verify the injection probe are not learned
from either.
"""

from __future__ import annotations

import json
import lzma
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import corpus
import numpy as np
import numpy.typing as npt
from folds import CALIBRATE, VERIFY, fold_of
from rich.progress import track

from bartizan.monitors.capture import HookPoint
from bartizan.monitors.errors import ReaderError
from bartizan.monitors.reader import Reader, Reading
from bartizan.monitors.sae_training import Activations, ActivationWriter

Part = Literal["learn", "check", "never"]
Array = npt.NDArray[np.float32]

MOST = 4_000  # characters of a text
LIMITS = {  # texts of one channel, source, label and part; the others are taken whole
    ("result", "agentdyn"): 200, ("result", "composed"): 300, ("result", "torn"): 200, ("result", "languages"): 200,
    ("result", "tasktracker"): 200, ("result", "bipia_email"): 200, ("result", "bipia_code"): 100,
    ("result", "toolemu"): 700, ("result", "agentdojo"): 100, ("result", "cyberseceval_direct"): 0,
    ("result", "cyberseceval_hard"): 200, ("result", "unlearned_languages"): 100,
    ("agent", "agentdyn"): 250, ("agent", "toolemu"): 600, ("agent", "assebench"): 150, ("user", "assebench"): 60,
}  # fmt: skip
CHECKED = 0.4  # how much of a limit the part that is held out may take
READ_AT_ONCE = 512  # texts
META = "meta.json"
COMPOSED = ("composed", "torn", "languages")


class Said(NamedTuple):
    """A text, and whose words it is: ``result``, ``user`` or ``agent``."""

    part: Part
    channel: str
    text: corpus.Text


@dataclass(frozen=True, slots=True)
class Labelled:
    """A text whose activations are on disk, and which of its tokens are injected (None: nobody knows)."""

    part: Part
    channel: str
    source: str
    label: int
    group: str
    text: str
    injected: tuple[int, ...] | None
    start: int
    """Its first row in the folder of its activations."""
    tokens: int

    @property
    def rows(self) -> slice:
        return slice(self.start, self.start + self.tokens)


def gather(data: Path, out: Path, reader: Reader, point: HookPoint) -> None:
    """Write ``out/activations`` (what is learned from; its last tenth is of ``check``) and ``out/apart`` (the rest).

    Each has rows of activations and ``texts.jsonl``. What is finished is not made again.
    """
    if (out / "apart" / META).exists():
        return
    by_part: dict[Part, list[Said]] = {"learn": [], "check": [], "never": []}
    for part, channel, text in _chosen(data):
        by_part[part].append(Said(part, channel, text))
    for part in ("learn", "check"):
        random.Random(0).shuffle(by_part[part])
    reader = reader.down_to([point])
    learned = sum(_tokens(reader, said) for said in by_part["learn"])
    tail, size = 0, 0
    while size < learned // 10:
        size += _tokens(reader, by_part["check"][tail])
        tail += 1
    _write(reader, point, out / "activations", by_part["learn"] + by_part["check"][: tail - 1])
    _write(reader, point, out / "apart", by_part["check"][tail - 1 :] + by_part["never"])


def _tokens(reader: Reader, said: Said) -> int:
    try:
        return len(reader.spans(said.text.text))
    except ReaderError:
        return 0  # it will not be read


def load(folder: Path) -> tuple[list[Labelled], Activations]:
    """What :func:`gather` wrote to one of its folders."""
    lines = (folder / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    texts = [
        Labelled(**{**row, "injected": None if row["injected"] is None else tuple(row["injected"])})
        for row in rows
    ]
    return texts, Activations(folder)


def _chosen(data: Path) -> Iterator[tuple[Part, str, corpus.Text]]:
    rng = random.Random(1)
    found: dict[tuple[str, str, int, Part], list[corpus.Text]] = defaultdict(list)
    for channel, text in _all(data):
        if (part := _part(text)) is not None and len(text.text) <= MOST and text.text.strip():
            found[channel, text.source, text.label, part].append(text)
    for (channel, source, _, part), texts in found.items():
        most = LIMITS.get((channel, source), len(texts))
        if part == "check" and (channel, source) in LIMITS:
            most = int(CHECKED * most)
        for text in rng.sample(texts, min(most, len(texts))):
            yield part, channel, text


def _part(text: corpus.Text) -> Part | None:
    if text.source in corpus.HELD_OUT or text.source.startswith("cyberseceval"):
        return "never"
    # Composed attacks stand in contexts that are learned from: of those, texts are held out one by one.
    fold = fold_of(text.text if text.label and text.source in COMPOSED else text.group)
    if fold in VERIFY:
        return "check"
    return None if fold in CALIBRATE else "learn"


def _all(data: Path) -> Iterator[tuple[str, corpus.Text]]:
    yield from (("result", text) for text in corpus.load(data))
    seen: set[str] = set()
    for channel, text in (*_trajectories(data), *_runs(data)):
        if len(text.text) > 20 and text.text not in seen:
            seen.add(text.text)
            yield channel, text


def _trajectories(data: Path) -> Iterator[tuple[str, corpus.Text]]:
    """What users asked for and what agents thought and answered, in judged trajectories."""
    for row in _lines(data / "trajectories.jsonl.xz"):
        source, group = row["source"].partition("-")[0], str(row["group"] or row["id"])
        words = [("user", row["user"]), ("agent", row["final"])]
        words += [("agent", turn.get("thought")) for turn in row["turns"]]
        yield from ((channel, corpus.Text(source, 0, group, said)) for channel, said in words if said)


def _runs(data: Path) -> Iterator[tuple[str, corpus.Text]]:
    """What users asked for and what agents answered, in recorded runs; nothing of AgentDojo's suites."""
    for run in _lines(data / "runs.jsonl.xz"):
        if run["source"] == "agentdyn":
            group = f"{run['suite']}/{run['user_task']}"
            for channel, said in (("user", run["user_prompt"]), ("agent", run["final_answer"])):
                if said:
                    yield channel, corpus.Text("agentdyn", 0, group, said)


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _write(reader: Reader, point: HookPoint, folder: Path, texts: Sequence[Said]) -> None:
    if (folder / META).exists():
        return
    lines: list[str] = []
    with ActivationWriter(
        folder, d_in=reader.fingerprint.d_model, hook_point=str(point), fingerprint=reader.fingerprint.json(),
        resume=True,
    ) as writer:  # fmt: skip
        for start in track(range(0, len(texts), READ_AT_ONCE), description=f"reading: {folder.name}"):
            some = texts[start : start + READ_AT_ONCE]
            readings = reader.read([said.text.text for said in some], {point: None})
            for said, found in zip(some, readings, strict=True):
                if isinstance(found, Reading) and len(found.spans):
                    lines.append(_line(said, found, writer.tokens))
                    writer.write(found.numbers[point].float().numpy())
        (folder / "texts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _line(said: Said, found: Reading, start: int) -> str:
    text, injected = said.text, None
    if text.spans is not None:
        injected = [
            number
            for number, (first, last) in enumerate(found.spans)
            if any(first < end and last > begin for begin, end in text.spans)
        ]
    row = {
        "part": said.part, "channel": said.channel, "source": text.source, "label": text.label, "group": text.group,
        "text": text.text, "injected": injected, "start": start, "tokens": len(found.spans),
    }  # fmt: skip
    return json.dumps(row)
