r"""Formulas as SMT-LIB 2.6 text, in the standard theories of strings and integers (QF_SLIA).

The characters of SMT-LIB end at U+2FFFF, ours at U+10FFFF. A question that tells characters above U+2FF00 apart
is not exported; for others, the characters from there to U+2FFFF stand for those beyond. Surrogates are
characters there and none here: the texts are kept free of them. All but printable ASCII, and every backslash, is
written ``\u{hex}``.

Source: https://smt-lib.org/theories-UnicodeStrings.shtml
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...regular.charset import CharSet
from ...regular.term import (
    ANYTHING,
    EMPTY,
    EPSILON,
    Chars,
    Complement,
    Concat,
    Intersection,
    Loop,
    Term,
    Union,
)
from ..answers import Unknown
from ..formula import (
    All,
    AtMost,
    Flag,
    Formula,
    IsZero,
    Length,
    Member,
    Neg,
    Node,
    Number,
    Pick,
    Same,
    Some,
    Text,
    Truth,
    Whole,
    below,
)

LAST = 0x2FFFF
CLIP = 0x2FF00
MAX_TEXTS = 200
_MAX_SIZE = 4_000_000

_SCALARS = '(re.* (re.union (re.range "\\u{0}" "\\u{d7ff}") (re.range "\\u{e000}" "\\u{2ffff}")))'


@dataclass(frozen=True, slots=True)
class Script:
    """A question, up to and without ``(check-sat)``.

    Attributes:
        text: the commands.
        symbols: the names of the variables in it.
    """

    text: str
    symbols: dict[str, Flag | Whole | Text]


def script(conjunction: Iterable[Formula]) -> Script | Unknown:
    """Formulas, to hold together, as SMT-LIB; Unknown if the standard has no way to say it."""
    asked = list(conjunction)
    writer = _Writer()
    try:
        for node in below(asked):
            writer.define(node)
    except _NotExported as error:
        return Unknown(f"not exported to SMT-LIB: {error}")
    lines = [*writer.lines, *(f"(assert {writer.names[formula]})" for formula in asked)]
    return Script("\n".join(("(set-logic QF_SLIA)", *lines, "")), writer.symbols)


def string(text: str) -> str:
    """A text as an SMT-LIB string literal."""
    return f'"{"".join(map(_character, text))}"'


def _character(char: str) -> str:
    if char == '"':
        return '""'
    return char if " " <= char <= "~" and char != "\\" else f"\\u{{{ord(char):x}}}"


class _NotExported(Exception):
    pass


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[Node, str] = {}
        self.symbols: dict[str, Flag | Whole | Text] = {}
        self._languages: dict[Term, str] = {}
        self._size = 0

    def define(self, node: Node) -> None:
        """Give a node, whose parts have names, a name."""
        of = self.names
        match node:
            case Truth(value):
                of[node] = "true" if value else "false"
            case Flag():
                self._declare(node, "p", "Bool")
            case Whole():
                self._declare(node, "n", "Int")
            case Text():
                self._declare_text(node)
            case Member(text, language):
                of[node] = f"(str.in_re {of[text]} {self._language(language)})"
            case Same(left, right):
                of[node] = f"(= {of[left]} {of[right]})"
            case Length(text):
                of[node] = f"(str.len {of[text]})"
            case Number(constant, terms):
                summands = [f"(* {_integer(factor)} {of[unknown]})" for unknown, factor in terms]
                self._name(node, "i", "Int", f"(+ {_integer(constant)} {' '.join(summands)} 0)")
            case Pick(condition, then, otherwise):
                self._name(node, "i", "Int", f"(ite {of[condition]} {of[then]} {of[otherwise]})")
            case AtMost(number):
                of[node] = f"(<= {of[number]} 0)"
            case IsZero(number):
                of[node] = f"(= {of[number]} 0)"
            case Neg(operand):
                of[node] = f"(not {of[operand]})"
            case All(items):
                self._name(node, "f", "Bool", f"(and {' '.join(of[item] for item in items)})")
            case Some(items):
                self._name(node, "f", "Bool", f"(or {' '.join(of[item] for item in items)})")

    def _declare(self, node: Flag | Whole | Text, letter: str, sort: str) -> None:
        name = self.names[node] = f"{letter}{node.serial}"
        self.symbols[name] = node
        self._line(f"(declare-const {name} {sort})")

    def _declare_text(self, node: Text) -> None:
        self._declare(node, "t", "String")
        name = self.names[node]
        self._line(f"(assert (str.in_re {name} {_SCALARS}))")
        self._line(f"(assert (<= (str.len {name}) {node.limit}))")
        if sum(isinstance(symbol, Text) for symbol in self.symbols.values()) > MAX_TEXTS:
            raise _NotExported(f"it is about more than {MAX_TEXTS} texts")

    def _name(self, node: Node, letter: str, sort: str, definition: str) -> None:
        name = self.names[node] = f"{letter}{node.serial}"
        self._line(f"(define-fun {name} () {sort} {definition})")

    def _line(self, line: str) -> None:
        self._size += len(line)
        if self._size > _MAX_SIZE:
            raise _NotExported(f"it is longer than {_MAX_SIZE} characters")
        self.lines.append(line)

    def _language(self, term: Term) -> str:
        name = self._languages.get(term)
        if name is None:
            definition = self._re(term)
            name = self._languages[term] = f"r{len(self._languages)}"
            self._line(f"(define-fun {name} () RegLan {definition})")
        return name

    def _re(self, term: Term) -> str:
        if term is EMPTY:
            return "re.none"
        if term is ANYTHING:
            return "re.all"
        if term is EPSILON:
            return '(str.to_re "")'
        match term:
            case Chars():
                return _letters(term.chars)
            case Concat():
                return _applied("re.++", [self._re(part) for part in _sequence(term)])
            case Union():
                return _applied("re.union", sorted(map(self._re, term.members)))
            case Intersection():
                return _applied("re.inter", sorted(map(self._re, term.members)))
            case Complement():
                return f"(re.comp {self._re(term.inner)})"
            case Loop():
                return _loop(self._re(term.body), term.lower, term.upper)
        raise TypeError(f"expected a term, found {term!r}")


def _sequence(term: Concat) -> list[Term]:
    parts: list[Term] = []
    node: Term = term
    while isinstance(node, Concat):
        parts.append(node.head)
        node = node.tail
    return [*parts, node]


def _applied(operator: str, arguments: list[str]) -> str:
    return f"({operator} {' '.join(arguments)})"


def _loop(body: str, lower: int, upper: int | None) -> str:
    if upper is not None:
        return f"((_ re.loop {lower} {upper}) {body})"
    if lower == 0:
        return f"(re.* {body})"
    return f"(re.++ ((_ re.^ {lower}) {body}) (re.* {body}))"


def _letters(members: CharSet) -> str:
    ranges = []
    for low, high in members.ranges:
        if any(CLIP < edge <= 0x10FFFF for edge in (low, high + 1)):
            raise _NotExported(
                f"it tells U+{low:04X}..U+{high:04X} from what is around it, above U+{CLIP:04X}"
            )
        first, last = (string(chr(code)) for code in (low, min(high, LAST)))
        ranges.append(f"(str.to_re {first})" if low == high else f"(re.range {first} {last})")
    return ranges[0] if len(ranges) == 1 else _applied("re.union", ranges)


def _integer(value: int) -> str:
    return str(value) if value >= 0 else f"(- {-value})"
