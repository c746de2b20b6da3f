"""What a corrector is asked and what it answers, as JSON: written canonically, read strictly, on both sides.

Asked, ``POST /v1/corrections``, calls or texts::

    {"calls": [{"tool": "pay", "args": {"amount": 740}, "roles": ["clerk"], "conditions": ["amount>100"],
                "policy": "<hash>"}], "within_ms": 900}
    {"texts": [{"prompt": "", "sent": "Fine, ", "segment": "the pin is 4417.", "why": ["no-pins"]}]}

Answered, one for each question, in order; nothing is known where there is no proposal, or no text::

    {"answers": [{"proposals": [{"args": {"amount": 100}, "evidence": {"script": "amount=100"}}]}]}
    {"answers": [{"text": "I may not say."}]}
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from bartizan.guard.canonical import JSON, WRAPPED_DEPTH, canonical_json, scalar_text
from bartizan.guard.errors import MalformedCall
from bartizan.guard.gate import Proposal
from bartizan.guard.stream.events import Channel
from bartizan.guard.stream.rewriting import TextUnit
from bartizan.guard.types import ToolCall
from bartizan.monitors.corrector.reading import CallQuestion
from bartizan.monitors.host.reading import Malformed, a_list, a_text, an_object, parse, seconds

MOST_QUESTIONS = 64
MOST_PROPOSALS = 16
MOST_TEXTS = 256
_CHANNELS = frozenset(get_args(Channel))


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: questions of one kind, and within how many seconds their answers are of use."""

    calls: tuple[CallQuestion, ...] = ()
    texts: tuple[TextUnit, ...] = ()
    within: float | None = None


def write_calls(questions: Sequence[CallQuestion], within: float) -> bytes:
    """The body of a request."""
    calls: list[JSON] = [
        {
            "tool": question.call.tool,
            "args": question.call.arguments(),
            "roles": list(question.roles),
            "conditions": list(question.conditions or ()),
            "policy": question.policy,
        }
        for question in questions
    ]
    return canonical_json({"calls": calls, "within_ms": round(within * 1e3, 3)}, max_depth=WRAPPED_DEPTH)


def write_texts(units: Sequence[TextUnit], within: float) -> bytes:
    """The body of a request. Lone surrogates become U+FFFD."""
    texts: list[JSON] = [
        {
            "prompt": scalar_text(unit.prompt),
            "sent": scalar_text(unit.sent),
            "segment": scalar_text(unit.segment),
            "why": list(unit.why),
            "channel": unit.channel,
        }
        for unit in units
    ]
    return canonical_json({"texts": texts, "within_ms": round(within * 1e3, 3)})


def read_asked(body: bytes) -> Asked:
    """What is asked. Raises :class:`Malformed`."""
    found = an_object(parse(body), "$", (), ("calls", "texts", "within_ms"))
    if ("calls" in found) == ("texts" in found):
        raise Malformed("$", 'expected either "calls" or "texts"')
    kind = "calls" if "calls" in found else "texts"
    within = seconds(found.get("within_ms"), "$.within_ms")
    questions = a_list(found[kind], f"$.{kind}", 1, MOST_QUESTIONS)
    places = [(question, f"$.{kind}[{number}]") for number, question in enumerate(questions)]
    if kind == "calls":
        return Asked(calls=tuple(_call(*each) for each in places), within=within)
    return Asked(texts=tuple(_text(*each) for each in places), within=within)


def write_proposals(answers: Sequence[Sequence[Proposal]]) -> bytes:
    """The body of an answer to calls."""
    written: list[JSON] = [
        {"proposals": [{"args": dict(one.args), "evidence": dict(one.evidence)} for one in answer]}
        for answer in answers
    ]
    return canonical_json({"answers": written}, max_depth=WRAPPED_DEPTH)


def write_rewrites(answers: Sequence[str | None]) -> bytes:
    """The body of an answer to texts."""
    written: list[JSON] = [{"text": None if text is None else scalar_text(text)} for text in answers]
    return canonical_json({"answers": written})


def read_proposals(body: bytes, count: int, origin: str) -> list[list[Proposal]]:
    """Raises :class:`Malformed`."""
    answers = []
    for number, answer in enumerate(_answers(body, count)):
        place = f"$.answers[{number}].proposals"
        proposals = []
        for one in a_list(answer.get("proposals"), place, 0, MOST_PROPOSALS):
            args, evidence = (one.get(key) if isinstance(one, dict) else None for key in ("args", "evidence"))
            if not isinstance(args, dict) or not isinstance(evidence, dict):
                raise Malformed(place, 'expected objects with "args" and "evidence"')
            proposals.append(Proposal(args, origin, evidence))
        answers.append(proposals)
    return answers


def read_rewrites(body: bytes, count: int) -> list[str | None]:
    """Raises :class:`Malformed`."""
    texts = [answer.get("text", 0) for answer in _answers(body, count)]
    if not all(text is None or isinstance(text, str) for text in texts):
        raise Malformed("$.answers", "expected texts or null")
    return texts


def _answers(body: bytes, count: int) -> list[dict[str, Any]]:
    found = parse(body)
    answers = found.get("answers") if isinstance(found, dict) else None
    if (
        not isinstance(answers, list)
        or len(answers) != count
        or not all(isinstance(a, dict) for a in answers)
    ):
        raise Malformed("$.answers", f"expected {count} objects")
    return answers


def _call(found: JSON, place: str) -> CallQuestion:
    fields = an_object(found, place, {"tool", "args", "roles", "conditions", "policy"})
    roles, conditions = (_texts(fields[key], f"{place}.{key}") for key in ("roles", "conditions"))
    policy = a_text(fields["policy"], f"{place}.policy")
    try:
        call = ToolCall.of("asked", fields["tool"], fields["args"])
    except MalformedCall:
        raise Malformed(place, "expected a tool's name and its arguments as an object") from None
    return CallQuestion(call, roles, conditions, policy)


def _text(found: JSON, place: str) -> TextUnit:
    told = an_object(found, place, {"prompt", "sent", "segment"}, {"why", "channel"})
    fields = {"why": [], "channel": "content", **told}
    prompt, sent, segment = (a_text(fields[key], f"{place}.{key}") for key in ("prompt", "sent", "segment"))
    channel: Any = a_text(fields["channel"], f"{place}.channel")
    if channel not in _CHANNELS:
        raise Malformed(f"{place}.channel", f"expected one of {', '.join(sorted(_CHANNELS))}")
    why = _texts(fields["why"], f"{place}.why")
    return TextUnit(prompt, sent, segment, why, channel)


def _texts(found: JSON, place: str) -> tuple[str, ...]:
    return tuple(a_text(text, place) for text in a_list(found, place, 0, MOST_TEXTS))
