"""The same policy with other numbers, or other names: what a corrector must read, since it cannot have learned it."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from bartizan.policies import compile_policy
from bartizan.policies.program import Program

_CONDITION = re.compile(r"^(\s*(?:when|unless):\s*)(.*)$", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.\"])\d+(?:\.\d+)?(?![\w.\"])")
_TESTS = re.compile(r"^tests:.*\Z", re.MULTILINE | re.DOTALL)

NAMES: Mapping[str, Sequence[str]] = {
    "send_money": ("transfer", "pay_invoice", "wire", "payout", "remit", "settle_bill"),
    "amount": ("sum", "value", "total", "price", "quantity", "figure"),
    "currency": ("money", "unit", "denomination", "kind"),
    "account": ("source", "ledger", "wallet", "from_account", "cost_centre"),
    "payee": ("recipient", "to", "vendor", "beneficiary", "receiver"),
    "urgent": ("rush", "express", "priority", "fast", "now_please"),
    "night": ("weekend", "remote", "intern", "external"),
    "trainee": ("junior", "temp", "visitor", "novice"),
    "payroll": ("wages", "salaries", "staff", "bonus"),
    "travel": ("trips", "events", "fleet", "fuel"),
    "ops": ("it", "plant", "store", "main"),
    "rent": ("lease", "building", "utilities", "office"),
}
"""Other names for what the payments policy names; a name that a policy lacks changes nothing."""


def renumbered(text: str, draw: random.Random) -> str:
    """The policy's text with every number in its conditions changed."""

    def condition(match: re.Match[str]) -> str:
        return match[1] + _NUMBER.sub(lambda number: _other(number[0], draw), match[2])

    return _CONDITION.sub(condition, without_tests(text))


def renamed(text: str, draw: random.Random, names: Mapping[str, Sequence[str]] = NAMES) -> str:
    """The policy's text with some of its names changed, everywhere alike."""
    chosen = {
        name: draw.choice(others) if draw.random() < 0.4 else _word(draw)
        for name, others in names.items()
        if draw.random() < 0.9
    }
    pattern = re.compile(r"(?<![\w.-])(" + "|".join(map(re.escape, chosen)) + r")(?![\w-])|(?<=args\.)(\w+)")
    return pattern.sub(lambda m: chosen.get(m[0], m[0]), without_tests(text)) if chosen else text


def _word(draw: random.Random) -> str:
    """A name that means nothing: nobody can know it, one can only copy it."""
    syllables = (draw.choice("bcdfghklmnprstvz") + draw.choice("aeiou") for _ in range(draw.randint(2, 4)))
    return "".join(syllables) + draw.choice(("", "", "x", "_id", "n", "s"))


def without_tests(text: str) -> str:
    """A variant decides otherwise than the tests of the original say."""
    return _TESTS.sub("", text)


def compiled(text: str) -> Program:
    return compile_policy(text, "variant.yaml")


def variants(path: Path, count: int, seed: int, *, rename: bool) -> list[Program]:
    """``count`` programs with other numbers (and other names) than the policy at ``path``."""
    text, draw = path.read_text(encoding="utf-8"), random.Random(seed)
    found = []
    for _ in range(count):
        other = renumbered(text, draw)
        found.append(compiled(renamed(other, draw) if rename else other))
    return found


def _other(number: str, draw: random.Random) -> str:
    """About as large, of the same form: round, or to the last digit."""
    whole, point, fraction = number.partition(".")
    value = max(1, int(int(whole) * 10 ** draw.uniform(-0.5, 0.5)))
    if draw.random() < 0.5:
        size = 10 ** max(0, len(str(value)) - 2)
        value = max(1, value // size * size)
    digits = (
        "".join(draw.choice("0123456789") for _ in fraction) if draw.random() < 0.3 else "0" * len(fraction)
    )
    return f"{value}{point}{digits}"
