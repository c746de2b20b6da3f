"""Literals: ``5`` and ``5.00`` take the type that is expected of them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any as Json

from . import syntax
from .problems import did_you_mean, fail
from .types import F64, Bool, Dec, Duration, Enum, Int, Str, Time, Type
from .values import parse_duration, parse_time, scale_decimal


def literal_value(node: syntax.Literal, expected: Type | None) -> tuple[Json, Type]:
    """A literal's value and type; ``5`` and ``5.00`` take the type that is expected of them."""
    value = node.value
    if isinstance(value, bool):
        return value, Bool()
    if isinstance(value, str):
        return _text_value(node, value, expected)
    match expected:
        case Dec(digits):
            scaled = scale_decimal(value if isinstance(value, int) else str(value), digits)
            if not isinstance(scaled, int):
                fail(
                    node.span,
                    "inexact",
                    f"{value} has more than {digits} fraction digits",
                    f"write it as {expected}",
                )
            return scaled, expected
        case F64():
            return float(value), expected
        case Int() if isinstance(value, Decimal):
            fail(node.span, "type-mismatch", f"expected int, found {value}", "write a whole number")
    if isinstance(value, int):
        return value, Int()
    digits = max(0, -int(value.as_tuple().exponent))
    if digits > 9:
        fail(node.span, "inexact", f"{value} has more than 9 fraction digits")
    return scale_decimal(str(value), digits), Dec(digits)


def _text_value(node: syntax.Literal, value: str, expected: Type | None) -> tuple[Json, Type]:
    match expected:
        case Enum(values):
            if value not in values:
                fail(
                    node.span,
                    "unknown-value",
                    f"`{value}` is not one of {', '.join(values)}",
                    did_you_mean(value, values),
                )
            return value, expected
        case Time() | Duration():
            try:
                return (parse_time if isinstance(expected, Time) else parse_duration)(value), expected
            except ValueError as error:
                fail(node.span, "bad-literal", str(error))
    return value, Str()
