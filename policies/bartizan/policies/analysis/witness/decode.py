"""From a model to JSON: the call, who makes it, when, and what the monitors measure, as a test case says them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any as Json

from ...language.types import (
    F64,
    Any,
    Bool,
    Dec,
    Duration,
    Enum,
    Int,
    List,
    Record,
    Str,
    Time,
    Type,
)
from ...language.values import duration_text, scale_decimal
from ..encode.expressions import Encoder, Moment
from ..encode.inputs import EARLIEST, LATEST, OFFSET
from ..encode.symbols import Amount, Condition, Elements, Fields, String, Symbol, float_of
from ..formula import Model, Number

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def opaque_word(path: str) -> Json:
    """What stands for a value of type ``any``: a word of its own for every path."""
    letters = "".join(c if c.isalnum() else " " for c in path.removeprefix("args.")).split()
    return "-".join(("some", *letters))


@dataclass(frozen=True, slots=True)
class Decoder:
    """Reads a model. ``opaque`` says what stands for a value of type ``any``, by its path."""

    encoder: Encoder
    model: Model
    opaque: Callable[[str], Json] = field(default=opaque_word)

    def value(self, symbol: Symbol, type_: Type, path: str = "args") -> Json:
        """The value of a symbol as JSON that conforms to ``type_``.

        A value that is none (its flag is false) becomes JSON that conforms and is E when evaluated.
        """
        holds = self.model.holds
        match type_, symbol:
            case Bool(), Condition(true):
                return holds(true)
            case Str(limit), String(defined, leaves):
                if not holds(defined):
                    return "a" * (limit + 1)
                leaf = next(leaf for guard, leaf in leaves if holds(guard))
                return leaf if isinstance(leaf, str) else self.model.text(leaf)
            case List(element, limit), Elements(defined, length, items):
                if not holds(defined):
                    return [plainest(element)] * (limit + 1)
                shown = items[: self.model.number(length)]
                return [self.value(item, element, f"{path}[{i}]") for i, item in enumerate(shown)]
            case Record(fields), Fields(symbols):
                return {
                    name: self.value(symbols[name][1], declared.type, f"{path}.{name}")
                    for name, declared in fields
                    if name in symbols and holds(symbols[name][0])
                }
            case Any(), _:
                word = self.opaque(path)
                return {"value": word} if path == "args" else word
            case _, Amount(defined, number):
                return self._amount(number, type_) if holds(defined) else without_value(type_)
        raise TypeError(f"no {type_} is written as {type(symbol).__name__}")

    def _amount(self, number: Number, type_: Type) -> Json:
        value = self.model.number(number)
        match type_:
            case Dec(digits):
                return decimal_json(value, digits)
            case F64():
                return float_of(value)
            case Time():
                return time_text(value)
            case Duration():
                return duration_text(value)
            case Enum():
                return self.encoder.codes.text(value)
            case _:
                return value

    def now(self, moment: Moment) -> int:
        """The time of the moment, in microseconds, kept within what can be written."""
        symbol = moment.inputs["now"]
        assert isinstance(symbol, Amount)
        return min(max(self.model.number(symbol.number), EARLIEST), LATEST)

    def principal(self, moment: Moment) -> dict[str, Json]:
        """Who makes the call: ``{id, roles}``, roles sorted and distinct."""
        symbol = moment.inputs["principal"]
        assert isinstance(symbol, Fields)
        id = self.value(symbol.fields["id"][1], Str(), "principal.id")
        roles = symbol.fields["roles"][1]
        assert isinstance(roles, Elements)
        if self.model.holds(roles.defined):
            return {"id": id, "roles": sorted(set(self.value(roles, List(Str(), 64), "principal.roles")))}
        return {"id": id, "roles": [f"role-{i:02}" for i in range(65)]}

    def signals(self, moment: Moment) -> dict[str, Json]:
        """What was measured, by name: a number, ``missing``, or ``{value, p_value}``."""
        read: dict[str, dict[str, Json]] = {}
        for (name, which), symbol in sorted(moment.signals.items()):
            known = self.model.holds(symbol.defined)
            read.setdefault(name, {})[which] = (
                float_of(self.model.number(symbol.number)) if known else "missing"
            )
        return {name: _reading(parts) for name, parts in read.items()}

    def origins(self, moment: Moment) -> Iterator[tuple[tuple[str, str, str | None], bool | None]]:
        """What the provenance questions were assumed to answer: by predicate, path and tool; None for E."""
        for key, answer in moment.origins.items():
            true, false = self.model.holds(answer.true), self.model.holds(answer.false)
            yield key, True if true else False if false else None


def _reading(parts: dict[str, Json]) -> Json:
    value = parts.get("value", "missing")
    p_value = parts.get("p_value", "missing")
    return value if p_value == "missing" else {"value": value, "p_value": p_value}


def decimal_json(scaled: int, digits: int) -> Json:
    """The number that ``scaled`` stands for: an integer, a float if that is exact, else a text."""
    whole, fraction = divmod(abs(scaled), 10**digits)
    sign = "-" if scaled < 0 else ""
    if not fraction:
        return -whole if scaled < 0 else whole
    text = f"{sign}{whole}.{fraction:0{digits}}".rstrip("0")
    number = float(text) if whole < 10**15 else 0.0
    return number if repr(number) == text and scale_decimal(number, digits) == scaled else text


def time_text(microseconds: int) -> str:
    """RFC 3339 in UTC; at the ends of the calendar with an offset, since text can mean a little more than UTC can."""
    zone, offset = "Z", 0
    if microseconds < EARLIEST + OFFSET:
        zone, offset = "+23:59:59.999999", OFFSET
    elif microseconds > LATEST - OFFSET:
        zone, offset = "-23:59:59.999999", -OFFSET
    local = _EPOCH + timedelta(microseconds=microseconds + offset)
    return local.replace(tzinfo=None).isoformat() + zone


def without_value(type_: Type) -> Json:
    """JSON that conforms to the type and is E when evaluated."""
    match type_:
        case Dec(digits):
            text = f"0.{'0' * digits}1"
            return float(text) if repr(float(text)) == text else text
        case F64():
            return 10**400
        case Str(limit):
            return "a" * (limit + 1)
        case List(element, limit):
            return [plainest(element)] * (limit + 1)
    raise TypeError(f"every value of {type_} is one")


def plainest(type_: Type) -> Json:
    """Any value of a type, as JSON."""
    match type_:
        case Bool():
            return False
        case Int() | Dec() | F64():
            return 0
        case Str() | Any():
            return "a"
        case Enum(values):
            return values[0]
        case Time():
            return time_text(0)
        case Duration():
            return duration_text(0)
        case List():
            return []
        case Record(fields):
            return {name: plainest(declared.type) for name, declared in fields if not declared.optional}
