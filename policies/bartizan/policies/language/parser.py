"""Expression text to syntax tree: CEL's grammar in the profile of the policy language.

Precedence, from loose to tight: ``?:``, ``||``, ``&&``, relations and ``in``, ``+ -``, ``*``, ``! -``,
then member access and calls. Relations do not chain. Chains of ``&&`` and of ``||`` become balanced trees
(both are associative in strong Kleene logic), so that a long list of alternatives stays shallow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn, cast

from ..diagnostics import Source
from . import mistakes
from .lexer import KEYWORDS, Locator, Token, tokenize
from .syntax import (
    Binary,
    BinaryOp,
    Call,
    Conditional,
    Expr,
    ListLiteral,
    Literal,
    Member,
    Name,
    Span,
    Unary,
    UnaryOp,
)
from .trees import balanced, children, unparse

__all__ = ["MAX_DEPTH", "MAX_NODES", "parse_expression", "unparse"]

MAX_DEPTH = 64
MAX_NODES = 4_096

RELATIONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_LEVELS: tuple[tuple[str, ...], ...] = (("*",), ("+", "-"), RELATIONS, ("&&",), ("||",))
_BINARY = frozenset(op for level in _LEVELS for op in level)
_CLOSERS = {"(": ")", "[": "]"}


def parse_expression(text: str, offsets: Sequence[int] | int, source: Source) -> Expr:
    """The syntax tree of ``text``.

    ``offsets`` says where the characters stand in ``source``: one file offset for each, or the offset of the
    first. Raises :class:`PolicyError` with one diagnostic at the exact characters. Never recurses beyond the
    depth limit.
    """
    locator = Locator(source, len(text), offsets)
    return _Parser(tokenize(text, locator), locator).whole()


class _Parser:
    def __init__(self, tokens: list[Token], locator: Locator) -> None:
        self.tokens = tokens
        self.locator = locator
        self.at = 0
        self.nesting = 0

    # --- tokens

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def ended(self) -> bool:
        return self.token.kind == "end"

    def next(self) -> Token:
        token = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1)
        return token

    def operator(self, *texts: str) -> Token | None:
        """The token at hand, taken, if it is one of these operators."""
        if self.token.kind == "operator" and self.token.text in texts:
            return self.next()
        return None

    def fail(self, code: str, message: str, token: Token, help: str | None = None) -> NoReturn:
        self.locator.fail(code, message, token.start, token.end, help)

    def close(self, opening: Token) -> Token:
        closer = _CLOSERS[opening.text]
        if token := self.operator(closer):
            return token
        if self.ended:
            self.fail("unclosed", f"`{opening.text}` is never closed", opening, f"add `{closer}`")
        self.unexpected(f"`{closer}` or an operator")

    def unexpected(self, expected: str) -> NoReturn:
        token = self.token
        if self.ended:
            self.fail("syntax", f"expected {expected}, found the end of the expression", token)
        remedy = mistakes.remedy(token.kind, token.text)
        self.fail("syntax", f"expected {expected}, found `{token.text[:40]}`", token, remedy)

    def span(self, start: int) -> Span:
        """From ``start`` to the end of the last token taken."""
        return self.locator.span(start, self.tokens[self.at - 1].end)

    # --- expressions

    def whole(self) -> Expr:
        if self.ended:
            self.fail(
                "syntax", "expected a condition, found nothing", self.token, "`true` is the empty condition"
            )
        expr = self.expression()
        if not self.ended:
            if self.token.text in (")", "]"):
                self.fail("syntax", f"`{self.token.text}` closes nothing", self.token, "remove it")
            self.unexpected("an operator or the end of the expression")
        self.check_size(expr)
        return expr

    def check_size(self, root: Expr) -> None:
        """Depth and number of nodes, without recursion."""
        stack, nodes = [(root, 1)], 0
        while stack:
            node, depth = stack.pop()
            nodes += 1
            if depth > MAX_DEPTH:
                self.too_deep(node.span)
            if nodes > MAX_NODES:
                self.refuse(
                    "too-large",
                    f"the expression has more than {MAX_NODES} nodes",
                    root.span,
                    "split the rule",
                )
            stack.extend((child, depth + 1) for child in children(node))

    def too_deep(self, span: Span) -> NoReturn:
        self.refuse(
            "too-deep", f"nested deeper than {MAX_DEPTH} levels", span, "split the condition into rules"
        )

    def refuse(self, code: str, message: str, span: Span, help: str) -> NoReturn:
        Locator(self.locator.source, 1, span.start).fail(code, message, 0, span.end - span.start, help)

    def expression(self) -> Expr:
        start = self.token.start
        self.nesting += 1
        if self.nesting > MAX_DEPTH:
            self.too_deep(self.locator.span(start, self.token.end))
        expr = self.binary()
        if question := self.operator("?"):
            then = self.expression()
            if not self.operator(":"):
                if self.ended:
                    self.fail("syntax", "`?` without its `:`", question, "write condition ? a : b")
                self.unexpected("`:`")
            otherwise = self.expression()
            expr = Conditional(expr, then, otherwise, self.span(start))
        self.nesting -= 1
        return expr

    def binary(self) -> Expr:
        """Operands and operators in a row, then folded level by level, tightest first."""
        operands, operators = [self.unary()], list[Token]()
        while self.token.text in _BINARY and self.token.kind in ("operator", "name"):
            operators.append(self.next())
            operands.append(self.unary())
        for level in _LEVELS:
            operands, operators = self.fold(level, operands, operators)
        return operands[0]

    def fold(
        self, level: tuple[str, ...], operands: list[Expr], operators: list[Token]
    ) -> tuple[list[Expr], list[Token]]:
        """Join the operands around each run of this level's operators."""
        joined: list[Expr] = []
        rest: list[Token] = []
        run: list[Expr] = [operands[0]]
        signs: list[Token] = []
        for operator, operand in zip(operators, operands[1:], strict=True):
            if operator.text in level:
                run.append(operand)
                signs.append(operator)
            else:
                joined.append(self.join(run, signs))
                rest.append(operator)
                run, signs = [operand], []
        return [*joined, self.join(run, signs)], rest

    def join(self, operands: list[Expr], operators: list[Token]) -> Expr:
        if not operators:
            return operands[0]
        op = cast(BinaryOp, operators[0].text)
        if op in ("&&", "||"):
            return balanced(op, operands)
        if op in RELATIONS and len(operators) > 1:
            help = f"write a {op} b && b {operators[1].text} c"
            self.fail("chained", "comparisons do not chain", operators[1], help)
        expr = operands[0]
        for operator, operand in zip(operators, operands[1:], strict=True):
            span = Span(expr.span.start, operand.span.end)
            expr = Binary(cast(BinaryOp, operator.text), expr, operand, span)
        return expr

    def unary(self) -> Expr:
        signs: list[Token] = []
        while sign := self.operator("!", "-"):
            signs.append(sign)
        expr = self.postfix()
        for sign in reversed(signs):
            start = self.locator.span(sign.start, sign.end).start
            expr = Unary(cast(UnaryOp, sign.text), expr, Span(start, expr.span.end))
        return expr

    def postfix(self) -> Expr:
        start = self.token.start
        expr = self.primary()
        while opening := self.operator(".", "[", "("):
            if opening.text == ".":
                name = self.field(opening)
                if parenthesis := self.operator("("):
                    args, named = self.arguments(parenthesis)
                    expr = Call(name, expr, args, named, self.span(start))
                else:
                    expr = Member(expr, name, self.span(start))
            elif opening.text == "[":
                expr = Member(expr, self.index(opening), self.span(start))
            else:
                self.fail("call", "only a name can be called", opening, "write f(x), x.f(y), or remove the (")
        return expr

    def field(self, dot: Token) -> str:
        token = self.token
        if token.kind != "name":
            self.unexpected("a field name after `.`")
        if token.text in KEYWORDS:
            self.fail("field", f"`{token.text}` cannot follow a point", token, f'write ["{token.text}"]')
        return self.next().text

    def index(self, opening: Token) -> str:
        token = self.next()
        if token.kind != "string" or not isinstance(token.value, str):
            help = "x.exists(i, ...) and x.all(i, ...) range over a list"
            self.fail("index", 'only a field name can be an index, like args["name"]', token, help)
        self.close(opening)
        return token.value

    def primary(self) -> Expr:
        token = self.token
        span = self.locator.span(token.start, token.end)
        if token.kind in ("number", "string") and token.value is not None:
            self.next()
            return Literal(token.value, span)
        if token.kind == "name":
            return self.name(span)
        if opening := self.operator("("):
            expr = self.expression()
            self.close(opening)
            return replace(expr, span=self.span(token.start))
        if opening := self.operator("["):
            return ListLiteral(self.items(opening), self.span(opening.start))
        self.unexpected("a value")

    def name(self, span: Span) -> Expr:
        token = self.next()
        word = token.text
        if word in ("true", "false"):
            return Literal(word == "true", span)
        if word.lower() in ("true", "false"):
            self.fail("name", f"`{word}` is not a value", token, f"write {word.lower()}")
        if help := mistakes.WORD_VALUES.get(word.lower()):
            self.fail("name", f"`{word}` is not a value", token, help)
        if word == "in" or word in mistakes.RESERVED:
            help = mistakes.WORD_OPERATORS.get(word)
            self.fail("name", f"`{word}` is a reserved word and cannot stand here", token, help)
        if opening := self.operator("("):
            args, named = self.arguments(opening)
            return Call(word, None, args, named, self.span(token.start))
        return Name(word, span)

    # --- lists and arguments

    def items(self, opening: Token) -> tuple[Expr, ...]:
        if self.operator("]"):
            return ()
        items = [self.expression()]
        while self.operator(","):
            items.append(self.expression())
        self.close(opening)
        return tuple(items)

    def arguments(self, opening: Token) -> tuple[tuple[Expr, ...], tuple[tuple[str, Expr], ...]]:
        """Positional, then named arguments."""
        args: list[Expr] = []
        named: dict[str, Expr] = {}
        if self.operator(")"):
            return (), ()
        while True:
            token = self.token
            following = self.tokens[min(self.at + 1, len(self.tokens) - 1)].text
            if token.kind == "name" and following == "=":
                self.at += 2
                if token.text in named:
                    self.fail("argument", f"the argument `{token.text}` is given twice", token, "remove one")
                named[token.text] = self.expression()
            elif token.kind == "name" and following == ":":
                self.fail(
                    "argument", "a named argument is written with `=`", token, f"write {token.text}=..."
                )
            elif named:
                self.fail(
                    "argument", "a positional argument after a named one", token, "named arguments come last"
                )
            else:
                args.append(self.expression())
            if not self.operator(","):
                break
        self.close(opening)
        return tuple(args), tuple(named.items())
