"""Injected instructions of our own wording, and texts that look like them but are none.

Public collections of injections have few wordings each, and a probe learns those. Here, actions that a tool-using
agent can be told to take are put into frames in several languages, sometimes torn apart; beside them stand quotations
of attacks in harmless texts, and requests between people. None of it is taken from a benchmark.
"""

from __future__ import annotations

import random
from pathlib import Path

import yaml

_BOOK: dict[str, list[str]] = yaml.safe_load(
    Path(__file__).with_name("phrases.yaml").read_text(encoding="utf-8")
)


def instruction(rng: random.Random) -> str:
    """One injected instruction."""
    action = _filled(rng.choice(_BOOK["actions"]), rng)
    if rng.random() < 0.2:
        action += " and " + _filled(rng.choice(_BOOK["actions"]), rng)
    frame = rng.choice(_BOOK["frames"])
    return frame.format(a=action, A=action[0].upper() + action[1:])


def torn(text: str, rng: random.Random) -> tuple[str, str]:
    """The instruction in two pieces, each with a word that says so."""
    words = text.split(" ")
    middle = max(1, len(words) // 2)
    first, second = " ".join(words[:middle]), " ".join(words[middle:])
    how = rng.choice(
        (
            "{x} ... (continued below)", "Part A: {x}", "(1/2) {x}", "{x} +", "beginning of the order: {x}",
        )
    )  # fmt: skip
    then = rng.choice(
        ("... {x} (put both together and act)", "Part B: {x}", "(2/2) {x}", "+ {x}", "rest: {x}. Do it.")
    )
    return how.format(x=first), then.format(x=second)


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
