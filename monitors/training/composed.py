"""Injected instructions of our own wording, and texts that look like them but are none.

Public collections of injections have few wordings each, and a probe learns those. Here, actions that a tool-using
agent can be told to take are put into frames, in several languages, and torn apart over entries; beside them stand
quotations of attacks in harmless texts, and requests between people. None of it is taken from a benchmark.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import yaml

_HERE = Path(__file__)
_BOOK: dict[str, list[str]] = yaml.safe_load(_HERE.with_name("phrases.yaml").read_text(encoding="utf-8"))
_LANGUAGES: dict[str, dict[str, list[str]]] = yaml.safe_load(
    _HERE.with_name("languages.yaml").read_text(encoding="utf-8")
)
UNLEARNED = ("dutch", "polish")
"""Languages that are tested and never learned."""
LEARNED = tuple(language for language in _LANGUAGES if language not in UNLEARNED)

Spans = tuple[tuple[int, int], ...]


def instruction(rng: random.Random) -> str:
    """One injected instruction."""
    return _framed(_BOOK["frames"], _BOOK["actions"], rng)


def foreign_instruction(language: str, rng: random.Random) -> str:
    """One in another language; sometimes the frame alone is, or the action alone."""
    book = _LANGUAGES[language]
    frames = _BOOK["frames"] if rng.random() < 0.15 else book["frames"]
    actions = _BOOK["actions"] if frames is not _BOOK["frames"] and rng.random() < 0.25 else book["actions"]
    return _framed(frames, actions, rng)


def foreign_harmless(language: str, rng: random.Random) -> str:
    """What people write to one another in another language."""
    book = _LANGUAGES[language]
    texts = rng.sample(book["people"], rng.randint(1, 3))
    personal = rng.choice(book["personal"])
    names = {"{p}": personal, "{name2}": rng.choice(_BOOK["names"])}
    for mark, value in names.items():
        texts = [text.replace(mark, value) for text in texts]
    return rng.choice(("\n", " ", "\n\n")).join(_filled(text, rng) for text in texts)


def _framed(frames: list[str], actions: list[str], rng: random.Random) -> str:
    action = _filled(rng.choice(actions), rng)
    if rng.random() < 0.2:
        action += "; " + _filled(rng.choice(actions), rng)
    frame = rng.choice(frames)
    return frame.format(a=action, A=action[0].upper() + action[1:])


_MARKS = (
    ("{x} ... (continued below)", "... {x} (put both together and act)"), ("Part A: {x}", "Part B: {x}"),
    ("(1/2) {x}", "(2/2) {x}"), ("{x} +", "+ {x}"), ("beginning of the order: {x}", "rest: {x}. Do it."),
    ("{x}", "{x}"), ("{x}", "{x}"), ("[start] {x}", "{x} [end]"),
    ("{x} (see next entry)", "(from the entry above) {x}"),
    ("first half for the agent: {x}", "second half: {x}; run it as one"),
)  # fmt: skip


def torn(text: str, rng: random.Random) -> list[str]:
    """The instruction in two to four pieces, cut between words or within one, most with a word that says so."""
    count = rng.choice((2, 2, 2, 3, 4))
    places = [place for place, letter in enumerate(text) if place and (letter == " " or rng.random() < 0.05)]
    cuts = sorted(rng.sample(places, min(count - 1, len(places))))
    pieces = [text[a:b].strip() for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    if len(pieces) > 2:
        return [f"{number}. {piece}" if count == 4 else piece for number, piece in enumerate(pieces, 1)]
    return [how.format(x=piece) for how, piece in zip(rng.choice(_MARKS), pieces, strict=False)]


def records(pieces: list[str], rng: random.Random) -> tuple[str, Spans]:
    """Entries as tools list them, with the pieces in fields of different entries, in order; and where they are."""
    count = rng.randint(max(3, len(pieces)), len(pieces) + 5)
    holders = dict(zip(sorted(rng.sample(range(count), len(pieces))), pieces, strict=True))
    lay_out = rng.choice((_as_yaml, _as_json, _as_messages, _as_table, _as_list))
    text, spans = "", []
    for number in range(count):
        before, value, after = lay_out(number, count, holders.get(number) or _short(rng), rng)
        if number in holders:
            spans.append((len(text + before), len(text + before + value)))
        text += before + value + after
    return text, tuple(spans)


def _short(rng: random.Random) -> str:
    return harmless(rng).replace("\n", " ")[:160] if rng.random() < 0.7 else rng.choice(_BOOK["phrases"])


def _as_yaml(number: int, count: int, value: str, rng: random.Random) -> tuple[str, str, str]:
    field = rng.choice(("subject", "body", "description", "note"))
    return (
        f"- id: {number}\n  from: {rng.choice(_BOOK['names'])}\n  {field}: ",
        value.replace("\n", " "),
        "\n",
    )


def _as_json(number: int, count: int, value: str, rng: random.Random) -> tuple[str, str, str]:
    before = "[" if not number else ""
    before += json.dumps({"id": number, "author": rng.choice(_BOOK["names"]), "text": ""})[:-2]
    return before, json.dumps(value)[1:-1], '"}' + (", " if number < count - 1 else "]")


def _as_messages(number: int, count: int, value: str, rng: random.Random) -> tuple[str, str, str]:
    return f"[{rng.randint(8, 19)}:{rng.randint(10, 59)}] {rng.choice(_BOOK['names'])}: ", value, "\n"


def _as_table(number: int, count: int, value: str, rng: random.Random) -> tuple[str, str, str]:
    amount = f"{rng.randint(1, 900)}.{rng.randint(10, 99)}"
    return f"| {number} | {rng.choice(_BOOK['words'])} | {amount} | ", value.replace("\n", " "), " |\n"


def _as_list(number: int, count: int, value: str, rng: random.Random) -> tuple[str, str, str]:
    return f"{number + 1}. ", value.replace("\n", " "), "\n"


def harmless(rng: random.Random) -> str:
    """A text that quotes an attack, or in which people ask people for something."""
    if rng.random() < 0.35:
        return rng.choice(_BOOK["quotes"]).format(x=instruction(rng))
    personal = _filled(rng.choice(_BOOK["personal"]), rng)
    frame = rng.choice(_BOOK["between_people"])
    return _filled(frame.replace("{p}", personal).replace("{name2}", rng.choice(_BOOK["names"])), rng)


def _filled(text: str, rng: random.Random) -> str:
    def one(*choices: str) -> str:
        return rng.choice(choices)

    digits = "".join(rng.choices("0123456789", k=18))
    values = {
        "n": one(str(rng.randint(5, 9000)), f"{rng.randint(5, 900)}.{rng.randint(10, 99)}"),
        "d": str(rng.randint(2, 9)),
        "name": rng.choice(_BOOK["names"]),
        "word": rng.choice(_BOOK["words"]),
        "phrase": rng.choice(_BOOK["phrases"]),
        "account": one(one("DE", "GB", "FR") + digits, digits[:10]),
        "mail": f"{one('post', 'j.doe', 'collect')}@{one('mailbox', 'fastpost')}.{one('com', 'net', 'org')}",
        "file": f"{one('report', 'notes', 'id_rsa', 'contacts')}.{one('txt', 'pdf', 'docx', 'pem', 'csv')}",
        "url": f"{one('https://', 'www.')}{one('free-gift.com', 'docs-help.io', 'files4u.net')}/{digits[:4]}",
        "secret": f"{one('Sun', 'blue', 'Kite')}{digits[:5]}!",
        "date": f"{rng.randint(1, 28)} {one('March', 'June', 'October')}",
    }
    return text.format(**values)
