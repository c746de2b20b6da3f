"""The texts that the injection probe is trained, calibrated and tested on, with their sources.

Reads a folder of public collections (see docs/probes.md for their layout and licences); nothing of it is in this
repository. Each text has a source, a group (texts of one group never stand on both sides of a split), a label, and
for an attack the characters of the injected part where they are known.
"""

from __future__ import annotations

import json
import lzma
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import composed
from folds import CALIBRATE, VERIFY, fold_of

TEMPLATE = re.compile(r"<INFORMATION>.*?</INFORMATION>", re.DOTALL)
UNLEARNED_LANGUAGES = "unlearned_languages"
# Neither trained nor calibrated on; AgentDojo: the live evaluation.
HELD_OUT = ("agentdojo", UNLEARNED_LANGUAGES)
AROUND = 1_000  # characters of a text that something is planted in
UNSPANNED = ("cyberseceval_indirect", "cyberseceval_direct", "cyberseceval_hard")  # tested only


@dataclass(frozen=True, slots=True)
class Text:
    """``spans``: characters of the injected parts; empty for benign texts, None where an attack's are not known."""

    source: str
    label: int
    group: str
    text: str
    spans: tuple[tuple[int, int], ...] | None = ()
    episode: str = ""


def load(data: Path, seed: int = 0) -> list[Text]:
    """All texts, in a fixed order. Raises ``FileNotFoundError`` for a folder without the collections."""
    rng = random.Random(seed)
    recorded = list(_recorded(data))
    observations = list(_observations(data))
    contexts = [
        text
        for text in (*observations, *recorded)
        if not text.label and text.source not in HELD_OUT and fold_of(text.group) not in (*CALIBRATE, *VERIFY)
    ]
    return [
        *recorded,
        *observations,
        *_bipia(data, rng),
        *_triggered(data, observations, rng),
        *_composed(contexts, rng),
        *_cyberseceval(data),
    ]


def _recorded(data: Path) -> Iterator[Text]:
    """Outputs of tools in recorded runs of agents: AgentDyn's suites, and AgentDojo's as recorded by DRIFT."""
    runs = {run["run_id"]: run for run in _lines(data / "runs.jsonl.xz")}
    outputs = {row["output_sha"]: row["text"] for row in _lines(data / "outputs.jsonl.xz")}
    where: dict[str, dict[str, Any]] = {}
    clean: set[str] = set()
    for call in _lines(data / "calls.jsonl.xz"):
        sha = call.get("output_sha")
        if sha in outputs:
            run = runs[call["run_id"]]
            if run["run_kind"] == "clean":
                clean.add(sha)
            if sha not in where or run["run_kind"] == "clean":
                where[sha] = run
    for sha, run in where.items():
        text = outputs[sha]
        found = TEMPLATE.search(text)
        if not text.strip() or (found is None and ("<INFORMATION>" in text or sha not in clean)):
            continue  # an attack cut in two, or an output of an attacked run that may hold something else
        source = "agentdyn" if run["source"] == "agentdyn" else "agentdojo"
        task = f"{run['suite']}/{run['user_task']}"
        yield Text(source, int(found is not None), task, text, (found.span(),) if found else (), task)


def _observations(data: Path) -> Iterator[Text]:
    """What tools answered in judged trajectories: ToolEmu's emulated tools, and safe runs of ASSEBench."""
    seen: set[str] = set()
    for row in _lines(data / "trajectories.jsonl.xz"):
        if row["source"] != "toolemu" and row["label"] != 0:
            continue
        for turn in row["turns"]:
            text = turn.get("observation")
            if text and len(text) > 20 and text not in seen:
                seen.add(text)
                source = "toolemu" if row["source"] == "toolemu" else "assebench"
                yield Text(source, 0, str(row["group"] or row["id"]), text, (), str(row["id"]))


def _bipia(data: Path, rng: random.Random) -> Iterator[Text]:
    texts, codes = (_flat(data / "texts" / f"bipia_{kind}_attacks_train.json") for kind in ("text", "code"))
    mails = [row["context"] for row in _lines(data / "texts/bipia_email_train.jsonl")]
    programs = [
        "\n".join([*row["context"], *row["code"], *row["error"]])
        for row in _lines(data / "texts/bipia_code_train.jsonl")
    ]
    for source, contexts, attacks, each in (
        ("bipia_email", mails, texts, 10),
        ("bipia_code", programs, codes, 6),
    ):
        for number, context in enumerate(contexts):
            group = f"{source}/{number}"
            yield Text(source, 0, group, context, (), group)
            for attack in rng.sample(attacks, each):
                yield planted(Text(source, 1, group, context), [attack], rng)


