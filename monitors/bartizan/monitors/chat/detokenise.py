"""From tokens to text while they arrive, without ever showing half a character.

A piece is let go when the text since the last one ends in a whole character: bytes that may still become one are
held back. Cut at such places only, the pieces put together are what decoding all tokens at once gives, for tokens
that are bytes (byte-level BPE) as for those that are words (SentencePiece, whose leading space depends on what
comes before).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

_REPLACEMENT = "\ufffd"


class Decodes(Protocol):
    """What is needed of a Hugging Face tokenizer."""

    def decode(
        self, token_ids: list[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool
    ) -> str: ...


class Detokeniser:
    """One reply's tokens, one after the other.

    ``hidden`` are the ids that say nothing to a reader (special tokens); ``shown`` maps special tokens that are part
    of what is read (markers of tool calls) to their text.
    """

    def __init__(
        self, tokenizer: Decodes, *, hidden: Collection[int] = (), shown: dict[int, str] | None = None
    ) -> None:
        self._tokenizer = tokenizer
        self._shown = shown or {}
        self._hidden = frozenset(hidden) - self._shown.keys()
        self._ids: list[int] = []
        self._context = 0  # where the ids begin that what is held back is decoded with
        self._told = 0  # how many ids are in the pieces so far

    def push(self, token_id: int) -> str:
        """The text that this token completes; empty for a token in the middle of a character."""
        if token_id in self._shown:
            return self.flush() + self._shown[token_id]
        if token_id in self._hidden:
            return ""
        self._ids.append(token_id)
        piece = self._piece()
        if not piece or piece.endswith(_REPLACEMENT):
            return ""
        self._let_go()
        return piece

    def flush(self) -> str:
        """What is still held back, bytes that are no character included (as U+FFFD)."""
        piece = self._piece()
        self._let_go()
        return piece

    def _piece(self) -> str:
        before = self._decode(self._ids[self._context : self._told])
        return self._decode(self._ids[self._context :])[len(before) :]

    def _let_go(self) -> None:
        self._context, self._told = self._told, len(self._ids)

    def _decode(self, ids: list[int]) -> str:
        if not ids:
            return ""
        return self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
