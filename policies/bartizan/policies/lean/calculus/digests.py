"""Digests of terms and declarations: what a certificate names a statement by, and a theory.

A digest is SHA-256 over the structure, the digests of the parts for the parts (a Merkle tree), so that what is shared
is hashed once. Names of bound variables and binder kinds count, too; what the kernel derives itself (recursors, the
heights of definitions) does not.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from .build import bottom_up, inside, subterms
from .declarations import Declaration, Inductive
from .terms import App, Const, Expr, Lam, Let, Level, Lit, Param, Pi, Proj, Sort, Var


class Digester:
    """Digests of many terms; what they share is hashed once."""

    def __init__(self) -> None:
        self._known: dict[Expr, bytes] = {}
        self._levels: dict[Level, bytes] = {}

    def term(self, term: Expr) -> bytes:
        """The digest of a closed term without locals. Never recurses: terms may be deep."""
        known = self._known
        for part in bottom_up(term, subterms, known):
            known[part] = self._of(part, [known[each] for each in subterms(part)])
        return known[term]

    def _of(self, term: Expr, parts: list[bytes]) -> bytes:
        match term:
            case Var(index):
                return _hash("var", index)
            case Sort(level):
                return _hash("sort", self.level(level))
            case Const(name, levels):
                return _hash("const", name, *map(self.level, levels))
            case App():
                return _hash("app", *parts)
            case Lam():
                return _hash("lam", term.name, term.kind, *parts)
            case Pi():
                return _hash("pi", term.name, term.kind, *parts)
            case Let(name):
                return _hash("let", name, *parts)
            case Proj(name, index):
                return _hash("proj", name, index, *parts)
            case Lit(value):
                return _hash("lit", value)
        raise ValueError(f"a term under construction has no digest: {term!r:.100}")

    def level(self, level: Level) -> bytes:
        """The digest of a universe level."""
        known = self._levels
        for part in bottom_up(level, inside, known):
            name = (part.name,) if isinstance(part, Param) else ()
            known[part] = _hash(type(part).__name__, *name, *(known[each] for each in inside(part)))
        return known[level]

    def declarations(self, declarations: Iterable[Declaration]) -> str:
        """The digest of declarations in their order, in hexadecimal."""
        return _hash("declarations", *map(self._declaration, declarations)).hex()

    def _declaration(self, made: Declaration) -> bytes:
        kind = type(made).__name__
        if not isinstance(made, Inductive):
            value = getattr(made, "value", None)
            body = () if value is None else (self.term(value),)
            return _hash(kind, made.name, *made.level_params, b"", self.term(made.type), *body)
        types: list[str | int | bytes] = []
        for type_ in made.types:
            types += [type_.name, self.term(type_.type), len(type_.constructors)]
            types += [part for each in type_.constructors for part in (each.name, self.term(each.type))]
        return _hash(kind, made.params, *made.level_params, b"", *types)


def _hash(*parts: str | int | bytes) -> bytes:
    """Over the parts with their kinds and lengths, so that no two lists of parts are the same bytes."""
    state = sha256()
    for part in parts:
        kind = b"b" if isinstance(part, bytes) else b"s" if isinstance(part, str) else b"i"
        data = (
            part if isinstance(part, bytes) else str(part).encode() if isinstance(part, str) else b"%x" % part
        )
        state.update(b"%s%d:" % (kind, len(data)))
        state.update(data)
    return state.digest()
