"""Lean source, as far as it is cut into its top-level commands; what the commands mean is not read here.

A command begins with its keyword in the first column; its documentation comment stands before it.
"""

from __future__ import annotations

import re  # noqa: TID251 - fixed patterns over our own Lean files, never while a call is decided
from dataclasses import dataclass
from pathlib import Path

_KEYWORDS = ("inductive", "structure", "abbrev", "def", "theorem")
_BEGINS = re.compile(rf"^(?:{'|'.join((*_KEYWORDS, 'import', 'namespace', 'end', 'open'))})\b", re.MULTILINE)
_COMMENT = re.compile(r"/-(?!-)(?:[^-]|-(?!/))*-/|(?<!/)--[^\n]*")
_DOC = re.compile(r"/--((?:[^-]|-(?!/))*)-/\s*$")
_OPEN, _CLOSE = "([{⟨", ")]}⟩"


@dataclass(frozen=True, slots=True)
class Command:
    """A definition or a theorem: ``text`` is all of it without its documentation ``doc``.

    ``statement`` is ``text`` up to the ``:=`` of its proof or body, or all of it where there is none.
    """

    kind: str
    name: str
    doc: str
    text: str

    @property
    def statement(self) -> str:
        cut = _body_at(self.text)
        return self.text if cut is None else self.text[:cut].rstrip()

    @property
    def body(self) -> str:
        """What follows the statement's ``:=``; empty where there is none."""
        cut = _body_at(self.text)
        return "" if cut is None else self.text[cut + 2 :].strip()


@dataclass(frozen=True, slots=True)
class Module:
    """One file: its module documentation, the modules that it imports, and its commands in order."""

    name: str
    imports: tuple[str, ...]
    commands: tuple[Command, ...]


def read_module(name: str, text: str) -> Module:
    """The commands of a file's ``text``, all in one namespace."""
    bare = _COMMENT.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    starts = [found.start() for found in _BEGINS.finditer(bare)]
    imports, commands = [], []
    for start, end in zip(starts, [*starts[1:], len(bare)], strict=True):
        piece = _without_doc(bare[start:end])
        keyword, rest = piece.split(maxsplit=1)
        if keyword == "import":
            imports.append(rest.strip())
        elif keyword in _KEYWORDS:
            found = _DOC.search(bare, 0, start)
            doc = " ".join(found[1].split()) if found else ""
            commands.append(Command(keyword, rest.split(maxsplit=1)[0], doc, piece))
    return Module(name, tuple(imports), tuple(commands))


def read_project(root: Path, library: str) -> list[Module]:
    """The modules of one library of a Lake project, each after those that it imports."""
    found = {}
    for path in sorted((root / library).glob("*.lean")):
        name = f"{library}.{path.stem}"
        found[name] = read_module(name, path.read_text("utf-8"))
    ordered: dict[str, Module] = {}

    def take(name: str) -> None:
        if name in found and name not in ordered:
            for imported in found[name].imports:
                take(imported)
            ordered[name] = found[name]

    for name in found:
        take(name)
    return list(ordered.values())


def _without_doc(piece: str) -> str:
    """A command without the documentation of the one after it."""
    return _DOC.sub("", piece.rstrip()).rstrip()


def _body_at(text: str) -> int | None:
    """Where the ``:=`` of a command is; in none of ours one stands inside parentheses."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in _OPEN) - (char in _CLOSE)
        if depth == 0 and text.startswith(":=", at):
            return at
    return None
