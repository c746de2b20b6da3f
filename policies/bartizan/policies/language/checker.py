"""Types and names: from the syntax tree to the checked AST.

One expression is checked in one :class:`~.environment.Environment`. Whatever lies outside the profile is a
:class:`CheckError` that carries a diagnostic pointing at the characters.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any as Json
from typing import NoReturn

from ..regular import RegexError
from . import ast, syntax
from .ast import Expr
from .builtins import (
    FUNCTION_NAMES,
    LIST_MACROS,
    PROVENANCE_PREDICATES,
    SESSION_OPERATORS,
    SPECIAL_FORMS,
    STRING_PREDICATES,
)
from .environment import Environment
from .literals import literal_value
from .problems import did_you_mean, fail, hint, same_type
from .syntax import Span
from .temporal_checker import check_session
from .types import F64, Any, Bool, Dec, Duration, Enum, Int, List, Record, Str, Time, Type

MAX_NODES = 4_096
MAX_DEPTH = 128
_ORDERED = (Int, Dec, F64, Time, Duration)
_FLIPPED = {">": "<", ">=": "<="}
_NUMERIC = (Int, Dec, Duration)


def check(node: syntax.Expr, env: Environment, expected: Type) -> Expr:
    """The checked form of ``node``, which must have the expected type."""
    return Checker(env).checked(node, expected)


def _enforce(node: syntax.Expr, checked: Expr, expected: Type) -> Expr:
    if not same_type(checked.type, expected):
        found = checked.type
        fail(node.span, "type-mismatch", f"expected {expected}, found {found}", hint(expected, found))
    return checked


def check_condition(node: syntax.Expr, env: Environment) -> Expr:
    """A rule's condition: a boolean within the size limit."""
    condition = check(node, env, Bool())
    if sum(1 for _ in ast.walk(condition)) > MAX_NODES:
        fail(node.span, "too-large", f"the condition has more than {MAX_NODES} nodes", "split the rule")
    return condition


