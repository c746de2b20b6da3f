"""The words around a text to be corrected, as published correctors were trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model reads: tokens ``before``, and a text after them that its answer continues."""

    before: tuple[int, ...]
    text: str


class Template(Protocol):
    """Makes a prompt of a question, what was said already, and the piece to be corrected."""

    def prompt(self, tokenizer: Any, question: str, sent: str, piece: str) -> Prompt: ...


@dataclass(frozen=True, slots=True)
class Aligner:
    """The Aligner's (arXiv 2402.02416): an answer to a question. What was sent before it cannot be told."""

    def prompt(self, tokenizer: Any, question: str, sent: str, piece: str) -> Prompt:
        text = f"##Question: {question}\n##Answer: {piece}\n##Correction: "
        return Prompt(_begin(tokenizer), f"BEGINNING OF CONVERSATION: USER: {text} ASSISTANT:")


@dataclass(frozen=True, slots=True)
class StreamAligner:
    """The Stream Aligner's (arXiv 2501.05336): the last sentence, after the ones before it.

    In Gemma's turns where the tokenizer has their marks, as it was trained; else as it is.
    """

    def prompt(self, tokenizer: Any, question: str, sent: str, piece: str) -> Prompt:
        text = f"##Question: {question} | ##Answer_Prefix: {sent} | ##Answer_Last_Sentence: {piece} | ##Your_Revision: "
        begin = _begin(tokenizer)
        turn, end = (_token(tokenizer, mark) for mark in ("<start_of_turn>", "<end_of_turn>"))
        if turn is None or end is None:
            return Prompt(begin, text)
        asked = (*begin, turn, *encoded(tokenizer, f"user\n{text}"), end, *encoded(tokenizer, "\n"), turn)
        return Prompt(asked, "model\n")


def encoded(tokenizer: Any, text: str) -> Sequence[int]:
    """The tokens of a text, none of them a mark: whoever writes ``<end_of_turn>`` into a text ends no turn."""
    found: Sequence[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids
    return found


def _begin(tokenizer: Any) -> tuple[int, ...]:
    """The mark of a beginning, where this tokenizer puts one."""
    begin = tokenizer.bos_token_id
    return (begin,) if begin is not None and tokenizer("a").input_ids[:1] == [begin] else ()


def _token(tokenizer: Any, mark: str) -> int | None:
    found: int | None = tokenizer.get_vocab().get(mark)
    return found
