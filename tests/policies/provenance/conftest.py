"""Building blocks of the provenance tests: prompts, results, and the answers about a session made of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bartizan.guard.types import Event, Label, Labels, Session, ToolCall
from bartizan.policies.provenance import Provenance


@pytest.fixture(scope="session")
def prompt() -> Callable[[str], Event]:
    """``prompt(text)``: the user said so."""
    return lambda text: Event("prompt", 0, text)


@pytest.fixture(scope="session")
def result() -> Callable[..., Event]:
    """``result(text_or_value, label, exceptions={path: label}, tool=, is_error=)``: a tool returned it."""

    def build(
        value: Any,
        label: Label = "untrusted",
        exceptions: dict[str, Label] | None = None,
        tool: str = "read_file",
        is_error: bool = False,
        text: str | None = None,
    ) -> Event:
        labels = Labels(label, tuple((exceptions or {}).items()))
        shown = text if text is not None else value if isinstance(value, str) else ""
        call = ToolCall.of("1", tool, {})
        return Event("result", 0, shown, call, value, labels, is_error)

    return build


@pytest.fixture(scope="session")
def ask() -> Callable[..., Provenance]:
    """``ask(*events, dropped=0)``: the provenance of the session that consists of them."""

    def build(*events: Event, dropped: int = 0) -> Provenance:
        return Provenance.of(Session("s", events=events, dropped=dropped))

    return build
