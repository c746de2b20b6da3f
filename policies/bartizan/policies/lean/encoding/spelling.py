"""Canonical JSON of a checked AST, spelt as expression text: what ``ast.to_json`` wrote, people read again.

The checker made one tree of several spellings, so what comes back is one of them. Nobody has to believe that it is the
same condition: whoever needs it has the text checked again and compares.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any as Json

from ...document.typespec import MAX_DIGITS
from ...language.builtins import STRING_PREDICATES
from ...language.syntax import Binary, Call, Conditional, Expr, ListLiteral, Literal, Member, Name, Unary
from ...language.trees import unparse
from ...language.values import duration_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unspeakable(ValueError):
    """There is no text for it: no file ever said this."""


def spell(node: Json, *, full: bool = False) -> str:
    """The text of a condition. ``full``: decimals keep all their digits. Raises :class:`Unspeakable`."""
    try:
        return unparse(_Speller(full).tree(node))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        if isinstance(error, Unspeakable):
            raise
        raise Unspeakable(
            f"expected the JSON of a checked condition: {type(error).__name__}: {error}"
        ) from error


class _Speller:
    def __init__(self, full: bool) -> None:
        self.full = full
        self.bound = 0

    def tree(self, node: Json) -> Expr:
        name = node["node"]
        method = getattr(self, f"node_{str(name).lower()}", None)
        if method is None:
            raise Unspeakable(f"no file can say a {name}")
        made: Expr = method(node)
        return made

    # --- values

    def node_const(self, node: Json) -> Expr:
        return self._literal(node["value"], node["type"])

    def _literal(self, value: Json, type_: str) -> Expr:
        if type_ == "time":
            text = (_EPOCH + timedelta(microseconds=value)).isoformat().replace("+00:00", "Z")
            return Call("time", None, (Literal(text),))
        if type_ == "duration":
            return Call("duration", None, (Literal(duration_text(value)),))
        if isinstance(value, bool | str):
            return Literal(value)
        digits = int(type_[4:-1]) if type_.startswith("dec(") else 0
        if digits > MAX_DIGITS:
            raise Unspeakable(f"no file can say {type_:.40}")
        magnitude = Literal(self._magnitude(abs(value), digits))
        return Unary("-", magnitude) if value < 0 else magnitude

    def _magnitude(self, value: float, digits: int) -> int | Decimal:
        """Exactly, which arithmetic on decimals is not: whole numbers without a point, unless all digits are kept."""
        if isinstance(value, float):
            return Decimal(repr(value)) if self.full or not value.is_integer() else int(value)
        whole, rest = divmod(value, 10**digits)
        if not digits or not (rest or self.full):
            return whole
        fraction = f"{rest:0{digits}d}"
        return Decimal(f"{whole}.{fraction if self.full else fraction.rstrip('0')}")

    def node_input(self, node: Json) -> Expr:
        return _member(Name(node["path"][0]), node["path"][1:])

    def node_bound(self, node: Json) -> Expr:
        return _member(Name(f"x{self.bound - node['depth']}"), node["path"])

    def node_signalvalue(self, node: Json) -> Expr:
        return Call("signal" if node["which"] == "value" else "p_value", None, (Literal(node["name"]),))

    def node_size(self, node: Json) -> Expr:
        return Call("size", None, (self.tree(node["operand"]),))

    def node_add(self, node: Json) -> Expr:
        left, right = node["left"], node["right"]
        if right["node"] == "Scale" and right["factor"] == -1:
            return Binary("-", self.tree(left), self.tree(right["operand"]))
        return Binary("+", self.tree(left), self.tree(right))

    def node_scale(self, node: Json) -> Expr:
        operand = self.tree(node["operand"])
        if node["factor"] == -1:
            return Unary("-", operand)
        return Binary("*", Literal(node["factor"]), operand)

    # --- truth

    def node_not(self, node: Json) -> Expr:
        return Unary("!", self.tree(node["operand"]))

    def node_and(self, node: Json) -> Expr:
        return Binary("&&", self.tree(node["left"]), self.tree(node["right"]))

    def node_or(self, node: Json) -> Expr:
        return Binary("||", self.tree(node["left"]), self.tree(node["right"]))

    def node_if(self, node: Json) -> Expr:
        condition, then, otherwise = (self.tree(node[part]) for part in ("condition", "then", "otherwise"))
        return Conditional(condition, then, otherwise)

    def node_compare(self, node: Json) -> Expr:
        return Binary(node["op"], self.tree(node["left"]), self.tree(node["right"]))

    def node_oneof(self, node: Json) -> Expr:
        type_ = node["operand"]["type"]
        items = tuple(self._literal(item, type_) for item in node["items"])
        return Binary("in", self.tree(node["operand"]), ListLiteral(items))

    def node_has(self, node: Json) -> Expr:
        return Call("has", None, (self.tree(node["subject"]),))

    def node_stringtest(self, node: Json) -> Expr:
        predicate = STRING_PREDICATES[node["predicate"]]
        texts = tuple(Literal(text) for text in node["params"])
        argument: Expr = ListLiteral(texts) if predicate.param == "texts" else texts[0]
        return Call(predicate.name, None, (self.tree(node["operand"]), argument))

    def node_quantifier(self, node: Json) -> Expr:
        over = self.tree(node["over"])
        self.bound += 1
        name = Name(f"x{self.bound}")
        body = self.tree(node["body"])
        self.bound -= 1
        return Call(node["kind"], over, (name, body))

    def node_provenance(self, node: Json) -> Expr:
        tool = () if node["tool"] is None else (Literal(node["tool"]),)
        return Call(node["predicate"], None, (self.tree(node["subject"]), *tool))

    def node_allowed(self, node: Json) -> Expr:
        return Call("allowed", None, (Literal(node["tool"]),))

    # --- sessions

    def node_once(self, node: Json) -> Expr:
        return self._session("once", (_event(node["match"]), *self._body(node)), node)

    def node_since(self, node: Json) -> Expr:
        return self._session("since", (self._past(node["left"]), self._past(node["right"])), node)

    def node_previous(self, node: Json) -> Expr:
        return self._session("prev", (self._past(node["body"]),), node)

    def node_count(self, node: Json) -> Expr:
        return self._session("count", (Literal(node["tool"]), *self._body(node)), node)

    def node_sum(self, node: Json) -> Expr:
        field = Literal(".".join(node["field"]["path"][1:]))
        where = tuple(("where", body) for body in self._body(node))
        return self._session("sum", (Literal(node["tool"]), field), node, where)

    def node_maxsignal(self, node: Json) -> Expr:
        return self._session("max_signal", (Literal(node["name"]),), node)

    def node_instage(self, node: Json) -> Expr:
        return self._session("stage", tuple(map(Literal, node["names"])), node)

    def _past(self, node: Json) -> Expr:
        """What stands inside a session operator, where variables outside are not seen."""
        outer, self.bound = self.bound, 0
        made = self.tree(node)
        self.bound = outer
        return made

    def _body(self, node: Json) -> tuple[Expr, ...]:
        body = node["body"]
        always = body["node"] == "Const" and body["value"] is True
        return () if always else (self._past(body),)

    def _session(
        self, name: str, args: tuple[Expr, ...], node: Json, named: tuple[tuple[str, Expr], ...] = ()
    ) -> Expr:
        if node.get("within") is not None:
            named += (("within", Literal(duration_text(node["within"]))),)
        if node.get("query") is not None:
            named += (("by", self.tree(node["query"])),)
        return Call(name, Name("session"), args, named)


def _member(expr: Expr, path: Sequence[str]) -> Expr:
    for name in path:
        expr = Member(expr, name)
    return expr


def _event(match: Mapping[str, Json]) -> Expr:
    return Literal(match["kind"] if match["tool"] is None else f"{match['kind']}:{match['tool']}")
