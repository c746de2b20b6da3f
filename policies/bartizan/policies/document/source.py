"""Located YAML: a strict reading of one document, every node with its place in the file.

PyYAML's parser supplies the events; nothing is constructed from tags. Refused, with a location: duplicate
and non-text keys, anchors, aliases, tags, merge keys, directives, several documents, tabs, invisible
characters, unquoted words that YAML versions read differently, and files that are too large or too deep.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from ..diagnostics import Diagnostic, PolicyError, Source
from ..language.syntax import Span
from .scalars import Ambiguous, character_offsets, impossible_escape, resolve
from .yamlevents import EventParser, explain

MAX_BYTES = 1_048_576
MAX_DEPTH = 64
MAX_PROBLEMS = 100
TOO_LARGE = Diagnostic(
    "too-large", f"the file is larger than {MAX_BYTES} bytes", Span(0, 1), "split it with include"
)
_JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class Scalar:
    """``text`` is as written (quotes and folding removed); ``offsets`` the file offset of each of its characters."""

    value: str | int | float | bool | None
    text: str
    span: Span
    offsets: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Sequence:
    items: tuple[Node, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    entries: tuple[tuple[Scalar, Node], ...]
    span: Span
    _named: dict[Any, tuple[Scalar, Node]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_named", {entry[0].value: entry for entry in reversed(self.entries)})

    def get(self, key: str) -> Node | None:
        """The value at ``key``."""
        return self._named[key][1] if key in self._named else None

    def key(self, key: str) -> Scalar | None:
        """The key itself, for its place."""
        return self._named[key][0] if key in self._named else None


Node = Scalar | Sequence | Mapping


def parse_yaml(source: Source) -> Node:
    """The document in ``source``. Raises :class:`PolicyError` with every problem found."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []
        self.parser: Any = None  # begun once the characters are known to be harmless

    def read(self) -> Node:
        self.check_characters()
        self.parser = EventParser(self.source.text)
        try:
            root = self.document()
        except yaml.MarkedYAMLError as error:
            self.problems.append(explain(error, self.source))
            self.refuse()
        except (ValueError, OverflowError):  # from chr(), inside PyYAML
            at = impossible_escape(self.source.text)
            self.stop("yaml-syntax", "an escape beyond U+10FFFF is not a character", Span(at, at + 10))
        if self.problems:
            self.refuse()
        return root

    def refuse(self) -> NoReturn:
        raise PolicyError(self.source, self.problems)

    def stop(self, code: str, message: str, span: Span, help: str | None = None) -> NoReturn:
        self.problem(code, message, span, help)
        self.refuse()

    def problem(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        self.problems.append(Diagnostic(code, message, span, help))
        if len(self.problems) >= MAX_PROBLEMS:
            self.refuse()

    def check_characters(self) -> None:
        text = self.source.text
        if len(text) > MAX_BYTES or len(text.encode("utf-8", "surrogatepass")) > MAX_BYTES:
            self.problems.append(TOO_LARGE)
            self.refuse()
        for index, character in enumerate(text):
            if " " <= character <= "~" or character in "\n\r" or not _refused(character):
                continue
            if character == "\ufeff" and index == 0:
                continue
            span = Span(index, index + 1)
            if character == "\t":
                self.problem("tab", "a tab", span, 'indent with spaces; inside double quotes write "\\t"')
            else:
                name = f"U+{ord(character):04X} {unicodedata.name(character, 'control character')}"
                self.problem("invisible-character", f"{name} cannot be seen", span, _as_escape(character))
        if self.problems:
            self.refuse()

    # --- the document

    def document(self) -> Node:
        self.next()  # the start of the stream
        first = self.next()
        if isinstance(first, StreamEndEvent):
            self.stop("empty", "the file holds no document", Span(0, 1), "begin with `version: 1`")
        assert isinstance(first, DocumentStartEvent)
        if first.version is not None or first.tags:
            self.problem(
                "directive", "directives are not part of the policy format", _span(first), "remove the line"
            )
        root = self.node(0)
        self.next()  # the end of the document
        second = self.next()
        if not isinstance(second, StreamEndEvent):
            self.stop(
                "several-documents", "a policy is one document", _span(second), "remove what follows `---`"
            )
        return root

    def next(self) -> Any:
        return self.parser.get_event()

    def node(self, depth: int) -> Node:
        event = self.next()
        if depth > MAX_DEPTH:
            self.stop("too-deep", f"nested deeper than {MAX_DEPTH} levels", _span(event))
        if isinstance(event, AliasEvent):
            self.stop("alias", "anchors are not part of the policy format", _span(event), _STAR)
        self.check_properties(event)
        if isinstance(event, ScalarEvent):
            return self.scalar(event, as_key=False)
        if isinstance(event, MappingStartEvent):
            return self.mapping(event, depth)
        return self.sequence(event, depth)

    def check_properties(self, event: Any) -> None:
        """Anchors and tags."""
        start, _ = _range(event)
        if event.anchor is not None:
            span = Span(start, start + len(event.anchor) + 1)
            self.problem("anchor", "anchors are not part of the policy format", span, _AMPERSAND)
        if event.tag is not None:
            tag = event.tag.replace("tag:yaml.org,2002:", "!!")
            span = Span(start, start + 1) if event.anchor is not None else Span(start, start + len(tag))
            self.problem(
                "tag", f"`{tag[:60]}` is a YAML tag, and tags are not part of the policy format", span, _BANG
            )

    def sequence(self, start: CollectionStartEvent, depth: int) -> Sequence:
        items: list[Node] = []
        while not self.parser.check_event(SequenceEndEvent):
            items.append(self.node(depth + 1))
        end = self.next()
        return Sequence(tuple(items), _extent(start, end, items))

    def mapping(self, start: CollectionStartEvent, depth: int) -> Mapping:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Scalar] = {}
        while not self.parser.check_event(MappingEndEvent):
            key = self.key()
            value = self.node(depth + 1)
            name = str(key.value)
            if name in seen:
                line, _ = self.source.position(seen[name].span.start)
                help = f"the first one is on line {line}; remove one of them"
                self.problem(
                    "duplicate-key", f"the key `{name[:60]}` appears twice in this mapping", key.span, help
                )
                continue
            seen[name] = key
            entries.append((key, value))
        end = self.next()
        return Mapping(tuple(entries), _extent(start, end, [value for _, value in entries]))

    def key(self) -> Scalar:
        if not self.parser.check_event(ScalarEvent):
            event = self.parser.peek_event()
            self.stop("key", "a key must be text", _span(event), 'quote it if it is text, like "*": locked')
        event = self.next()
        self.check_properties(event)
        key = self.scalar(event, as_key=True)
        if event.style is None and event.value == "<<":
            self.problem(
                "merge-key", "merge keys are not part of the policy format", key.span, "write the keys out"
            )
        return key

    def scalar(self, event: ScalarEvent, as_key: bool) -> Scalar:
        start, end = _range(event)
        raw, text = self.source.text[start:end], event.value
        span = Span(start, start + len(raw.rstrip() if event.style in ("|", ">") else raw))
        value: Any = text
        if event.style is None and event.tag is None:
            value = resolve(text)
            if as_key and isinstance(value, Ambiguous) and text.isalpha():
                value = text  # `on:` is a key of the format
            if isinstance(value, Ambiguous):
                self.problem("ambiguous", value.message, span, value.help)
                value = text
            elif as_key and not isinstance(value, str):
                message = f"the key `{text[:60]}` is not text" if text else "there is no key before the `:`"
                self.problem("key", message, span, f'write "{text[:60]}"' if text else None)
                value = text
        if any(0xD800 <= ord(c) <= 0xDFFF for c in text):
            help = 'write a character beyond U+FFFF with eight digits, like "\\U0001F600"'
            self.problem("surrogate", "half of a surrogate pair is not a character", span, help)
        return Scalar(value, text, span, character_offsets(raw, start, event.style, text))


_STAR = 'a value that starts with `*` must be quoted: "*"'
_AMPERSAND = "write the value out; a value that starts with `&` must be quoted"
_BANG = 'quote an expression that starts with `!`, like "!from_user(args.to)"'


def _range(event: Any) -> tuple[int, int]:
    """Where an event's text begins and ends."""
    return event.start_mark.index, event.end_mark.index


def _span(event: Event) -> Span:
    start, end = _range(event)
    return Span(start, max(end, start + 1))


def _extent(start: CollectionStartEvent, end: Event, children: list[Node]) -> Span:
    """From the first to the last character; a block collection's own end mark lies beyond blank lines."""
    first, _ = _range(start)
    if start.flow_style:
        return Span(first, _range(end)[1])
    return Span(first, max((child.span.end for child in children), default=first))


def _refused(character: str) -> bool:
    """Control, format, surrogate and line-separating characters: what one cannot see in a review."""
    if character in "\ufffe\uffff":
        return True
    return character not in _JOINERS and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _as_escape(character: str) -> str:
    code = ord(character)
    if 0xD800 <= code <= 0xDFFF:
        return "remove it: half of a surrogate pair is not a character"
    escape = f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
    return f'remove it, or write it as "{escape}" in double quotes'
