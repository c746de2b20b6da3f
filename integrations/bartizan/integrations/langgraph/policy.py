"""What a door knows of the policy behind its guard: nothing, where the guard is a service."""

from __future__ import annotations

from bartizan.guard import Gatekeeper, Guard, Program
from bartizan.guard.stream.rules import TextRules

from .errors import PolicyElsewhere


def program_of(guard: Gatekeeper) -> Program | None:
    """The program that decides, if it does so in this process."""
    return guard.program if isinstance(guard, Guard) else None


def name_of(guard: Gatekeeper) -> str:
    """The policy's name; empty where it is not known here. Its hash stands in every answer."""
    program = program_of(guard)
    return program.name if program is not None else ""


def text_rules(guard: Gatekeeper) -> TextRules | None:
    """The policy's rules on text, if it has any. Raises :class:`PolicyElsewhere` where they are not known here."""
    program = program_of(guard)
    if program is None:
        raise PolicyElsewhere(
            "the policy is the service's, and its rules on text are not known here: give Speech(rules=...), which "
            "load_policy(...).text has, or send the model's stream through POST /v1/streams of the service"
        )
    found: TextRules | None = getattr(program, "text", None)
    return found


def speaks(guard: Gatekeeper) -> bool:
    """Whether the policy is known to keep anything from being said."""
    program = program_of(guard)
    rules: TextRules | None = getattr(program, "text", None)
    return rules is not None and (bool(rules.scores) or rules.scanner() is not None)