def _triggered(data: Path, observations: list[Text], rng: random.Random) -> Iterator[Text]:
    """TaskTracker's trigger sentences, each followed by a request, in what a tool answered."""
    requests = _flat(data / "texts/bipia_text_attacks_train.json")
    contexts = [text for text in observations if text.source == "toolemu"]
    for trigger in (data / "texts/tasktracker_triggers.txt").read_text(encoding="utf-8").splitlines():
        if trigger.strip():
            context = rng.choice(contexts)
            attack = f"{trigger.strip()} {rng.choice(requests)}"
            yield planted(Text("tasktracker", 1, context.group, context.text), [attack], rng)


def _composed(
    contexts: list[Text], rng: random.Random, attacks: int = 1000, benign: int = 900
) -> Iterator[Text]:
    """In our own words. Attacks of three sources: in English, in other languages, torn apart; and languages that are
    never learned."""
    for _ in range(attacks):
        context = rng.choice(contexts)
        yield planted(_in(context, "composed"), [composed.instruction(rng)], rng)
    for number in range(attacks):
        context, pieces = rng.choice(contexts), composed.torn(composed.instruction(rng), rng)
        if number % 2:
            yield planted(_in(context, "torn"), pieces, rng)
        else:
            yield Text("torn", 1, context.group, *composed.records(pieces, rng))
    for source, languages, count in (
        ("languages", composed.LEARNED, attacks),
        (UNLEARNED_LANGUAGES, composed.UNLEARNED, attacks // 3),
    ):
        for number in range(count):
            language = languages[number % len(languages)]
            context, text = rng.choice(contexts), composed.foreign_instruction(language, rng)
            around = composed.foreign_harmless(language, rng) if rng.random() < 0.4 else context.text[:AROUND]
            yield planted(Text(source, 1, context.group, around), [text], rng)
        for number in range(count // 2):
            language = languages[number % len(languages)]
            text = composed.foreign_harmless(language, rng)
            if rng.random() < 0.5:
                text = planted(_in(rng.choice(contexts), source, 0), [text], rng).text
            yield Text(source, 0, f"{source}/{number}", text, (), f"{source}/{number}")
    for number in range(benign):
        context, text = rng.choice(contexts), composed.harmless(rng)
        kind = rng.random()
        if kind < 0.4:
            text = planted(_in(context, "composed", 0), [text], rng).text
        elif kind < 0.6:
            text = composed.records([composed.harmless(rng) for _ in range(rng.randint(1, 3))], rng)[0]
        yield Text("composed", 0, f"composed/{number}", text, (), f"composed/{number}")


def _in(context: Text, source: str, label: int = 1) -> Text:
    return Text(source, label, context.group, context.text[:AROUND])


def _cyberseceval(data: Path) -> Iterator[Text]:
    for row in json.loads((data / "texts/cyberseceval_prompt_injection.json").read_text(encoding="utf-8")):
        source = f"cyberseceval_{row['injection_type']}"
        yield Text(source, 1, f"cse/{row['prompt_id']}", row["user_input"], None)
    hard = json.loads((data / "texts/cyberseceval_benign_hard_375.json").read_text(encoding="utf-8"))
    for number, row in enumerate(hard):
        yield Text("cyberseceval_hard", 0, f"hard/{number}", row["mutated_prompt"], (), f"hard/{number}")


def planted(into: Text, pieces: list[str], rng: random.Random) -> Text:
    """``into`` with the pieces, in order, at boundaries of lines and sentences."""
    cuts = [0, len(into.text), *(found.end() for found in re.finditer(r"[.!?\n,]\s+|\\n", into.text))]
    places = sorted(rng.choice(cuts) for _ in pieces)
    text, spans, last = "", [], 0
    for place, piece in zip(places, pieces, strict=True):
        text += into.text[last:place] + rng.choice(("\n", " ", "\n\n", " -- "))
        spans.append((len(text), len(text) + len(piece)))
        text += piece + rng.choice(("\n", " ", "\n\n"))
        last = place
    return Text(into.source, into.label, into.group, text + into.text[last:], tuple(spans))


def _flat(path: Path) -> list[str]:
    return [text for group in json.loads(path.read_text(encoding="utf-8")).values() for text in group]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with (lzma.open if path.suffix == ".xz" else open)(path, "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)
