from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bartizan.guard.decision import Outcome
from bartizan.integrations.replay import Call, Prompt, RecordedSession, Result, read, replay, replay_session
from bartizan.integrations.replay.engine import SECOND, START
from bartizan.policies import load_policy


def _session(*happened: Any) -> RecordedSession:
    return RecordedSession("s", {"suite": "bank"}, happened, "file:1")


def test_calls_are_decided_in_order(transcripts: Path, program: Any) -> None:
    """Every recorded call is decided, in order, with its outcome, its rules and its labels."""
    first = replay_session(program, next(read([transcripts])))
    assert [(call.tool, call.outcome) for call in first.calls] == [
        ("read", Outcome.ALLOW),
        ("deny_pay", Outcome.DENY),
        ("ask_pay", Outcome.ESCALATE),
        ("pay", Outcome.ALLOW),
    ]
    assert first.calls[1].rules == ("deny-rule",)
    assert first.calls[1].truth["injected_role"] == "goal"


def test_a_denied_call_leaves_no_trace(transcripts: Path, program: Any) -> None:
    """In enforced history, allowed and escalated calls that ran happened; denied and refused ones did not."""
    replay_session(program, next(read([transcripts])), "enforced")
    happened = [(kind, name) for kind, name, _ in program.seen if kind != "decide"]
    assert happened == [
        ("prompt", "Pay my rent."),
        ("call", "read"),
        ("result", "read"),
        ("call", "ask_pay"),
        ("result", "ask_pay"),
    ]


def test_recorded_history_keeps_denied_calls(transcripts: Path, program: Any) -> None:
    """In recorded history everything that ran happened, whatever is decided about it now."""
    replay_session(program, next(read([transcripts])), "recorded")
    happened = [name for kind, name, _ in program.seen if kind == "call"]
    assert happened == ["read", "deny_pay", "ask_pay"]


def test_a_message_is_decided_before_its_results(transcripts: Path, program: Any) -> None:
    """The second call of one message is decided without the first one's result."""
    replay_session(program, next(read([transcripts])), "recorded")
    order = [(kind, name) for kind, name, _ in program.seen]
    assert order.index(("decide", "ask_pay")) < order.index(("result", "deny_pay"))


def test_labels_never_reach_the_program(transcripts: Path, program: Any) -> None:
    """Decisions do not depend on the labels of the recording."""
    recorded = next(read([transcripts]))
    blind = replace(
        recorded,
        meta={"suite": "bank"},
        happened=tuple(replace(i, truth={}) if isinstance(i, Call) else i for i in recorded.happened),
    )
    with_labels = replay_session(program, recorded).calls
    seen, program.seen = program.seen, []
    without = replay_session(program, blind).calls
    assert [(c.outcome, c.reasons) for c in with_labels] == [(c.outcome, c.reasons) for c in without]
    assert seen == program.seen


def test_results_are_inspected_before_they_are_remembered(program: Any) -> None:
    """What enters the history is what the model would have been shown."""
    replay_session(program, _session(Call(0, "c", "read", {}), Result(0, "a secret")))
    assert program.texts == ["", "a [hidden]"]


def test_time_never_runs_backwards(program: Any) -> None:
    """Recorded times are used, never going back; without times one second passes between happenings."""
    replay_session(program, _session(Prompt("a"), Prompt("b"), Prompt("c", time=START - 5), Prompt("d")))
    times = [time for kind, _, time in program.seen if kind == "prompt"]
    assert times == [START, START + SECOND, START + SECOND, START + 3 * SECOND]


def test_arguments_that_are_no_object_are_denied(program: Any) -> None:
    """A recorded call that cannot be a tool call is denied as the guard denies it, and does not happen."""
    result = replay_session(program, _session(Call(0, "c", "read", "rm -rf /"), Result(0, "done")))
    assert result.calls[0].outcome is Outcome.DENY
    assert result.calls[0].rules == ("malformed-call",)
    assert program.seen == []


def test_suites_without_a_program_are_left_out(program: Any) -> None:
    """A session is decided by its suite's program, else by the general one, else not at all."""
    sessions = [_session(Call(0, "c", "read", {})), replace(_session(), meta={"suite": "mail"})]
    assert [s.meta["suite"] for s in replay(sessions, {"bank": lambda: program})] == ["bank"]
    assert len(list(replay(sessions, {"*": lambda: program}))) == 2


def test_a_denied_call_is_told_to_the_stages() -> None:
    """A replay goes through a policy's stages as a guarded session would, and not where denials did not happen."""
    program = load_policy(Path(__file__).parents[3] / "examples/stages/mail.yaml")
    stranger = {"to": "eve@evil.example", "subject": "s", "body": "b"}
    recorded = _session(
        Call(1, "1", "send_mail", stranger, state="text_only"),
        Call(2, "2", "read_file", {"path": "a"}),
        Call(3, "3", "send_mail", stranger, state="refused"),
        Call(4, "4", "send_mail", {**stranger, "to": "ann@corp.com"}),
    )
    assert [call.rules for call in replay_session(program, recorded).calls][2:] == [
        ("strangers",),
        ("stage.quarantined",),
    ]
    assert replay_session(program, recorded, "recorded").calls[3].rules == ("mails",)
