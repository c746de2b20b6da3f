"""The stage of a session, told to whoever shows it."""

from __future__ import annotations

from dataclasses import replace

from tests.policies.stages import policies

from bartizan.guard import Request, ToolCall
from bartizan.policies import Program, compile_policy
from bartizan.policies.history import begin, record_denied

HOUR = 3_600_000_000


def test_the_stage_is_told_as_it_is_at_a_time() -> None:
    """Before and after a denial, and once the stage has ended by itself."""
    program = Program(policies.mail())
    session = begin(program)
    assert program.stages(session, 0) == ("active",)
    stranger = ToolCall.of("c", "send_mail", {"to": "eve@evil.com"})
    noted = record_denied(program, session, Request(stranger, 5))
    assert noted is not None
    assert program.stages(noted[0], 5 + HOUR) == ("quarantined",)
    assert program.stages(noted[0], 6 + HOUR) == ("probation",)


def test_where_there_are_no_stages_none_is_told() -> None:
    """Neither by a policy without stages, nor of a session that remembers none."""
    plain = compile_policy("version: 1\nname: p\nrules: []\n")
    assert plain.stages(begin(plain), 0) == ()
    program = Program(policies.mail())
    assert program.stages(replace(begin(program), state={}), 0) == ()
