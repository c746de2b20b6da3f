"""What our corrector is told of a refused call: the call, who asks, and the conditions that refused it.

::

    CALL send_money:*amount=9000.0;*urgent=true CONTEXT clerk CORE amount>500.0 & urgent OUT

A star marks what may be edited; a choice of values stands behind a ``?``. Values that no condition names and that may
not be edited are left out, so that inputs are short. All of it is known wherever a call is refused: the conditions come
from the decision's reasons, and a sum over the session's past calls is worked out from its events and taken off the
limit, so that what is left of a budget stands there as a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from bartizan.guard.canonical import canonical_json
from bartizan.guard.correction import Refused
from bartizan.guard.types import Session, ToolCall

from . import vocabulary
from .script import path_text

MOST_VALUE = 40
"""Bytes of one value that are shown; of a longer one, the beginning."""


@dataclass(frozen=True, slots=True)
class ToolReading:
    """What may be edited of one tool's calls: paths as scripts write them, with the values to choose from, if any."""

    editable: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallQuestion:
    """All that a corrector is told of a refused call, as JSON can say it: it may be asked on another machine.

    ``conditions`` are those that refused the call (``None``: not told), ``policy`` is the hash of what decided.
    """

    call: ToolCall
    roles: tuple[str, ...]
    conditions: tuple[str, ...] | None
    policy: str = ""

    @classmethod
    def of(cls, refused: Refused, *, told: bool = True) -> CallQuestion:
        roles = tuple(sorted(refused.request.principal.roles))
        core = tuple(conditions(refused)) if told else None
        return cls(refused.request.call, roles, core, refused.program.hash)


def call_input(refused: Refused, tools: Mapping[str, ToolReading], *, told: bool = True) -> list[int]:
    """The tokens that the model reads before it writes a script for this call.

    Not ``told``, it reads only the call and who asks, and must know the policy; training does so now and then.
    """
    return question_input(CallQuestion.of(refused, told=told), tools)


def question_input(question: CallQuestion, tools: Mapping[str, ToolReading]) -> list[int]:
    """The same, from what a question says."""
    call = question.call
    core = "\n".join(question.conditions) if question.conditions is not None else None
    shown = ";".join(_fields(call.args, tools.get(call.tool, ToolReading()), core))
    return vocabulary.ids(
        vocabulary.CALL, f"{call.tool}:{shown}", vocabulary.CONTEXT, ",".join(question.roles),
        vocabulary.CORE, core or "", vocabulary.OUT,
    )  # fmt: skip


def text_input(sent: str, segment: str, *, about: str = "", most_sent: int = 96) -> list[int]:
    """The tokens for a segment of text: what it must agree with, the end of what was sent, and the segment with marks.

    Before every word and every mark of punctuation stands its offset in bytes: scripts of texts name offsets, and a
    number that stands there can be copied where one that must be counted is often wrong.
    """
    before = sent.encode()[-most_sent:].decode(errors="ignore")
    return vocabulary.ids(
        vocabulary.TEXT,
        about,
        vocabulary.CORE,
        before,
        vocabulary.CONTEXT,
        *_numbered(segment),
        vocabulary.OUT,
    )


def conditions(refused: Refused) -> list[str]:
    """The conditions that refused the call, one line a rule, shortened and with what the session adds up worked out.

    In the order of the numbers that they compare with: of several limits, the lowest comes first.
    """
    session, now = refused.session, refused.request.now
    lines: list[str] = []
    if refused.decision.allowed:
        return lines
    for reason in refused.decision.reasons:
        atoms = [short(_without_sums(atom, session, now)) for atom in reason.atoms]
        lines.append("&".join(atoms) if atoms else reason.rule)
    return sorted(lines, key=_tightest)


_BOUND = re.compile(r"[<>]=?(-?\d+(?:\.\d+)?)")


def _tightest(line: str) -> float:
    """The lowest number that a line compares with: of upper bounds the tightest is first, what has none is last."""
    return min((float(number) for number in _BOUND.findall(line)), default=float("inf"))


_WORDS = re.compile(r'"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?![\w.])|[A-Za-z_][\w.]*|\s+|.', re.DOTALL)


