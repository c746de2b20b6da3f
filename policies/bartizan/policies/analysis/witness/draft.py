"""The call (or result) of a model as an entry of a policy's ``tests:``, still without a session."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any as Json

from ...casework import DEFAULT_NOW
from ...language.types import ToolDecl
from ..encode.expressions import Encoder, Moment
from ..formula import Model
from .assign import follow
from .decode import Decoder, opaque_word, time_text
from .sessions import Wish
from .simplest import RESULT
from .words import opaque, subjects_of

NOBODY = {"id": "anonymous", "roles": []}


@dataclass(frozen=True, slots=True)
class Draft:
    """``case`` says what can be said of the moment; ``wishes`` are what provenance should answer about it."""

    case: Mapping[str, Json]
    wishes: tuple[Wish, ...]
    now: int


def draft(encoder: Encoder, moment: Moment, decl: ToolDecl, model: Model) -> Draft:
    """A moment made concrete."""
    words = {subject.path: opaque(subject, model) for subject in subjects_of(moment)}
    decoder = Decoder(encoder, model, lambda path: words.get(path) or opaque_word(path))
    case: dict[str, Json] = {}
    args = decoder.value(moment.inputs["args"], decl.args) if "args" in moment.inputs else {}
    subject = {"tool": decl.name} | ({"args": args} if args else {})
    raw: dict[str, Json] = {"args": args}
    if "result" in moment.inputs:
        seen = decoder.value(moment.inputs["result"], RESULT, "result")
        raw["result"] = {"text": seen["text"]}
        case["result"] = subject | {"text": seen["text"]} | ({"error": True} if seen["is_error"] else {})
    else:
        case["call"] = subject | {"args": args}
    now = decoder.now(moment)
    if now != DEFAULT_NOW:
        case["now"] = time_text(now)
    if "principal" in moment.inputs:
        principal = decoder.principal(moment)
        if principal != NOBODY:
            case["principal"] = {key: value for key, value in principal.items() if value != []}
    signals = decoder.signals(moment)
    if signals:
        case["signals"] = signals
    return Draft(case, tuple(_wishes(decoder, moment, model, raw)), now)


def _wishes(decoder: Decoder, moment: Moment, model: Model, raw: Json) -> list[Wish]:
    intended = dict(decoder.origins(moment))
    wishes = []
    for subject in subjects_of(moment):
        value = follow(raw, subject.path)
        if value is not None:
            answers = {(p, tool): intended[p, subject.path, tool] for p, tool in subject.answers}
            wishes.append(Wish(subject.path, value, answers))
    return wishes
