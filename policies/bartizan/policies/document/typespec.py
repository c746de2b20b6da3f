"""Declared types: ``bool int dec(2) f64 str str(200) enum(a, b) time duration list(str, 16) any``.

Records are YAML mappings, or ``{name: str, memo?: str}`` inside a type's text; ``name?`` is optional.
"""

from __future__ import annotations

from typing import NoReturn

from ..diagnostics import Diagnostic, PolicyError, Source, did_you_mean
from ..language.lexer import Locator, Token, tokenize
from ..language.syntax import Span
from ..language.trees import quoted
from ..language.types import (
    DEFAULT_LIST,
    F64,
    MAX_LIST,
    MAX_TEXT,
    Any,
    Bool,
    Dec,
    Duration,
    Enum,
    Field,
    Int,
    List,
    Record,
    Str,
    Time,
    Type,
)
from .source import Mapping, Node, Scalar

MAX_DEPTH = 16
MAX_DIGITS = 9
MAX_FIELD_NAME = 128

_SIMPLE: dict[str, Type] = {
    "bool": Bool(),
    "int": Int(),
    "f64": F64(),
    "str": Str(),
    "time": Time(),
    "duration": Duration(),
    "any": Any(),
}
_NAMES = (*_SIMPLE, "dec", "enum", "list")
_ELSEWHERE = {
    "string": "str",
    "text": "str",
    "uuid": "str",
    "integer": "int",
    "long": "int",
    "boolean": "bool",
    "number": "f64",
    "float": "f64",
    "double": "f64",
    "decimal": "dec(2)",
    "dec2": "dec(2)",
    "money": "dec(2)",
    "datetime": "time",
    "date": "time, or str",
    "timestamp": "time",
    "timedelta": "duration",
    "array": "list(str, 16)",
    "object": "a mapping of fields, or any",
    "dict": "a mapping of fields, or any",
    "record": "a mapping of fields, or any",
    "json": "any",
}
_FLOW = 'inside { } a comma ends the value: quote the type, like "enum(a, b)"'


def parse_type(node: Node | str, source: Source | None = None) -> Type:
    """The type written in a YAML node, or in a text. Raises :class:`PolicyError` with every problem found."""
    if isinstance(node, str):
        source = source or Source("<type>", node)
        node = Scalar(node, node, Span(0, len(node)), tuple(range(len(node))))
    reader = _TypeReader(source or Source("<type>", ""))
    type_ = reader.type(node, 0)
    if reader.problems:
        raise PolicyError(reader.source, reader.problems)
    return type_


def format_type(type_: Type) -> str:
    """The text that :func:`parse_type` reads back as an equal type."""
    match type_:
        case Str(limit):
            return "str" if limit == MAX_TEXT else f"str({limit})"
        case Enum(values):
            return f"enum({', '.join(v if _is_word(v) else quoted(v) for v in values)})"
        case List(element, limit):
            return f"list({format_type(element)}, {limit})"
        case Record(fields):
            inner = (f"{quoted(n)}{'?' if f.optional else ''}: {format_type(f.type)}" for n, f in fields)
            return "{" + ", ".join(inner) + "}"
        case _:
            return str(type_)


def _is_word(text: str) -> bool:
    return text.isascii() and text.isidentifier()


def declared_args(root: Mapping, source: Source) -> tuple[dict[str, Record | Any], list[Diagnostic]]:
    """The argument types of every tool under ``tools:``, and what is wrong with them.

    What is not a mapping is left to the document's own check.
    """
    reader = _TypeReader(source)
    declared: dict[str, Record | Any] = {}
    tools = root.get("tools")
    for name, tool in tools.entries if isinstance(tools, Mapping) else ():
        args = tool.get("args") if isinstance(tool, Mapping) else None
        type_ = reader.type(args, 0) if args is not None else Record()
        if isinstance(type_, Record | Any):
            declared[name.text] = type_
        elif args is not None:
            message = f"the arguments of `{name.text[:60]}` cannot be of type {type_}"
            reader.problem(message, args.span, "write a mapping of fields, or any")
    return declared, reader.problems


