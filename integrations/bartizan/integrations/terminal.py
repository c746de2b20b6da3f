"""A console on which nothing that is printed moves the cursor, hides other text or changes the terminal.

Much of what commands print was written by agents, tools and strangers: names of tools, excerpts of results, file names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from bartizan.policies.diagnostics import visible


class InertConsole(Console):
    """Rich's console. Its own styles work; other control characters are shown by number, and ``:x:`` is no picture."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"emoji": False, **options})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The segments of what is printed, with nothing in their texts that a terminal obeys but ends of lines."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(inert(segment.text), segment.style)


def inert(text: str) -> str:
    """The text with every character but a line's end as it can be seen."""
    return "".join(c if c == "\n" else visible(c) for c in text)