class Checker:
    """Dispatches on the node; every method returns a typed node or fails with a location."""

    def __init__(self, env: Environment, depth: int = 0) -> None:
        self.env = env
        self.depth = depth

    def inside(self, env: Environment) -> Checker:
        """A checker for another scope."""
        return Checker(env, self.depth)

    def checked(self, node: syntax.Expr, expected: Type) -> Expr:
        """The node, which must have the expected type."""
        return _enforce(node, self.expression(node, expected), expected)

    def expression(self, node: syntax.Expr, expected: Type | None = None) -> Expr:
        """The checked node. ``expected`` gives literals their type; it is not enforced here."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            fail(
                node.span, "too-deep", f"the expression nests more than {MAX_DEPTH} levels", "split the rule"
            )
        checked = self.dispatch(node, expected)
        self.depth -= 1
        return checked

    def dispatch(self, node: syntax.Expr, expected: Type | None) -> Expr:
        match node:
            case syntax.Literal():
                return self.literal(node, expected)
            case syntax.Name() | syntax.Member():
                return self.path(node)
            case syntax.Unary("!", operand):
                return ast.Not(self.boolean(operand), node.span)
            case syntax.Unary():
                return self.negation(node, expected)
            case syntax.Binary("&&", left, right):
                return ast.And(self.boolean(left), self.boolean(right), node.span)
            case syntax.Binary("||", left, right):
                return ast.Or(self.boolean(left), self.boolean(right), node.span)
            case syntax.Binary("in", left, right):
                return self.membership(node, left, right)
            case syntax.Binary("+" | "-" | "*"):
                return self.arithmetic(node, expected)
            case syntax.Binary():
                return self.comparison(node)
            case syntax.Conditional():
                return self.conditional(node, expected)
            case syntax.ListLiteral():
                fail(
                    node.span,
                    "list-literal",
                    "a list of literals can only stand after `in` or as an argument",
                )
            case syntax.Call():
                return self.call(node, expected)

    def boolean(self, node: syntax.Expr) -> Expr:
        return self.checked(node, Bool())

    # --- literals

    def literal(self, node: syntax.Literal, expected: Type | None) -> ast.Const:
        value, type_ = literal_value(node, expected)
        return ast.Const(value, type_, node.span)

    def negation(self, node: syntax.Unary, expected: Type | None) -> Expr:
        value = node.operand.value if isinstance(node.operand, syntax.Literal) else None
        if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
            negated = value.copy_negate() if isinstance(value, Decimal) else -value  # `-` would round
            return self.literal(syntax.Literal(negated, node.span), expected)
        operand = self.expression(node.operand, expected)
        if not isinstance(operand.type, _NUMERIC):
            fail(node.span, "type-mismatch", f"`-` needs int, dec or duration, found {operand.type}")
        return ast.Scale(-1, operand, operand.type, node.span)

    # --- paths

    def path(self, node: syntax.Expr) -> ast.Path:
        names: list[tuple[str, Span]] = []
        root = node
        while isinstance(root, syntax.Member):
            names.append((root.field, root.span))
            root = root.object
        if not isinstance(root, syntax.Name):
            fail(root.span, "not-a-path", "a field can only be taken of a name, like args.amount")
        names.reverse()
        for depth, (name, type_) in enumerate(self.env.bound):
            if name == root.name:
                return ast.Bound(
                    depth, tuple(n for n, _ in names), self.follow(type_, name, names), node.span
                )
        field = self.env.inputs.get(root.name)
        if field is None:
            self.unknown_name(root)
        type_ = self.follow(field.type, root.name, names)
        return ast.Input((root.name, *(n for n, _ in names)), type_, node.span)

    def follow(self, type_: Type, root: str, names: list[tuple[str, Span]]) -> Type:
        sofar = root
        for name, span in names:
            if isinstance(type_, Any):
                fail(span, "opaque", f"`{sofar}` has type any: nothing is known about its fields",
                     f"declare the arguments of `{self.env.tool}`, or ask only where the value came from")  # fmt: skip
            if not isinstance(type_, Record):
                fail(span, "no-fields", f"`{sofar}` is a {type_} and has no field `{name}`")
            field = type_.get(name)
            if field is None:
                where = f" of tool `{self.env.tool}`" if self.env.tool else ""
                fail(span, "unknown-field", f"`{sofar}`{where} has no field `{name}`",
                     did_you_mean(name, type_.names) or f"it has: {', '.join(type_.names) or 'no fields'}")  # fmt: skip
            type_, sofar = field.type, f"{sofar}.{name}"
        return type_

    def unknown_name(self, node: syntax.Name) -> NoReturn:
        names = (*self.env.inputs.names, *(n for n, _ in self.env.bound))
        fail(node.span, "unknown-name", f"unknown name `{node.name}`",
             did_you_mean(node.name, (*names, "session"))
             or f"here one can use: {', '.join(names)}, and session operators")  # fmt: skip

    def subject(self, node: syntax.Expr, what: str) -> ast.Path:
        if not isinstance(node, (syntax.Name, syntax.Member)):
            fail(node.span, "not-a-path", f"{what} takes a path like args.to, not an expression")
        return self.path(node)

    # --- operators

    def operands(self, left: syntax.Expr, right: syntax.Expr) -> tuple[Expr, Expr]:
        """Both sides, the side without a type of its own (a literal) elaborated to the other's."""
        if _is_literal(left) and not _is_literal(right):
            second = self.expression(right)
            return self.expression(left, second.type), second
        first = self.expression(left)
        return first, self.expression(right, first.type)

    def comparison(self, node: syntax.Binary) -> Expr:
        left, right = self.operands(node.left, node.right)
        symbol = node.op
        if not same_type(left.type, right.type):
            fail(node.span, "type-mismatch", f"`{symbol}` compares like with like, found {left.type} and {right.type}",
                 hint(left.type, right.type) or "there is no coercion: declare both with one type")  # fmt: skip
        if isinstance(left.type, (Any, Record, List)):
            fail(node.span, "type-mismatch", f"`{symbol}` cannot compare values of type {left.type}",
                 "compare its fields or elements")  # fmt: skip
        if symbol in ("==", "!="):
            equal = ast.Compare("==", *_saturate(left, right), node.span)
            return equal if symbol == "==" else ast.Not(equal, node.span)
        if not isinstance(left.type, _ORDERED):
            fail(node.span, "type-mismatch", f"`{symbol}` orders numbers and times, found {left.type}")
        if symbol in _FLIPPED:
            left, right = right, left
        op = "<" if symbol in ("<", ">") else "<="
        return ast.Compare(op, *_saturate(left, right), node.span)  # type: ignore[arg-type]

    def membership(self, node: syntax.Binary, left: syntax.Expr, right: syntax.Expr) -> Expr:
        if isinstance(right, syntax.ListLiteral):
            operand = self.expression(left)
            self.nonempty(right)
            items = tuple(self.constant(item, operand.type) for item in right.items)
            if isinstance(operand.type, (Any, Record, List)):
                fail(left.span, "type-mismatch", f"`in` cannot compare values of type {operand.type}")
            return ast.OneOf(operand, items, node.span)
        over = self.subject(right, "`in`")
        if not isinstance(over.type, List):
            fail(right.span, "type-mismatch", f"`in` needs a list, found {over.type}")
        inner = self.inside(self.env.bind("", over.type.element))
        operand = inner.expression(left, over.type.element)
        if not same_type(operand.type, over.type.element) or isinstance(operand.type, (Any, Record, List)):
            fail(node.span, "type-mismatch", f"no {operand.type} can be in a {over.type}")
        element = ast.Bound(0, (), over.type.element, right.span)
        return ast.Quantifier("exists", over, ast.Compare("==", operand, element, node.span), node.span)

    def nonempty(self, node: syntax.ListLiteral) -> None:
        if not node.items:
            fail(node.span, "empty-list", "nothing is in an empty list: this is always false")

    def constant(self, node: syntax.Expr, type_: Type) -> Json:
        checked = self.expression(node, type_)
        if not isinstance(checked, ast.Const):
            fail(node.span, "literal-required", "only literals can stand in this list")
        if not same_type(checked.type, type_):
            fail(node.span, "type-mismatch", f"expected {type_}, found {checked.type}")
        return checked.value

    def arithmetic(self, node: syntax.Binary, expected: Type | None) -> Expr:
        if node.op == "*":
            return self.scaling(node, expected)
        if _is_literal(node.left) and _is_literal(node.right):
            left, right = self.expression(node.left, expected), self.expression(node.right, expected)
        else:
            left, right = self.operands(node.left, node.right)
        negated = node.op == "-"
        result: Type
        match left.type, right.type:
            case (Int(), Int()) | (Duration(), Duration()):
                result = left.type
            case (Dec(a), Dec(b)) if a == b:
                result = left.type
            case (Time(), Duration()):
                result = Time()
            case (Time(), Time()) if negated:
                result = Duration()
            case _:
                fail(node.span, "type-mismatch", f"`{node.op}` cannot combine {left.type} and {right.type}",
                     hint(left.type, right.type) or "arithmetic is on int, dec, time and duration only")  # fmt: skip
        return ast.Add(
            left, ast.Scale(-1, right, right.type, node.right.span) if negated else right, result, node.span
        )

    def scaling(self, node: syntax.Binary, expected: Type | None) -> Expr:
        for factor, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(factor, syntax.Literal) and type(factor.value) is int:
                operand = self.expression(other, expected)
                if not isinstance(operand.type, _NUMERIC):
                    fail(other.span, "type-mismatch", f"`*` needs int, dec or duration, found {operand.type}")
                return ast.Scale(factor.value, operand, operand.type, node.span)
        fail(node.span, "not-linear", "one side of `*` must be a whole-number literal: arithmetic is linear")

    def conditional(self, node: syntax.Conditional, expected: Type | None) -> Expr:
        condition = self.boolean(node.condition)
        then = self.expression(node.then, expected)
        otherwise = self.expression(node.otherwise, then.type)
        if not same_type(then.type, otherwise.type):
            fail(node.span, "type-mismatch", f"the branches have types {then.type} and {otherwise.type}")
        return ast.If(condition, then, otherwise, then.type, node.span)

    # --- calls

    def call(self, node: syntax.Call, expected: Type | None) -> Expr:
        if isinstance(node.receiver, syntax.Name) and node.receiver.name == "session":
            return check_session(self, node)
        if node.named:
            fail(node.span, "named-argument", "only session operators take named arguments")
        if node.function in LIST_MACROS and node.receiver is not None:
            return self.quantifier(node)
        args = node.args if node.receiver is None else (node.receiver, *node.args)
        if node.function in STRING_PREDICATES:
            return self.string_test(node, args)
        if node.function in PROVENANCE_PREDICATES:
            return self.provenance(node, args)
        special: dict[str, Callable[[syntax.Call, tuple[syntax.Expr, ...]], Expr]] = {
            "has": self.has,
            "size": self.size,
            "signal": self.signal,
            "p_value": self.signal,
            "duration": self.moment,
            "time": self.moment,
            "allowed": self.allowed,
        }
        if (node.function in special and node.receiver is None) or node.function == "size":
            return special[node.function](node, args)
        if node.function in SESSION_OPERATORS:
            fail(
                node.span,
                "unknown-function",
                f"unknown function `{node.function}`",
                f"did you mean `session.{node.function}`?",
            )
        fail(node.span, "unknown-function", f"unknown function `{node.function}`",
             did_you_mean(node.function, FUNCTION_NAMES) or "docs/policy-language.md lists the builtins")  # fmt: skip

    def arity(self, node: syntax.Call, args: tuple[syntax.Expr, ...], count: int, usage: str) -> None:
        if len(args) != count:
            fail(
                node.span,
                "wrong-arity",
                f"`{node.function}` takes {count} argument{'s' * (count != 1)}, found {len(args)}",
                f"write {usage}",
            )

    def text_literal(self, node: syntax.Expr, what: str) -> str:
        if not isinstance(node, syntax.Literal) or not isinstance(node.value, str):
            fail(node.span, "literal-required", f"{what} must be a text literal")
        return node.value

    def string_test(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        predicate = STRING_PREDICATES[node.function]
        usage = f"x.{predicate.name}({'[...]' if predicate.param == 'texts' else chr(34) + '...' + chr(34)})"
        self.arity(node, args, 2, usage)
        operand = self.expression(args[0])
        if not isinstance(operand.type, (Str, Enum)):
            fail(args[0].span, "type-mismatch", f"`{predicate.name}` needs a str, found {operand.type}",
                 hint(Str(), operand.type))  # fmt: skip
        if predicate.param == "texts" and isinstance(args[1], syntax.ListLiteral):
            params: tuple[Json, ...] = tuple(self.text_literal(item, "each item") for item in args[1].items)
            self.nonempty(args[1])
        else:
            params = (self.text_literal(args[1], f"the argument of `{predicate.name}`"),)
        try:
            predicate.language(params) if predicate.param == "texts" else predicate.language(*params)
        except RegexError as error:
            place = f" (at character {error.position + 1} of the pattern)"
            fail(args[1].span, "bad-regex", error.message + place, error.help)
        except ValueError as error:
            fail(args[1].span, "bad-argument", str(error))
        return ast.StringTest(predicate.name, operand, params, node.span)

    def provenance(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        predicate = PROVENANCE_PREDICATES[node.function]
        usage = f"{predicate.name}(args.x{', ' + chr(34) + 'tool' + chr(34) if predicate.takes_tool else ''})"
        self.arity(node, args, 2 if predicate.takes_tool else 1, usage)
        subject = self.subject(args[0], f"`{predicate.name}`")
        if isinstance(subject, ast.Input) and subject.path[0] not in ("args", "result", "event", "prompt"):
            fail(
                args[0].span,
                "bad-argument",
                f"`{predicate.name}` asks where arguments come from, not `{subject.path[0]}`",
            )
        tool = None
        if predicate.takes_tool:
            tool = self.tool_literal(args[1])
        return ast.Provenance(predicate.name, subject, tool, node.span)

    def tool_literal(self, node: syntax.Expr) -> str:
        tool = self.text_literal(node, "the tool")
        if tool not in self.env.tools:
            fail(
                node.span,
                "unknown-tool",
                f"no tool `{tool}` is declared",
                did_you_mean(tool, tuple(self.env.tools)),
            )
        return tool

    def has(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        self.arity(node, args, 1, "has(args.x)")
        subject = self.subject(args[0], "`has`")
        if not subject.path or (isinstance(subject, ast.Input) and len(subject.path) < 2):
            fail(args[0].span, "bad-argument", "`has` takes a field, like args.memo")
        if not self.is_optional(args[0]):
            fail(args[0].span, "always-present", f"`{subject.path[-1]}` is not optional: `has` would always be true",
                 "mark the field optional with `?` in the tool's args, or drop the test")  # fmt: skip
        return ast.Has(subject, node.span)

    def is_optional(self, node: syntax.Expr) -> bool:
        assert isinstance(node, syntax.Member)
        parent = self.path(node.object).type
        field = parent.get(node.field) if isinstance(parent, Record) else None
        return field is not None and field.optional

    def size(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        self.arity(node, args, 1, "size(args.x)")
        operand = self.expression(args[0])
        if not isinstance(operand.type, (Str, List)):
            fail(args[0].span, "type-mismatch", f"`size` needs a str or a list, found {operand.type}")
        return ast.Size(operand, node.span)

    def signal(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        self.arity(node, args, 1, f'{node.function}("name")')
        name = self.signal_name(args[0])
        decl = self.env.signals[name]
        if decl.on != self.env.kind:
            here = f"on a {self.env.kind}" if self.env.kind else "on every kind of event"
            fail(node.span, "signal-not-here", f"signal `{name}` is measured on a {decl.on}, not {here}",
                 f'ask the history: session.once("{decl.on}", {node.function}("{name}") >= 0.9)')  # fmt: skip
        return ast.SignalValue(name, "value" if node.function == "signal" else "p_value", node.span)

    def signal_name(self, node: syntax.Expr) -> str:
        name = self.text_literal(node, "the signal's name")
        if name not in self.env.signals:
            fail(node.span, "unknown-signal", f"no signal `{name}` is declared",
                 did_you_mean(name, tuple(self.env.signals)) or "declare it under `signals:`")  # fmt: skip
        return name

    def moment(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        self.arity(node, args, 1, SPECIAL_FORMS[node.function])
        type_: Type = Duration() if node.function == "duration" else Time()
        return self.literal(syntax.Literal(self.text_literal(args[0], "the argument"), node.span), type_)

    def allowed(self, node: syntax.Call, args: tuple[syntax.Expr, ...]) -> Expr:
        if not self.env.invariant:
            fail(node.span, "unknown-function", "`allowed` can only be used in invariants")
        self.arity(node, args, 1, "allowed(tool)")
        name = syntax.Literal(args[0].name, args[0].span) if isinstance(args[0], syntax.Name) else args[0]
        return ast.Allowed(self.tool_literal(name), node.span)

    def quantifier(self, node: syntax.Call) -> Expr:
        assert node.receiver is not None
        over = self.subject(node.receiver, f"`{node.function}`")
        if not isinstance(over.type, List):
            fail(node.receiver.span, "type-mismatch", f"`{node.function}` needs a list, found {over.type}")
        self.arity(node, node.args, 2, f"args.list.{node.function}(x, condition on x)")
        variable = node.args[0]
        if not isinstance(variable, syntax.Name):
            fail(variable.span, "bad-argument", "the first argument is the variable's name")
        if variable.name == "session" or self.env.inputs.get(variable.name):
            fail(
                variable.span,
                "shadowing",
                f"`{variable.name}` already means something here: choose another name",
            )
        body = self.inside(self.env.bind(variable.name, over.type.element)).boolean(node.args[1])
        return ast.Quantifier("all" if node.function == "all" else "exists", over, body, node.span)


def _is_literal(node: syntax.Expr) -> bool:
    if isinstance(node, syntax.Unary) and node.op == "-":
        return _is_literal(node.operand)
    return isinstance(node, syntax.Literal)


def _saturate(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """A count compared with a literal needs to be exact only up to that literal."""

    def fit(count: Expr, literal: Expr) -> Expr:
        if isinstance(count, ast.Count) and isinstance(literal, ast.Const) and 0 <= literal.value < 10_000:
            return ast.Count(count.tool, count.body, literal.value + 1, True, count.within, count.key,
                             count.query, count.span)  # fmt: skip
        return count

    return fit(left, right), fit(right, left)
