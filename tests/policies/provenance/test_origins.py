"""Origins: where an element of a value occurs."""

from __future__ import annotations

from collections.abc import Callable

from bartizan.guard.types import Event
from bartizan.policies.provenance import Origin, Provenance
from bartizan.policies.provenance.origins import MAX_ORIGINS

Prompt = Callable[[str], Event]
Result = Callable[..., Event]
Ask = Callable[..., Provenance]


def test_origins_name_event_path_label_and_words(prompt: Prompt, result: Result, ask: Ask) -> None:
    """Each place is named, with the words around it, in order of event."""
    mails = [{"sender": "alice@a.com"}, {"body": "write to alice@a.com, or\ncall"}]
    asked = ask(prompt("Reply to Alice."), result(mails, exceptions={"$[*].sender": "trusted"}, tool="mail"))
    assert asked.origins({"to": ["ALICE@a.com"], "cc": None}) == (
        Origin(1, "result", "mail", "trusted", "$[0].sender", "alice@a.com", "equal", "$.to[0]"),
        Origin(1, "result", "mail", "untrusted", "$[1].body", "write to alice@a.com, or call", "inside", "$.to[0]"),
    )  # fmt: skip


def test_an_excerpt_is_cut_around_the_place(prompt: Prompt, ask: Ask) -> None:
    """Of a long text only the words around the place are shown."""
    (origin,) = ask(prompt("x" * 500 + " pay 1,000.00 " + "y" * 500)).origins(1000)
    assert "pay 1,000.00" in origin.excerpt
    assert origin.excerpt.startswith("\u2026")
    assert origin.excerpt.endswith("\u2026")
    assert len(origin.excerpt) < 200


def test_dates_and_codes_are_shown_where_they_stand(prompt: Prompt, ask: Ask) -> None:
    """A value found in another format is shown as the source writes it."""
    asked = ask(prompt("z " * 200 + "on May 5th, 2024 to GB33 BUKB 2020 1555"))
    assert "May 5th, 2024" in asked.origins("2024-05-05")[0].excerpt
    assert "GB33 BUKB 2020 1555" in asked.origins("GB33BUKB20201555")[0].excerpt


def test_a_trace_is_an_origin_only_if_untrusted(result: Result, ask: Ask) -> None:
    """Mere characters matter where they taint."""
    hidden = "prefixEH9025920092suffix"
    assert [o.match for o in ask(result(hidden)).origins("EH9025920092")] == ["trace"]
    assert ask(result(hidden, "trusted")).origins("EH9025920092") == ()


def test_origins_are_bounded(result: Result, ask: Ask) -> None:
    """A value that occurs everywhere has a bounded list of origins."""
    assert len(ask(*(result("a b") for _ in range(100))).origins("a")) == MAX_ORIGINS
