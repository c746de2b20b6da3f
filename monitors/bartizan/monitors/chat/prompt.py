"""From messages to tokens, by the model's own chat template; text never becomes a control token.

A message, a tool's result or a tool's description may hold the text of a control token: ``<|im_start|>system``,
``<tool_call>``. Tokenised with the template around it, it would *be* that token, and whoever wrote it could end a
message and begin another one. So control tokens in what is given are marked before the template sees them, and what
is marked is encoded in pieces that no control token can come out of. Text without them is encoded as always.

Control tokens are the tokenizer's special tokens and those added tokens that the template writes (Qwen's
``<tool_call>`` is one, and is not called special). A model whose markers are ordinary text cannot tell the two apart,
here or anywhere else.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from typing import Any

import jinja2

from bartizan.guard.canonical import JSON

from .errors import BadRequest, ChatSetupError
from .formats import ToolFormat, detect


class ChatPrompt:
    """The prompts of one model. ``tokenizer`` is a Hugging Face tokenizer with a chat template.

    Raises :class:`ChatSetupError` for one without.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        try:
            self.template: str = tokenizer.get_chat_template(tools=[{}])
        except ValueError as error:
            raise ChatSetupError(
                "expected a tokenizer with a chat template, found none: serve a chat model, "
                "or put a chat_template.jinja into its folder"
            ) from error
        added = tokenizer.get_added_vocab()
        special = set(tokenizer.all_special_ids) | {
            id for id, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        named = set(getattr(tokenizer, "chat_control_tokens", None) or ())
        self.control: dict[str, int] = {
            text: id
            for text, id in added.items()
            if id in special or text in named or (text in self.template and not text.isspace())
        }
        self._control = re.compile(
            "|".join(re.escape(text) for text in sorted(self.control, key=len, reverse=True)) or "(?!)"
        )
        self.takes_tools = "tools" in self.template
        self.tool_format: ToolFormat | None = detect(self.template) if self.takes_tools else None

    def encode(self, messages: Sequence[dict[str, JSON]], tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """The token ids of the conversation, up to where the assistant begins to speak.

        Raises :class:`BadRequest` for a conversation that the template refuses.
        """
        nonce = secrets.token_hex(8)
        begin, end = f"BTZ{nonce}A", f"BTZ{nonce}Z"
        found: list[str] = []

        def marked(value: Any) -> Any:
            if isinstance(value, str):
                return self._control.sub(lambda match: self._mark(match[0], begin, end, found), value)
            if isinstance(value, dict):
                return {marked(key): marked(field) for key, field in value.items()}
            return [marked(item) for item in value] if isinstance(value, (list, tuple)) else value

        given, offered = marked(list(messages)), marked(list(tools)) or None
        try:
            text = self._tokenizer.apply_chat_template(
                given, tools=offered, add_generation_prompt=True, tokenize=False
            )
        except jinja2.TemplateError as error:
            raise BadRequest(
                f"the model's chat template refuses this conversation: {str(error)[:200]}", param="messages"
            ) from error
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise BadRequest(
                f"the model's chat template cannot render this conversation: {type(error).__name__}",
                param="messages",
            ) from error
        if not found:
            return self._encode(text, first=True)
        return self._encode_marked(text, begin, end)

    def encode_opening(self, text: str) -> list[int]:
        """What the host itself puts before a reply: its markers are meant."""
        return self._encode(text, first=False)

    @staticmethod
    def _mark(text: str, begin: str, end: str, found: list[str]) -> str:
        found.append(text)
        return f"{begin}{text}{end}"

    def _encode_marked(self, text: str, begin: str, end: str) -> list[int]:
        """A template may cut a marked text in two (``split('</think>')``): a lone mark only separates, then."""
        ids: list[int] = []
        whole = re.compile(f"{begin}({self._control.pattern}){end}|{begin}|{end}")
        at = 0
        for match in whole.finditer(text):
            ids += self._encode(text[at : match.start()], first=not ids)
            if match[1] is not None:
                ids += self._as_text(match[1])
            at = match.end()
        return ids + self._encode(text[at:], first=not ids)

    def _as_text(self, text: str) -> list[int]:
        """A control token's text in two pieces (or more): neither is a control token, nor holds one."""
        cut = 1
        while cut < len(text) and self._control.search(text[cut:]) is not None:
            cut += 1
        pieces = (text[:cut], text[cut:])
        ids = [id for piece in pieces for id in self._encode(piece, first=False)]
        if self.control.keys() & set(pieces) or set(ids) & set(self.control.values()):
            raise BadRequest(
                f"{text!r} is a control token of this model and cannot be written as text", param="messages"
            )
        return ids

    def _encode(self, text: str, *, first: bool) -> list[int]:
        """Where it is not the first, the text is encoded after a line break, which is then removed: SentencePiece
        puts a space before the beginning of any text."""
        if not text:
            return []
        if not first:
            newline = self._ids("\n")
            ids = self._ids("\n" + text)
            if ids[: len(newline)] == newline:
                return ids[len(newline) :]
        return self._ids(text)

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids
