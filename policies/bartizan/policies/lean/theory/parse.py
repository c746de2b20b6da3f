"""The small language that the theory is written in: Lean's notation for terms, and a parser for it.

A command begins in the first column: ``inductive``, ``structure``, ``def``, ``theorem``. What differs from Lean:
level parameters stand in brackets behind the name; a ``match`` is one level deep, and an arm may name the induction
hypotheses after the fields; ``rw [h]; t``, ``show T; t`` and ``have x : T := v; t`` are terms, and so is
``auto [x, y]``, which goes through the cases of ``x`` and ``y`` and closes each by computation, a hypothesis or a
contradiction.
"""

from __future__ import annotations

import re  # noqa: TID251 - the theory's own sources are read, no policy's text

from .syntax import (
    Apply,
    Arm,
    Auto,
    Binder,
    Command,
    Field,
    ForAll,
    Fun,
    Have,
    Hole,
    Match,
    Name,
    Number,
    Rewrite,
    Syntax,
    Typed,
)

_TOKEN = re.compile(
    r"(?P<skip>\s+|--[^\n]*)"
    r"|(?P<number>\d+)"
    r"|(?P<name>@?[^\W\d][\w'?]*(?:\.[^\W][\w'?]*)*)"
    r"|(?P<field>\.[^\W\d][\w']*)"
    r"|(?P<symbol>:=|=>|→|::|&&|\|\||[(){}\[\]:,;|∀∃∧∨¬↔=!←_])"  # noqa: RUF001
)
_KEYWORDS = frozenset(("fun", "match", "with", "have", "show", "rw", "auto"))


class Malformed(Exception):
    """The source cannot be read."""


def commands(source: str) -> list[Command]:
    """The commands of a source file, in order. Raises :class:`Malformed`."""
    parts = re.split(r"^(?=(?:inductive|structure|def|theorem)\b)", source, flags=re.MULTILINE)
    return [_Parser(part).command() for part in parts if not _is_blank(part)]


def _is_blank(text: str) -> bool:
    return not re.sub(r"--[^\n]*", "", text).strip()


_INFIX = {
    "↔": (1, 2, "Iff"),
    "∨": (2, 2, "Or"),  # noqa: RUF001
    "∧": (3, 3, "And"),
    "=": (5, 6, "Eq"),
    "||": (6, 7, "or"),
    "&&": (7, 8, "and"),
    "::": (8, 8, "List.cons"),
}
"""Symbol: its precedence, the least of what stands on its right, the constant."""


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        position = 0
        while position < len(text):
            found = _TOKEN.match(text, position)
            if found is None:
                raise Malformed(f"cannot read {text[position : position + 20]!r}")
            if found.lastgroup != "skip":
                self.tokens.append(found.group())
            position = found.end()
        self.tokens.append("")
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at]

    def next(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1]

    def take(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def expect(self, token: str) -> None:
        if not self.take(token):
            near = " ".join(self.tokens[max(self.at - 8, 0) : self.at + 4])
            raise Malformed(f"expected {token!r}, found {self.peek()!r} near {near!r} in {self.text[:60]!r}")

    def name(self) -> str:
        token = self.next()
        if not (token == "_" or re.match(r"[^\W\d]", token)) or token in _KEYWORDS:
            raise Malformed(f"expected a name, found {token!r} in {self.text[:60]!r}")
        return token

    # --- commands

    def command(self) -> Command:
        kind, name = self.next(), self.name()
        levels: tuple[str, ...] = ()
        if self.take("["):  # `[u v]` right after the name: level parameters
            found = []
            while not self.take("]"):
                found.append(self.name())
            levels = tuple(found)
        binders = self.binders()
        type_ = self.term() if self.take(":") else None
        if kind == "inductive":
            return Command(kind, name, levels, binders, type_, constructors=tuple(self.constructors()))
        self.take(":=")
        if kind == "structure":
            fields = self.binders()
            self.expect("")
            return Command(kind, name, levels, binders, type_, fields=fields)
        value = self.term()
        self.expect("")
        return Command(kind, name, levels, binders, type_, value)

    def constructors(self) -> list[tuple[str, tuple[Binder, ...], Syntax | None]]:
        found = []
        while self.take("|"):
            name, fields = self.name(), self.binders()
            found.append((name, fields, self.term() if self.take(":") else None))
        self.expect("")
        return found

    def binders(self) -> tuple[Binder, ...]:
        found: list[Binder] = []
        while True:
            if self.peek() in ("(", "{"):
                implicit = self.next() == "{"
                names = [self.name()]
                while self.peek() != ":":
                    names.append(self.name())
                self.expect(":")
                type_ = self.term()
                self.expect("}" if implicit else ")")
                found += [Binder(each, type_, implicit) for each in names]
            elif self.peek() == "_" or (re.match(r"[^\W\d]", self.peek()) and self.peek() not in _KEYWORDS):
                found.append(Binder(self.name(), None))
            else:
                return tuple(found)

    # --- terms

    def term(self) -> Syntax:
        match self.peek():
            case "fun":
                self.next()
                binders = self.binders()
                self.expect("=>")
                return Fun(binders, self.term())
            case "∀" | "∃":
                exists = self.next() == "∃"
                binders = self.binders()
                if self.take(":"):
                    type_ = self.term()
                    binders = tuple(Binder(each.name, type_) for each in binders)
                self.expect(",")
                body = self.term()
                if not exists:
                    return ForAll(binders, body)
                for each in reversed(binders):
                    body = Apply(Name("Exists"), (Fun((each,), body),))
                return body
            case "match":
                return self.matching()
            case "have":
                self.next()
                name = self.name()
                self.expect(":")
                type_ = self.term()
                self.expect(":=")
                value = self.term()
                self.expect(";")
                return Have(name, type_, value, self.term())
            case "show":
                self.next()
                type_ = self.term()
                self.expect(";")
                return Typed(self.term(), type_)
            case "rw":
                return self.rewriting()
            case "auto":
                self.next()
                return Auto(tuple(self.listed()) if self.peek() == "[" else ())
        left = self.infix(0)
        if self.take("→"):
            return ForAll((Binder("_", left),), self.term())
        return left

    def listed(self) -> list[Syntax]:
        self.expect("[")
        found = []
        while not self.take("]"):
            found.append(self.term())
            self.take(",")
        return found

    def rewriting(self) -> Rewrite:
        self.next()
        self.expect("[")
        rules = []
        while not self.take("]"):
            rules.append((self.take("←"), self.term()))
            self.take(",")
        self.expect(";")
        return Rewrite(tuple(rules), self.term())

    def matching(self) -> Match:
        self.next()
        equation = self.name() if self.tokens[self.at + 1] == ":" and self.peek() != "(" else None
        if equation:
            self.expect(":")
        subject = self.term()
        self.expect("with")
        arms = []
        while self.take("|"):
            constructor = self.name()
            bound = []
            while not self.take("=>"):
                bound.append(self.name())
            arms.append(Arm(constructor, tuple(bound), self.term()))
        return Match(subject, equation, tuple(arms))

    def infix(self, least: int) -> Syntax:
        if self.take("¬"):
            left: Syntax = Apply(Name("Not"), (self.infix(4),))
        else:
            left = self.applied()
        while self.peek() in _INFIX and _INFIX[self.peek()][0] >= least:
            _, right, constant = _INFIX[self.next()]
            other = self.term() if self.peek() in ("∃", "∀", "fun", "match") else self.infix(right)
            left = Apply(Name(constant), (left, other))
        return left

    def applied(self) -> Syntax:
        if self.take("!"):
            return Apply(Name("not"), (self.atom(),))
        head = self.atom()
        args = []
        while self.starts_atom():
            args.append(self.atom())
        return Apply(head, tuple(args)) if args else head

    def starts_atom(self) -> bool:
        token = self.peek()
        return token in ("(", "[", "_") or (bool(re.match(r"@?\w", token)) and token not in _KEYWORDS)

    def atom(self) -> Syntax:
        token = self.next()
        if token == "(":
            inside = self.term()
            if self.take(":"):
                inside = Typed(inside, self.term())
            self.expect(")")
            while self.peek().startswith("."):
                inside = Field(inside, self.next()[1:])
            return inside
        if token == "[":
            self.at -= 1
            result: Syntax = Name("List.nil")
            for each in reversed(self.listed()):
                result = Apply(Name("List.cons"), (each, result))
            return result
        if token == "_":
            return Hole()
        if token.isdigit():
            return Number(int(token))
        if not re.match(r"@?[^\W\d]", token) or token in _KEYWORDS:
            near = " ".join(self.tokens[max(self.at - 8, 0) : self.at + 4])
            raise Malformed(f"expected a term, found {token!r} near {near!r} in {self.text[:60]!r}")
        return Name(token.removeprefix("@"), token.startswith("@"))
