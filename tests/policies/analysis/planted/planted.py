"""Policies with one known fault each, sound ones, and pairs of an old and a new version.

``faulty/CLASS/*.yaml`` and ``widening/NAME/new.yaml`` begin with a line ``# planted: {code: ..., ...}`` that says what
an analysis has to find there; ``sound/``, ``narrowing/`` and ``equivalent/`` have nothing to find.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
MARK = "# planted: "


@dataclass(frozen=True, slots=True)
class Planted:
    """One policy and its fault.

    ``code`` is a code of `lint`, or ``sequence`` for an invariant that is violated: ``kind`` is then the invariant's
    (``never``, ``always-within``, ``possible``) and ``invariant`` its index. In a widening ``kind`` names the slip.
    ``rule`` is the rule at fault, ``other`` the deny rule of a conflict, ``tool`` the tool where there is one to name.
    """

    path: Path
    code: str
    rule: str | None = None
    kind: str | None = None
    tool: str | None = None
    invariant: int | None = None
    other: str | None = None

    @property
    def name(self) -> str:
        return name(self.path)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two versions of a policy. ``relation`` is ``widening``, ``narrowing`` or ``equivalent``."""

    relation: str
    old: Path
    new: Path

    @property
    def name(self) -> str:
        return name(self.old.parent)


def name(path: Path) -> str:
    """A short name for the ids of tests."""
    return str(path.relative_to(HERE).with_suffix(""))


def header(path: Path) -> dict[str, object] | None:
    """What the first line says is planted; None where nothing is."""
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return yaml.safe_load(first.removeprefix(MARK)) if first.startswith(MARK) else None


def cases() -> list[Planted]:
    """The faulty policies, in order of their paths."""
    return [_planted(path) for path in sorted(HERE.glob("faulty/*/*.yaml"))]


def widenings() -> list[Planted]:
    """The new versions that let something go which the old one (``old.yaml`` beside it) did not."""
    return [_planted(path) for path in sorted(HERE.glob("widening/*/new.yaml"))]


def sound() -> list[Path]:
    """The policies without a fault, the old versions of the pairs included."""
    return sorted([*HERE.glob("sound/*.yaml"), *HERE.glob("*/*/old.yaml"), *_refinements()])


def pairs(relation: str | None = None) -> list[Pair]:
    """All pairs, or those of one relation."""
    found = (
        Pair(p.parent.parent.name, p, p.with_name("new.yaml")) for p in sorted(HERE.glob("*/*/old.yaml"))
    )
    return [pair for pair in found if relation in (None, pair.relation)]


def _refinements() -> Iterator[Path]:
    for relation in ("narrowing", "equivalent"):
        yield from HERE.glob(f"{relation}/*/new.yaml")


def _planted(path: Path) -> Planted:
    said = header(path) or {}
    fields = {"other" if key == "with" else key: value for key, value in said.items()}
    return Planted(path, **fields)  # type: ignore[arg-type]
