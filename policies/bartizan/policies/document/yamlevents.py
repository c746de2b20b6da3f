"""PyYAML's scanner with YAML 1.2's rule for ``?`` in flow collections, and its errors in plain words."""

from __future__ import annotations

from typing import Any

import yaml
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner
from yaml.tokens import ScalarToken

from ..diagnostics import Diagnostic, Source
from ..language.syntax import Span

_BREAKS = "\0 \t\r\n\x85\u2028\u2029"

_QUOTE = "quote the value"
_REMEDIES = (
    ("mapping values are not allowed here", "unexpected `: `", 'quote a value that contains ": "'),
    (
        "could not find expected ':'",
        "expected `key: value`",
        "is the `:` missing, or the value not indented?",
    ),
    ("found unexpected end of stream", "a quote is opened and never closed", "close the quote"),
    ("found unexpected document separator", "a quote is opened and never closed", "close the quote"),
    ("found unknown escape character", None, "double the backslash, or use single quotes"),
    ("expected escape sequence of", None, "escapes are \\xHH, \\uHHHH and \\UHHHHHHHH"),
    ("that cannot start any token", None, _QUOTE),
    ("expected alphabetic or numeric character", "`*` and `&` have a meaning in YAML", _QUOTE + ', like "*"'),
    (
        "expected <block end>",
        "unexpected text after a value",
        "check the indentation, or quote the whole value",
    ),
    ("expected ',' or '}'", None, "close the `{`, or separate the entries with commas"),
    ("expected ',' or ']'", None, "close the `[`, or separate the items with commas"),
    ("expected '<document start>'", "unexpected text after the document", "quote a value that is one text"),
    ("expected the node content", "a value is missing", None),
    ("sequence entries are not allowed here", "unexpected `- `", "put the list on its own lines"),
    ("block mapping keys are not allowed", "unexpected `? `", _QUOTE),
    (
        "found undefined tag handle",
        "tags are not part of the policy format",
        'quote it, like "!from_user(args.to)"',
    ),
)


class EventParser(Reader, Scanner, Parser):
    """The events of a text. Block context is PyYAML's own."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)

    def scan_plain(self) -> ScalarToken:
        """As in PyYAML, but a plain scalar inside ``{}`` or ``[]`` may contain ``?`` (as in ``{n?: int}``).

        YAML 1.1 forbids it; YAML 1.2 (7.3.3, ns-plain-safe) allows it.
        """
        chunks: list[str] = []
        spaces: list[str] = []
        start = end = self.get_mark()
        indent = self.indent + 1
        while self.peek() != "#" and (length := self._plain_length()) > 0:
            self.allow_simple_key = False
            chunks += [*spaces, self.prefix(length)]
            self.forward(length)
            end = self.get_mark()
            spaces = self.scan_plain_spaces(indent, start) or []
            if not spaces or (not self.flow_level and self.column < indent):
                break
        return ScalarToken("".join(chunks), True, start, end)

    def _plain_length(self) -> int:
        length = 0
        ends_key = _BREAKS + (",[]{}" if self.flow_level else "")
        while True:
            character = self.peek(length)
            if character in _BREAKS or (character == ":" and self.peek(length + 1) in ends_key):
                return length
            if self.flow_level and character in ",[]{}":
                return length
            length += 1


def explain(error: yaml.MarkedYAMLError, source: Source) -> Diagnostic:
    """A YAML error in the words of this format, at its place."""
    mark: Any = error.problem_mark or error.context_mark
    offset = min(mark.index, max(len(source.text) - 1, 0)) if mark is not None else 0
    problem = (error.problem or "malformed YAML").replace("'\\x00'", "the end of the file")
    problem = problem.replace("'<stream end>'", "the end of the file")
    for known, message, help in _REMEDIES:
        if known in problem:
            return Diagnostic("yaml-syntax", message or problem, Span(offset, offset + 1), help)
    return Diagnostic("yaml-syntax", problem, Span(offset, offset + 1), None)
