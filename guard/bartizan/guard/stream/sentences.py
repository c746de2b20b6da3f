"""What is made of a sentence that a rule refuses: a rewriter's words, if the rules let those pass, or none."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from ..types import Missing
from .events import Channel
from .notes import Note
from .rewriting import Rewriter, TextUnit
from .rules import Scanner, ScoreRule
from .setting import Setting


@dataclass(frozen=True, slots=True)
class Made:
    """What may go on to the automaton in a segment's place. ``edited``: it is something else."""

    text: str
    edited: bool = False


class Judge:
    """Scores the sentences of one text, and asks for other words."""

    def __init__(self, channel: Channel, setting: Setting) -> None:
        self._channel = channel
        self._setting = setting
        self._rules: Sequence[ScoreRule] = setting.rules.scores if setting.rules is not None else ()
        self._recent = {rule.id: deque[bool](maxlen=rule.window) for rule in self._rules}
        self._in_run = False

    async def make(self, sent: str, segment: str, scanner: Scanner | None) -> Made:
        """What becomes of a segment after what was sent; ``scanner`` is where the text is now."""
        deadline = self._setting.now() + self._setting.limits.segment
        scored = await self._refusing(sent, segment, deadline)
        why = (*_found(scanner, segment), *(rule.id for rule in scored))
        if not why:
            self._in_run = False
            return Made(segment)
        unit = TextUnit(self._setting.prompt, sent, segment, why, self._channel)
        for rewriter in self._setting.rewriters:
            proposal = await self._proposal(rewriter, unit, scanner, deadline)
            if proposal is not None:
                self._in_run = False
                self._setting.note(Note("rewritten", f"by {_name(rewriter)}", why, held=len(segment)))
                return Made(proposal, edited=True)
        if not scored:
            self._in_run = False
            return Made(segment)  # the automaton redacts it
        first, again = scored[0], self._in_run
        self._in_run = True
        self._setting.note(
            Note("withheld", first.reason, tuple(rule.id for rule in scored), held=len(segment))
        )
        return Made("" if again else _in_place_of(segment, first.instead), edited=True)

    async def _refusing(self, sent: str, segment: str, deadline: float) -> list[ScoreRule]:
        """The rules by which the segment must not leave."""
        measured: dict[str, float | Missing] = {}
        refusing = []
        for rule in self._rules:
            if rule.signal not in measured:
                measured[rule.signal] = await self._score(rule.signal, sent, segment, deadline)
            high = rule.reached(measured[rule.signal])
            recent = self._recent[rule.id]
            recent.append(high)
            if sum(recent) < rule.needed or not high:
                continue
            if rule.shadow:
                self._setting.note(Note("shadow", rule.reason, (rule.id,), held=len(segment)))
            else:
                refusing.append(rule)
        return refusing

    async def _score(self, signal: str, sent: str, segment: str, deadline: float) -> float | Missing:
        setting = self._setting
        if setting.score is None:
            return Missing("nothing measures it")
        left = max(0.0, deadline - setting.now())
        question = partial(setting.score, signal, sent, segment)
        value = await setting.asked(f"the score {signal}", question, left)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            return value if isinstance(value, Missing) else Missing("no value in [0, 1]")
        return float(value)

    async def _proposal(
        self, rewriter: Rewriter, unit: TextUnit, scanner: Scanner | None, deadline: float
    ) -> str | None:
        """What the rewriter proposes, if the rules let it pass in that place."""
        setting = self._setting
        left = min(setting.limits.rewrite, max(0.0, deadline - setting.now()))
        proposal = await setting.asked(_name(rewriter), partial(rewriter.rewrite, unit), left)
        if not isinstance(proposal, str) or len(proposal) > setting.limits.segment_size:
            return None
        try:
            proposal.encode()
        except UnicodeEncodeError:
            return None
        if _found(scanner, proposal):
            return None
        for signal in {rule.signal for rule in self._rules if not rule.shadow}:
            value = await self._score(signal, unit.sent, proposal, deadline)
            if any(rule.reached(value) for rule in self._rules if rule.signal == signal and not rule.shadow):
                return None
        return proposal


def _name(rewriter: Rewriter) -> str:
    try:
        return str(rewriter.name)[:80]
    except Exception:  # noqa: BLE001 (not even its name is to be relied on)
        return type(rewriter).__name__


def _found(scanner: Scanner | None, text: str) -> tuple[str, ...]:
    """The rules that would find something to redact if the text stood here."""
    if scanner is None:
        return ()
    spans = scanner.fork().push(text)
    return tuple(dict.fromkeys(rule for span in spans for rule in span.rules))


def _in_place_of(segment: str, instead: str) -> str:
    """With the segment's white space around it."""
    bare = segment.strip()
    if not bare:
        return instead
    start = segment.index(bare)
    return f"{segment[:start]}{instead}{segment[start + len(bare) :]}"
