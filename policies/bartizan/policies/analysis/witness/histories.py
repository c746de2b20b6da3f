"""Histories for what session operators read: looked for with the registers that run, one event after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...language.values import E, conform
from ...policy import CheckedPolicy
from ..answers import Budget
from ..encode.symbols import Amount, Condition, rank_of
from ..formula import Formula, Model
from ..sequences.search import Search
from ..sequences.trace import Trace, read_trace
from ..sequences.unroll import Option
from .assign import Assignment, pins
from .assumptions import Read, reads_of
from .draft import draft
from .past_events import FindHistory
from .question import Question
from .readable import readable

DEPTH = 4
MOST = 32


def by_search(policy: CheckedPolicy, budget: Budget, depth: int = DEPTH) -> FindHistory:
    """Finds short sessions of ``policy`` after which the call's operators read as in the model.

    At most ``depth`` events, and as many more as have to be counted (up to :data:`MOST`).

    The call stays the one of the model. First all operators have to read so, then those only that something must have
    happened for.
    """

    def find(question: Question, wanted: Formula, model: Model) -> Trace | None:
        drafted = draft(question.encoder, question.moment, question.decl, model)
        if "call" not in drafted.case or question.decl.name not in policy.tools:
            return None
        args = conform(drafted.case["call"]["args"], question.decl.args)
        reads = list(reads_of(question, model))
        needed = [read for read in reads if read.value is E or read.value]
        counted = max((read.number for read in needed), default=0)
        for these in (reads, needed) if needed else ():
            found = _search(policy, budget, depth + min(counted, MOST), question, args, these)
            if found is not None:
                return found
        return None

    return find


def _search(
    policy: CheckedPolicy,
    budget: Budget,
    depth: int,
    question: Question,
    args: object,
    reads: Sequence[Read],
) -> Trace | None:
    search = Search(policy, [question.decl.name], budget, about=[read.node for read in reads])
    f = search.encoder.formulas
    for _ in range(depth + 1):
        if search.unrolling.steps:
            search.unrolling.settle()
        last = search.unrolling.extend().option("call", question.decl.name)
        assignment = Assignment(search.encoder)
        assignment.value(last.moment.inputs["args"], args)
        asked = [*pins(f, assignment.model()), *_same_reads(search, last, reads)]
        found = search.check(*asked)
        if isinstance(found, Model):
            return read_trace(
                search.encoder,
                readable(search.unrolling, search.check, found, asked, last),
                search.unrolling.steps,
                last,
            )
    return None


def _same_reads(search: Search, option: Option, reads: Sequence[Read]) -> Iterator[Formula]:
    f = search.encoder.formulas
    for read in reads:
        symbol = search.encoder.encode(read.node, option.moment)
        match symbol:
            case Condition(true, false):
                known = f.either(true, false)
                yield f.neg(known) if read.value is E else true if read.value else false
            case Amount(defined, number):
                if read.value is E:
                    yield f.neg(defined)
                else:
                    value = rank_of(read.value) if isinstance(read.value, float) else read.value
                    yield f.both(defined, f.equal(number, f.constant(value)))
