"""What an analysis answers: proved, refuted by a counterexample, or unknown. Unknown is never a pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any as Json
from typing import Literal

from bartizan.guard import Outcome


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A concrete call, with what happened before it, that shows something about a policy.

    It was replayed in the evaluator: ``outcome`` and ``because`` are what the policy really answers.

    Attributes:
        case: the situation as an entry of a policy's ``tests:`` (``call`` or ``result``, ``prompt``, ``history``,
            ``signals``, ``principal``, ``now``), JSON.
        outcome: what the policy makes of the call; None for a result.
        because: the ids of the rules that determined it.
        assumed: what had to be taken for granted, a sentence each, because no concrete session was found that
            shows it (an overflowed provenance index, say). Empty when ``case`` is the whole story, and only then
            can it be saved as a test.
    """

    case: Mapping[str, Json]
    outcome: Outcome | None = None
    because: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proved:
    """It holds. ``how`` says by what: the induction that was needed; ``core`` are the rules that suffice.

    ``witness`` is the session that shows it, where a session can: what is claimed to be possible is.
    """

    how: str = ""
    core: tuple[str, ...] = ()
    witness: Counterexample | None = None


@dataclass(frozen=True, slots=True)
class Refuted:
    """It does not hold: ``counterexample`` shows it. None where nothing can: what was claimed to be possible is not."""

    counterexample: Counterexample | None


@dataclass(frozen=True, slots=True)
class Unknown:
    """The budget ended first, or something could not be asked. A failing answer."""

    reason: str


Answer = Proved | Refuted | Unknown
SecondOpinion = Literal["never", "on-unknown", "always"]


@dataclass(frozen=True, slots=True)
class Budget:
    """What one question may cost.

    Attributes:
        rlimit: Z3's resource units: reproducible on any machine.
        steps: what the string engine may do for one conjunction (a million are about half a second).
        rounds: how often a proposal of the solver may be refuted by the strings.
        seconds: wall clock for one question, after which the worker is killed: a backstop.
        megabytes: address space of the worker process.
        second_opinion: when cvc5 is asked the same question: where this package's solver does not know, always
            (a contradiction is an error), or never.
    """

    rlimit: int = 30_000_000
    steps: int = 1_500_000
    rounds: int = 2_000
    seconds: float = 60.0
    megabytes: int = 1_024
    second_opinion: SecondOpinion = "on-unknown"
