"""Rewriting rules in the text of a policy file: comments, order and everything else stay as they are.

A rule is edited where it stands, by replacing and inserting pieces of text. Whatever cannot be edited without losing
something is refused with :class:`Uneditable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ...diagnostics import Source
from ...document.loading import Located
from ...document.scalars import resolve
from ...document.source import Mapping as YamlMapping
from ...document.source import Node, Scalar
from ...document.source import Sequence as YamlSequence
from ...language import syntax
from ...language.parser import parse_expression

WIDTH = 110


class Uneditable(Exception):
    """The way something is written does not permit the edit. Says what, where, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters ``start:end`` of the file."""

    start: int
    end: int
    text: str


def apply(text: str, edits: Sequence[Edit]) -> str:
    """The text after all edits, none of which may overlap."""
    ordered = sorted(edits, key=lambda edit: (edit.start, edit.end))
    assert all(a.end <= b.start for a, b in pairwise(ordered)), "edits overlap"
    pieces, at = [], 0
    for edit in ordered:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


class RuleText:
    """One rule as it stands in the file."""

    def __init__(self, located: Located, index: int) -> None:
        self.source = located.source
        self.text = located.source.text
        self.effect = located.document.rules[index].effect
        node = located.node(("rules", index))
        assert isinstance(node, YamlMapping)
        self.node = node
        start = node.span.start
        self.line_start = self.text.rfind("\n", 0, start) + 1
        before = self.text[self.line_start : start]
        self.inline = self.text[start] == "{"
        self.in_block_list = before.strip() == "-" and before.rstrip().endswith("-")
        self.indent = " " * (node.entries[0][0].span.start - self.line_start)

    def value(self, key: str) -> Node | None:
        return self.node.get(key)

    def fail(self, at: int, message: str) -> Uneditable:
        line, _ = self.source.position(at)
        return Uneditable(f"{self.source.file}:{line}: {message}")

    # --- the scope

    def scope(self, tools: Sequence[str]) -> list[Edit]:
        """Name exactly these tools."""
        node = self.value(self.effect)
        assert isinstance(node, YamlSequence)
        start, end = node.span
        written = [str(item.value) for item in node.items if isinstance(item, Scalar)]
        if set(written) == set(tools):
            return []
        if "#" in self.text[start:end]:
            raise self.fail(
                start, f"the list of tools holds comments: remove them, or write {', '.join(tools)} by hand"
            )
        names = [_yaml_word(tool) for tool in tools]
        if self.text[start] == "[":
            return [Edit(start, end, f"[{_wrapped(names, ', ', self.indent + '    ')}]")]
        column = " " * (start - self.text.rfind("\n", 0, start) - 1)
        return [Edit(start, end, f"\n{column}".join(f"- {name}" for name in names))]

    # --- the condition

    def when(self, conjuncts: Sequence[str]) -> list[Edit]:
        """Require these conditions too."""
        node = self.value("when")
        assert node is None or isinstance(node, Scalar)
        if self.inline:
            return [self._inline(node, conjuncts)]
        if node is None or node.value is True:
            return self._new(node, conjuncts)
        if self.text[node.span.start] in "|>":
            return self._longer_block(node, conjuncts)
        return self._to_block(node, conjuncts)

    def never(self) -> list[Edit]:
        """Let the rule never hold."""
        node = self.value("when")
        if node is not None:
            if self.text[node.span.start] in "|>" or "\n" in self.text[slice(*node.span)]:
                raise self.fail(node.span.start, "the condition spans several lines: remove the rule by hand")
            return [Edit(*node.span, "false")]
        if self.inline:
            return [Edit(self._last(), self._last(), ", when: false")]
        return [self._after(self._effect_end(), f"{self.indent}when: false")]

    def _inline(self, node: Scalar | None, conjuncts: Sequence[str]) -> Edit:
        parts = list(conjuncts)
        if node is not None and node.value is not True:
            parts.insert(0, self._operand(node))
        quoted = _yaml_quoted(" && ".join(parts))
        if node is not None:
            return Edit(*node.span, quoted)
        return Edit(self._last(), self._last(), f", when: {quoted}")

    def _last(self) -> int:
        """Where the last value of a rule in braces ends."""
        return self.node.entries[-1][1].span.end

    def _new(self, node: Scalar | None, conjuncts: Sequence[str]) -> list[Edit]:
        plain = " && ".join(conjuncts)
        if _is_plain(plain) and len(self.indent) + len("when: ") + len(plain) <= WIDTH:
            if node is not None:
                return [Edit(*node.span, plain)]
            return [self._after(self._effect_end(), f"{self.indent}when: {plain}")]
        lines = "\n".join(_lines(conjuncts, self.indent + "  "))
        if node is None:
            return [self._after(self._effect_end(), f"{self.indent}when: >-\n{lines}")]
        return [Edit(*node.span, ">-"), self._after(node.span.end, lines)]

    def _longer_block(self, node: Scalar, conjuncts: Sequence[str]) -> list[Edit]:
        """A block scalar: parentheses where they are needed, and more lines."""
        places = [at for at, c in zip(node.offsets or (), node.text, strict=False) if not c.isspace()]
        if not places:
            raise self.fail(node.span.start, "the condition's place is not known: write it on one line")
        first, last = places[0], places[-1] + 1
        indent = " " * (first - self.text.rfind("\n", 0, first) - 1)
        added = "".join(f"\n{line}" for line in _lines(["", *conjuncts], indent))
        if not self._is_loose(node):
            return [Edit(last, last, added)]
        return [Edit(first, first, "("), Edit(last, last, f"){added}")]

    def _to_block(self, node: Scalar, conjuncts: Sequence[str]) -> list[Edit]:
        """A condition on its key's line: the value moves to a block below; a comment stays where it is."""
        lines = "\n".join(_lines([self._operand(node), *conjuncts], self.indent + "  "))
        return [Edit(*node.span, ">-"), self._after(node.span.end, lines)]

    def _operand(self, node: Scalar) -> str:
        text = " ".join(node.text.split("\n"))
        return f"({text})" if self._is_loose(node) else text

    def _is_loose(self, node: Scalar) -> bool:
        """Whether the condition binds looser than ``&&``."""
        tree = parse_expression(node.text, node.span.start, Source(self.source.file, node.text))
        return isinstance(tree, syntax.Conditional) or (isinstance(tree, syntax.Binary) and tree.op == "||")

    def _effect_end(self) -> int:
        node = self.value(self.effect)
        assert node is not None
        return node.span.end

    def _after(self, at: int, lines: str) -> Edit:
        """New lines after the one that holds this place, comment included."""
        end = self.text.find("\n", at)
        if end < 0:
            return Edit(len(self.text), len(self.text), f"\n{lines}\n")
        return Edit(end, end, f"\n{lines}")

    # --- more rules

    def copy(self, id: str, edits: Sequence[Edit]) -> Edit:
        """One more rule after this one: the same text under another id, with these edits."""
        start, end = self.node.span
        inside = [edit for edit in edits if start <= edit.start]
        name = self.value("id")
        assert isinstance(name, Scalar)
        inside.append(Edit(*name.span, _yaml_word(id)))
        line_end = self.text.find("\n", end)
        line_end = len(self.text) if line_end < 0 else line_end
        if self.inline and not self.in_block_list:
            text = apply(self.text[:end], inside)[start:]
            return Edit(end, end, f", {text}")
        if not self.in_block_list:
            raise self.fail(start, "the rule does not begin on a line of its own: put `- ` in front of it")
        text = apply(self.text[:line_end], inside)[self.line_start :].rstrip()
        return Edit(line_end, line_end, f"\n{text}")


