"""The fragment of Lean's term language in which our definitions and statements are written, as syntax trees."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Ident:
    """A name, dots included: ``Nat.succ``, ``policy.rules``."""

    name: str


@dataclass(frozen=True)
class Dot:
    """``.name``: a constructor of the type that is expected."""

    name: str


@dataclass(frozen=True)
class Number:
    value: int


@dataclass(frozen=True)
class Apply:
    fn: Tree
    args: tuple[Tree, ...]


@dataclass(frozen=True)
class Items:
    """``[a, b]``"""

    items: tuple[Tree, ...]


@dataclass(frozen=True)
class Binder:
    """``(x y : T)``, ``{x y : T}``, or ``x y`` without a type; an arrow binds ``_``."""

    names: tuple[str, ...]
    type: Tree | None
    implicit: bool = False


@dataclass(frozen=True)
class Quantified:
    """``kind`` is ``∀`` (also for arrows), ``∃`` or ``fun``."""

    kind: str
    binders: tuple[Binder, ...]
    body: Tree


@dataclass(frozen=True)
class Match:
    scrutinee: Tree
    cases: tuple[Equation, ...]


@dataclass(frozen=True)
class Equation:
    """``| p, q => e``"""

    patterns: tuple[Tree, ...]
    value: Tree


Tree = Ident | Dot | Number | Apply | Items | Quantified | Match

_TOKEN = re.compile(
    r"\s*(?:(?P<name>[^\W\d][\w'!?]*(?:\.[^\W\d][\w'!?]*)*|_)|(?P<dot>\.[^\W\d][\w']*)|(?P<number>\d+)"
    r"|(?P<symbol>:=|=>|::|&&|\|\||[()\[\]{}:,|→∀∃∧∨¬=≠↔!]))"
)
_WORDS = {"fun", "match", "with", "where", "bif", "then", "else"}
_INFIX = {
    "↔": (20, 21, 21),
    "∨": (30, 31, 30),
    "∧": (35, 36, 35),
    "=": (50, 51, 51),
    "≠": (50, 51, 51),
    "||": (30, 30, 31),
    "&&": (35, 35, 36),
    "::": (67, 68, 67),
}
"""The level of each operator, of its left and of its right side."""
_MEANING = {
    "↔": "Iff",
    "∨": "Or",
    "∧": "And",
    "=": "Eq",
    "≠": "Ne",
    "||": "or",
    "&&": "and",
    "::": "List.cons",
}


class Unreadable(Exception):
    """The text is not in the fragment."""


def tokens(text: str) -> list[tuple[str, str]]:
    """Kind and text of each token; words such as ``fun`` are symbols."""
    text, at, found = text.rstrip(), 0, []
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"no token of the fragment: {text[at : at + 40]!r}")
        kind = str(match.lastgroup)
        value = match[kind]
        found.append(("symbol", value) if value in _WORDS else (kind, value))
        at = match.end()
    return found


class Reader:
    """A recursive descent over tokens, with Lean's precedences."""

    def __init__(self, text: str) -> None:
        self.tokens = tokens(text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str) -> None:
        if self.peek() != wanted:
            self.fail(f"expected {wanted!r}")
        self.at += 1

    def skip(self, wanted: str) -> bool:
        if self.peek() != wanted:
            return False
        self.at += 1
        return True

    def name(self) -> str:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind != "name":
            self.fail("expected a name")
        self.at += 1
        return text

    def fail(self, problem: str) -> NoReturn:
        raise Unreadable(
            f"{problem}, found {' '.join(text for _, text in self.tokens[self.at : self.at + 12])!r}"
        )

    # --- terms

    def term(self, level: int = 0) -> Tree:
        left, reached = self._prefix(), 1024
        while True:
            operator = self.peek()
            if operator == "→" and level <= 25:
                self.at += 1
                left = Quantified("∀", (Binder(("_",), left),), self.term(25))
            elif operator in _INFIX and _INFIX[operator][0] >= level:
                own, before, after = _INFIX[operator]
                if reached < before:
                    self.fail("parentheses are needed before")
                self.at += 1
                left, reached = Apply(Ident(_MEANING[operator]), (left, self.term(after))), own
            else:
                return left

    def _prefix(self) -> Tree:
        word = self.peek()
        if word in ("∀", "∃", "fun"):
            self.at += 1
            binders = self.binders(until="=>" if word == "fun" else ",")
            self.take("=>" if word == "fun" else ",")
            return Quantified(word, binders, self.term(0))
        if word in ("¬", "!"):
            self.at += 1
            return Apply(Ident("Not" if word == "¬" else "not"), (self.term(40),))
        if word == "bif":
            self.at += 1
            condition = self.term()
            self.take("then")
            first = self.term()
            self.take("else")
            return Apply(Ident("cond"), (condition, first, self.term()))
        if word == "match":
            self.at += 1
            scrutinee = self.term(0)
            self.take("with")
            return Match(scrutinee, self.equations())
        if word == "(" and self._is_dependent_arrow():
            binder = self.binder()
            self.take("→")
            return Quantified("∀", (binder,), self.term(25))
        return self._application()

    def _is_dependent_arrow(self) -> bool:
        """``(x y : T) →``"""
        at = self.at + 1
        while at < len(self.tokens) and self.tokens[at][0] == "name":
            at += 1
        return at > self.at + 1 and at < len(self.tokens) and self.tokens[at][1] == ":"

    def _application(self) -> Tree:
        head = self._atom()
        if head is None:
            self.fail("expected a term")
        args = []
        while (arg := self._atom()) is not None:
            args.append(arg)
        return Apply(head, tuple(args)) if args else head

    def _atom(self) -> Tree | None:
        kind, text = self.tokens[self.at] if self.at < len(self.tokens) else ("", "")
        if kind in ("name", "dot", "number"):
            self.at += 1
            return Ident(text) if kind == "name" else Dot(text[1:]) if kind == "dot" else Number(int(text))
        if text == "(":
            self.at += 1
            inner = self.term()
            self.take(")")
            return inner
        if text == "[":
            self.at += 1
            items = [] if self.peek() == "]" else [self.term()]
            while self.skip(","):
                items.append(self.term())
            self.take("]")
            return Items(tuple(items))
        return None

    # --- binders and equations

    def row(self) -> tuple[Binder, ...]:
        """``(x y : T) {z : U}``"""
        found: list[Binder] = []
        while self.peek() in ("(", "{"):
            found.append(self.binder())
        return tuple(found)

    def binders(self, until: str) -> tuple[Binder, ...]:
        """``x y``, ``x y : T``, or a row of ``(x y : T)`` and ``{x y : T}``."""
        found = list(self.row())
        if not found:
            names = [self.name()]
            while self.tokens[self.at][0] == "name":
                names.append(self.name())
            found.append(Binder(tuple(names), self.term() if self.skip(":") else None))
        if self.peek() != until:
            self.fail(f"expected {until!r} after binders")
        return tuple(found)

    def binder(self) -> Binder:
        implicit = self.peek() == "{"
        self.at += 1
        names = [self.name()]
        while self.peek() != ":":
            names.append(self.name())
        self.take(":")
        type = self.term()
        self.take("}" if implicit else ")")
        return Binder(tuple(names), type, implicit)

    def equations(self) -> tuple[Equation, ...]:
        found = []
        while self.skip("|"):
            patterns = [self.term()]
            while self.skip(","):
                patterns.append(self.term())
            self.take("=>")
            found.append(Equation(tuple(patterns), self.term()))
        return tuple(found)

    def end(self) -> None:
        if self.at < len(self.tokens):
            self.fail("expected the end")