def short(condition: str) -> str:
    """A condition without ``args.`` and spaces, its numbers as JSON writes them: what is copied stands there as is."""
    pieces = []
    for piece in _WORDS.findall(condition):
        if piece.startswith("args."):
            pieces.append(piece[5:])
        elif piece == "principal.roles":
            pieces.append("roles")
        elif piece.isspace():
            continue
        elif piece[-1].isdigit() and "." in piece and piece[0] in "-0123456789":
            pieces.append(json.dumps(float(piece)).removesuffix(".0"))
        else:
            pieces.append(f" {piece} " if piece == "in" else piece)
    return "".join(pieces)


# --- fields


def _fields(args: Mapping[str, Any], reading: ToolReading, core: str | None) -> Iterator[str]:
    for path, value in scalars(args):
        text = path_text(path)
        named = core is None or re.search(rf"\b{re.escape(path[0])}\b", core) is not None
        if text in reading.editable:
            choices = reading.editable[text]
            offered = "?" + ",".join(_shown(v) for v in choices if v != value) if choices and named else ""
            yield f"*{text}={_shown(value)}{offered}"
        elif named:
            yield f"{text}={_shown(value)}"


def scalars(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every scalar of some arguments with its path, in order of the paths; empty objects and lists count as scalars."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from scalars(value[key], (*path, key))
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):
            yield from scalars(item, (*path, str(index)))
    elif path:
        yield path, value


def _shown(value: Any) -> str:
    text = canonical_json(value)
    return text.decode() if len(text) <= MOST_VALUE else text[:MOST_VALUE].decode(errors="ignore") + "…"


# --- sums over the session


_SUM = re.compile(
    r'session\.sum\("(?P<tool>[^"]+)",\s*"(?P<field>\w+)"(?:,\s*within="(?P<within>\d+[smhd])")?\)'
)
_BUDGET = re.compile(
    r"^\s*(?P<spent>-?[\d.]+)\s*\+\s*(?P<term>[\w.]+)\s*(?P<op>>=?)\s*(?P<limit>-?\d+(?:\.\d+)?)\s*$"
)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def _without_sums(atom: str, session: Session, now: int) -> str:
    """``session.sum("pay", "amount", within="24h") + args.amount > 1000.00`` with 730 spent: ``args.amount > 270.00``.

    A sum that the session's kept events cannot give (some were dropped, a value is no number) stays as it is.
    """

    def worked_out(match: re.Match[str]) -> str:
        total = spent(session, now, match["tool"], match["field"], match["within"])
        return match[0] if total is None else str(total)

    found = _SUM.sub(worked_out, atom)
    budget = _BUDGET.match(found)
    if budget is None:
        return found
    left = Decimal(budget["limit"]) - Decimal(budget["spent"])
    return f"{budget['term']} {budget['op']} {left}"


def spent(session: Session, now: int, tool: str, name: str, within: str | None) -> Decimal | None:
    """The sum of an argument over the session's past calls of a tool; None if its events cannot tell."""
    if session.dropped:
        return None
    oldest = now - int(within[:-1]) * _SECONDS[within[-1]] * 1_000_000 if within else None
    total = Decimal(0)
    for event in session.events:
        if event.kind != "call" or event.call is None or event.tool != tool:
            continue
        if oldest is None or event.time >= oldest:
            try:
                total += Decimal(str(event.call.args[name]))
            except (KeyError, InvalidOperation):
                return None
    return total


# --- texts


_MARKED = re.compile(r"[,.;:!?]+(?=\s|$)|\s*\S+?(?=[,.;:!?]*(?:\s|$))|\s+", re.DOTALL)


def _numbered(segment: str) -> Iterator[int | str]:
    at = 0
    for match in _MARKED.finditer(segment):
        yield from (vocabulary.PLACE, f"{at}|{match[0]}")
        at += len(match[0].encode())
    yield from (vocabulary.PLACE, str(at))


def marks(segment: str) -> Sequence[int]:
    """The offsets that :func:`text_input` shows, the end among them."""
    offsets = [0]
    for match in _MARKED.finditer(segment):
        offsets.append(offsets[-1] + len(match[0].encode()))
    return offsets