def _is_plain(text: str) -> bool:
    """Whether the text can stand in YAML as it is."""
    harmless = all(c.isascii() and (c.isalnum() or c in " _.<>=&|()") for c in text)
    return harmless and text[:1].isalpha() and isinstance(resolve(text), str)


def _yaml_word(tool: str) -> str:
    plain = all(c.isalnum() or c in "_-./" for c in tool) and isinstance(resolve(tool), str)
    return tool if plain else f'"{tool}"'


def _yaml_quoted(text: str) -> str:
    """In double quotes. Expressions hold no characters that cannot be seen."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _lines(conjuncts: Sequence[str], indent: str) -> list[str]:
    """One line for each conjunct, more for a long list; an empty first one stands for what is there already."""
    lines = []
    for number, conjunct in enumerate(conjuncts):
        if number or conjunct:
            text = f"&& {conjunct}" if number else conjunct
            lines.append(indent + _wrapped(_pieces(text), ", ", indent + "  "))
    return lines


def _pieces(text: str) -> list[str]:
    """Split at the commas that are not in a text."""
    pieces, start, quoted, at = [], 0, False, 0
    while at < len(text):
        if text[at] == "\\" and quoted:
            at += 1
        elif text[at] == '"':
            quoted = not quoted
        elif text.startswith(", ", at) and not quoted:
            pieces.append(text[start:at])
            start = at + 2
        at += 1
    return [*pieces, text[start:]]


def _wrapped(pieces: Sequence[str], separator: str, indent: str) -> str:
    """The pieces on as few lines as fit."""
    lines = [pieces[0]]
    for piece in pieces[1:]:
        if len(indent) + len(lines[-1]) + len(separator) + len(piece) > WIDTH:
            lines[-1] += separator.rstrip()
            lines.append(piece)
        else:
            lines[-1] += separator + piece
    return f"\n{indent}".join(lines)
