"""NDJSON written line by line, as somebody else's exporter would: nothing of the package's own way to terms is used."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from bartizan.policies.lean.theory import text

Node = int


@cache
def _scanned(theory: str) -> tuple[tuple[str, ...], dict[tuple[int, str], int], dict[str, int]]:
    """The lines, the names in them, and the next free number of each kind."""
    names: dict[tuple[int, str], int] = {}
    count = {"in": 1, "il": 1, "ie": 0}
    for line in theory.splitlines():
        found = json.loads(line)
        for tag in count:
            if tag in found:
                count[tag] = found[tag] + 1
        if "in" in found and "str" in found:
            names[found["str"]["pre"], found["str"]["str"]] = found["in"]
    return tuple(theory.splitlines()), names, count


class File:
    """Lines that go on behind the theory. Every method writes a line and answers the number of what it says."""

    def __init__(self, theory: str | None = None) -> None:
        lines, names, count = _scanned(text() if theory is None else theory)
        self.lines, self.names, self.count = [*lines], dict(names), dict(count)

    def bytes(self) -> bytes:
        return "".join(f"{line}\n" for line in self.lines).encode()

    def _line(self, tag: str, body: dict[str, Any]) -> int:
        number = self.count[tag]
        self.count[tag] += 1
        self.lines.append(json.dumps({**body, tag: number}))
        return number

    def name(self, dotted: str) -> int:
        number = 0
        for part in dotted.split("."):
            if (number, part) not in self.names:
                self.names[number, part] = self._line("in", {"str": {"pre": number, "str": part}})
            number = self.names[number, part]
        return number

    def const(self, name: str, *levels: int) -> Node:
        return self._line("ie", {"const": {"name": self.name(name), "us": list(levels)}})

    def app(self, fn: Node, *args: Node) -> Node:
        for arg in args:
            fn = self._line("ie", {"app": {"fn": fn, "arg": arg}})
        return fn

    def make(self, name: str, *args: Node) -> Node:
        return self.app(self.const(name), *args)

    def nat(self, value: int) -> Node:
        return self._line("ie", {"natVal": str(value)})

    def lam(self, name: str, type_: Node, body: Node) -> Node:
        about = {"binderInfo": "default", "name": self.name(name), "type": type_, "body": body}
        return self._line("ie", {"lam": about})

    def bvar(self, index: int) -> Node:
        return self._line("ie", {"bvar": index})

    def list(self, type_: Node, items: list[Node]) -> Node:
        made = self.app(self.const("List.nil", 0), type_)
        for item in reversed(items):
            made = self.app(self.const("List.cons", 0), type_, item, made)
        return made

    def text(self, written: str) -> Node:
        data = written.encode()
        pieces = [int.from_bytes(b"\x01" + data[at : at + 256], "big") for at in range(0, len(data), 256)]
        return self.list(self.const("Nat"), [self.nat(piece) for piece in pieces])

    def define(self, name: str, type_: Node, value: Node) -> Node:
        number = self.name(name)
        about = {"all": [number], "hints": {"regular": 1}, "levelParams": [], "name": number, "safety": "safe",
                 "type": type_, "value": value}  # fmt: skip
        self.lines.append(json.dumps({"def": about}))
        return self.const(name)

    def theorem(self, name: str, type_: Node, value: Node) -> None:
        number = self.name(name)
        about = {"all": [number], "levelParams": [], "name": number, "type": type_, "value": value}
        self.lines.append(json.dumps({"thm": about}))
