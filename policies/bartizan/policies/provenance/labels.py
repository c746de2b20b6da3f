"""Labels by JSON path: which leaf of a result is trusted.

The paths are a subset of RFC 9535: ``$``, then any number of ``.name``, ``["name"]``, ``[0]``, ``[*]`` and ``.*``
(``[*]`` and ``.*`` are the same: any element, any member). An exception labels the value at its path and all that
lies below. Where several fit, the longest path wins, and of two equally long ones the one listed later. A path that
cannot be read would leave its exception without effect, so it makes every leaf of that result untrusted; the policy
loader refuses it before that.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from bartizan.guard.types import Label, Labels

Path = tuple[str | int, ...]
"""Where a leaf is: names of members and indexes of elements, from the root."""

Step = str | int | None
"""One step of a pattern; ``None`` fits any."""

Pattern = tuple[Step, ...]


class Labeller:
    """The labels of one result, its exceptions parsed once."""

    def __init__(self, labels: Labels) -> None:
        self._default: Label = labels.default
        self._exceptions: list[tuple[Pattern, Label]] = []
        try:
            self._exceptions = [(parse_path(path), label) for path, label in labels.exceptions]
        except ValueError:
            self._default = "untrusted"
        # Stable: of equals, the later one last.
        self._exceptions.sort(key=lambda exception: len(exception[0]))
        self._exceptions.reverse()

    def label_of(self, path: Path) -> Label:
        """The label of the leaf at ``path``."""
        for pattern, label in self._exceptions:
            if _fits(pattern, path):
                return label
        return self._default

    def of_text(self) -> Label:
        """The label of a result whose structure is not known: untrusted if any part of it may be."""
        labels = {self._default, *(label for _, label in self._exceptions)}
        return "untrusted" if "untrusted" in labels else "trusted"

    def is_uniform(self) -> bool:
        """Whether every leaf has the default label."""
        return all(label == self._default for _, label in self._exceptions)


def label_of(labels: Labels, path: Path) -> Label:
    """The label of the leaf at ``path`` of a result labelled so."""
    return Labeller(labels).label_of(path)


def parse_path(text: str) -> Pattern:
    """A path such as ``$[*].subject``. Raises :class:`ValueError` that says where it cannot be read."""
    if text[:1] != "$":
        raise ValueError(f"expected a JSON path that starts with '$', found {text!r}")
    steps: list[Step] = []
    i = 1
    while i < len(text):
        step, i = _dotted(text, i) if text[i] == "." else _bracketed(text, i)
        steps.append(step)
    return tuple(steps)


def show_path(path: Path) -> str:
    """A path as :func:`parse_path` reads it."""
    return "$" + "".join(_show_step(step) for step in path)


def _fits(pattern: Sequence[Step], path: Path) -> bool:
    return len(pattern) <= len(path) and all(
        step is None or step == at for step, at in zip(pattern, path, strict=False)
    )


def _dotted(text: str, i: int) -> tuple[Step, int]:
    if text[i + 1 : i + 2] == "*":
        return None, i + 2
    end = i + 1
    while end < len(text) and _is_name(text[end]):
        end += 1
    if end == i + 1:
        raise ValueError(f"expected a name or '*' after '.' at character {i} of the JSON path {text!r}")
    return text[i + 1 : end], end


def _bracketed(text: str, i: int) -> tuple[Step, int]:
    problem = f"expected '.name', '[\"name\"]', '[0]' or '[*]' at character {i} of the JSON path {text!r}"
    if text[i] != "[":
        raise ValueError(problem)
    step: Step
    if text[i + 1 : i + 2] == '"':
        try:
            step, end = json.JSONDecoder().raw_decode(text, i + 1)
        except json.JSONDecodeError as error:
            raise ValueError(problem) from error
    elif text[i + 1 : i + 2] == "*":
        step, end = None, i + 2
    else:
        end = i + 1
        while end < len(text) and text[end] in "0123456789":
            end += 1
        if not 1 <= end - i - 1 <= 9:
            raise ValueError(problem)
        step = int(text[i + 1 : end])
    if text[end : end + 1] != "]":
        raise ValueError(problem)
    return step, end + 1


def _is_name(ch: str) -> bool:
    return ch.isalnum() or ch in "_-"


def _show_step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step and all(map(_is_name, step)) else f"[{json.dumps(step, ensure_ascii=False)}]"
