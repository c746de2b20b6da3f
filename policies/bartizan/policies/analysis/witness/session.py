"""Sessions that a search has found, replayed: every call decided by the real program in its turn, then the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any as Json

from bartizan.guard import Outcome

from ...evaluation.scope import Scope
from ...program import Program
from ..answers import Counterexample
from ..encode.decision import verdict
from .past_events import Told, Traces, told
from .prediction import Mismatch, decided
from .replay import Result, denials_hold, expecting, is_expressible, past_calls, stage
from .sessions import Wish, cases
from .supposing import Asked, SupposingProgram, asked


def violation(program: Program, trace: Traces, *, exactly: bool = True) -> Counterexample:
    """The session of a model: its calls are let go (approved where the program asks), then comes the last.

    Where no session makes provenance answer as the model has it, that is assumed, and the rest is replayed; unless
    only the outcome matters (not ``exactly``), and it is the same with other answers.

    Raises:
        Mismatch: the program stops a call of the session, or makes something else of the last: an internal error.
    """
    return _Replay(program, trace, told(trace, program.tools), exactly).counterexample()


@dataclass(frozen=True, slots=True)
class _Replay:
    program: Program
    trace: Traces
    found: Told
    exactly: bool

    def counterexample(self) -> Counterexample:
        expected = self._predicted()
        first: dict[str, Json] | None = None
        for case in cases(self.found.last.case, self.found.wishes, self.program.tools):
            first = first or case
            happened = self._happens(self.program, case, expected)
            if happened is not None and not (self.exactly and list(self._missed(case))):
                return Counterexample(expecting(case, happened), happened.outcome, happened.because)
        assert first is not None
        for wishes in (list(self._missed(first)), list(self._wished())):
            given, sentences = _granted(wishes)
            happened = self._happens(SupposingProgram(self.program.policy, given), first, expected)
            if happened is not None:
                return Counterexample(
                    expecting(first, happened), happened.outcome, happened.because, sentences
                )
        seen = (
            past_calls(self.program, first, self.found.principals),
            stage(self.program, first).happen(self.program),
        )
        raise Mismatch(f"calls that are let go, then {expected}", seen, first)

    def _predicted(self) -> Result:
        """What the model has the program make of the last call."""
        last = self.trace.call
        assert last.happening.tool is not None
        side = verdict(self.trace.encoder, self.program.policy, last.happening.tool, last.moment)
        return decided(side, self.trace.model)

    def _happens(self, program: Program, case: Mapping[str, Json], expected: Result) -> Result | None:
        """What becomes of the last call, if all before it are let go and it is as expected."""
        if not is_expressible(case):
            return None
        if Outcome.DENY in past_calls(program, case, self.found.principals) or not denials_hold(
            program, case
        ):
            return None
        happened = stage(program, case).happen(program)
        return happened if happened.outcome is expected.outcome else None

    def _missed(self, case: Mapping[str, Json]) -> Iterator[tuple[Wish, tuple[str, str | None]]]:
        """The answers that are not as wished, at the time of the call that they are about."""
        if not is_expressible(case):
            return
        scope = stage(self.program, case).scope(self.program, self.program.tools[case["call"]["tool"]])
        calls = [event.scope for event in scope.past if event.kind in ("call", "denied")]
        for here, wishes in zip((*calls, scope), self.found.calls, strict=True):
            for wish in wishes:
                for key, answer in wish.answers.items():
                    if _answer(here, wish.value, *key) is not answer:
                        yield wish, key

    def _wished(self) -> Iterator[tuple[Wish, tuple[str, str | None]]]:
        for wish in self.found.wishes:
            for key in wish.answers:
                yield wish, key


def _answer(scope: Scope, value: Json, predicate: str, tool: str | None) -> bool | None:
    found: bool | None = getattr(scope.sources(), predicate)(value, *([tool] if tool else []))
    return found


def _granted(
    wishes: Sequence[tuple[Wish, tuple[str, str | None]]],
) -> tuple[dict[Asked, bool | None], tuple[str, ...]]:
    """Answers as wished, and that in words."""
    given: dict[Asked, bool | None] = {}
    sentences: dict[str, None] = {}
    for wish, (predicate, tool) in wishes:
        answer = wish.answers[predicate, tool]
        given[asked(predicate, tool, wish.value)] = answer
        shown = "unknown" if answer is None else str(answer).lower()
        about = f'{wish.path}, "{tool}"' if tool else wish.path
        sentences[f"{predicate}({about}) is {shown} for {wish.value!r}"] = None
    return given, tuple(sentences)