class _TypeReader:
    """Reads types and collects problems; a type that cannot be read is ``any``."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Diagnostic] = []

    def problem(self, message: str, span: Span, help: str | None = None) -> None:
        self.problems.append(Diagnostic("type-spec", message, span, help))

    def type(self, node: Node, depth: int) -> Type:
        if depth > MAX_DEPTH:
            self.problem(
                f"a type nested deeper than {MAX_DEPTH} levels", node.span, "declare the inner part as any"
            )
            return Any()
        if isinstance(node, Mapping):
            return self.record(node, depth)
        if isinstance(node, Scalar) and isinstance(node.value, str):
            return self.text(node, depth)
        found = f"`{node.text}`" if isinstance(node, Scalar) and node.text else "a list or nothing"
        self.problem(f"expected a type, found {found}", node.span, f"the types are: {', '.join(_NAMES)}")
        return Any()

    def record(self, node: Mapping, depth: int) -> Record:
        fields: dict[str, Field] = {}
        for key, value in node.entries:
            name, optional = key.text.removesuffix("?"), key.text.endswith("?")
            if isinstance(value, Scalar) and value.value is None:
                help = _FLOW if name.endswith(")") else f"write a type, like {name[:40]}: str"
                self.problem(f"the field `{name[:60]}` has no type", key.span, help)
                continue
            if not is_field_name(name):
                self.problem(
                    f"`{name[:60]}` cannot name a field", key.span, "a name is 1 to 128 visible characters"
                )
            if name in fields:
                self.problem(f"the field `{name[:60]}` is declared twice", key.span, "remove one of them")
            fields[name] = Field(self.type(value, depth + 1), optional)
        return Record(tuple(fields.items()))

    def text(self, node: Scalar, depth: int) -> Type:
        offsets = node.offsets if node.offsets is not None else (node.span.start,) * len(node.text)
        locator = Locator(self.source, len(node.text), offsets)
        try:
            return _TypeText(tokenize(node.text, locator), locator).whole(depth)
        except PolicyError as error:
            self.problems += error.diagnostics
            return Any()


class _TypeText:
    """A recursive descent over the tokens of one type."""

    def __init__(self, tokens: list[Token], locator: Locator) -> None:
        self.tokens = tokens
        self.locator = locator
        self.at = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def next(self) -> Token:
        token = self.token
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def fail(self, message: str, token: Token, help: str | None = None) -> NoReturn:
        self.locator.fail("type-spec", message, token.start, token.end, help)

    def expect(self, operator: str) -> Token:
        if self.token.kind == "operator" and self.token.text == operator:
            return self.next()
        found = f"`{self.token.text[:40]}`" if self.token.text else "the end"
        self.fail(f"expected `{operator}`, found {found}", self.token, None if self.token.text else _FLOW)

    def accept(self, operator: str) -> bool:
        accepted = self.token.kind == "operator" and self.token.text == operator
        if accepted:
            self.next()
        return accepted

    def whole(self, depth: int) -> Type:
        type_ = self.type(depth)
        if self.token.kind != "end":
            self.fail(f"unexpected `{self.token.text[:40]}` after the type", self.token)
        return type_

    def type(self, depth: int) -> Type:
        token = self.next()
        if depth > MAX_DEPTH:
            self.fail(f"a type nested deeper than {MAX_DEPTH} levels", token, "declare the inner part as any")
        if token.kind == "operator" and token.text == "{":
            return self.record(depth)
        match token.text if token.kind == "name" else "":
            case "str" if self.accept("("):
                return Str(self.closing_number(1, MAX_TEXT))
            case "dec":
                if not self.accept("("):
                    self.fail("dec needs its number of fraction digits", token, "write dec(2) for cents")
                return Dec(self.closing_number(0, MAX_DIGITS))
            case "enum":
                return self.enum(token)
            case "list":
                return self.list(token, depth)
            case name if name in _SIMPLE:
                return _SIMPLE[name]
        self.unknown(token)

    def unknown(self, token: Token) -> NoReturn:
        if token.kind != "name":
            self.fail(
                f"expected a type, found `{token.text[:40]}`", token, f"the types are: {', '.join(_NAMES)}"
            )
        written = _ELSEWHERE.get(token.text.lower())
        help = f"write {written}" if written else did_you_mean(token.text, _NAMES)
        self.fail(f"unknown type `{token.text[:40]}`", token, help or f"the types are: {', '.join(_NAMES)}")

    def closing_number(self, least: int, most: int) -> int:
        token = self.next()
        if not isinstance(token.value, int) or not least <= token.value <= most:
            found = f"`{token.text[:40]}`" if token.text else "the end"
            self.fail(f"expected a whole number from {least} to {most}, found {found}", token)
        self.expect(")")
        return token.value

    def enum(self, start: Token) -> Enum:
        if not self.accept("("):
            self.fail("enum needs its values", start, "write enum(low, high)")
        values: list[str] = []
        while True:
            token = self.next()
            if token.kind not in ("name", "string"):
                help = 'a value that is not a plain word is quoted: "in progress"' if token.text else _FLOW
                self.fail(f"expected a value of the enum, found `{token.text[:40]}`", token, help)
            value = token.value if isinstance(token.value, str) else token.text
            if value in values:
                self.fail(f"the value `{value[:40]}` is listed twice", token, "remove one of them")
            values.append(value)
            if not self.accept(","):
                self.expect(")")
                return Enum(tuple(values))

    def list(self, start: Token, depth: int) -> List:
        if not self.accept("("):
            self.fail("list needs the type of its elements", start, "write list(str, 16)")
        element = self.type(depth + 1)
        if self.accept(","):
            return List(element, self.closing_number(1, MAX_LIST))
        self.expect(")")
        return List(element, DEFAULT_LIST)

    def record(self, depth: int) -> Record:
        fields: dict[str, Field] = {}
        while not self.accept("}"):
            token = self.next()
            name = token.value if isinstance(token.value, str) else token.text
            if token.kind not in ("name", "string") or not is_field_name(name):
                self.fail(f"expected the name of a field, found `{token.text[:40]}`", token)
            if name in fields:
                self.fail(f"the field `{name}` is declared twice", token, "remove one of them")
            optional = self.accept("?")
            self.expect(":")
            fields[name] = Field(self.type(depth + 1), optional)
            if not self.accept(","):
                self.expect("}")
                break
        return Record(tuple(fields.items()))


def is_field_name(name: str) -> bool:
    """Whether a declaration can name this field: visible, not too long, and free for the ``?`` of optionals."""
    return 0 < len(name) <= MAX_FIELD_NAME and name.isprintable() and not name.endswith("?")
