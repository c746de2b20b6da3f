from __future__ import annotations

import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bartizan.guard.audit.segments import HEAD
from bartizan.integrations.replay import (
    Call,
    Prompt,
    RecordedSession,
    RecordError,
    Result,
    Text,
    read,
)
from bartizan.integrations.replay.formats import count, format_of

Write = Callable[[str, list[dict[str, Any]]], Path]


def _read(path: Path) -> list[RecordedSession]:
    return list(read([path]))


def test_transcripts_are_joined(transcripts: Path) -> None:
    """Runs, calls and outputs become sessions with the prompt first and results after the calls of a message."""
    sessions = _read(transcripts)
    assert [session.id for session in sessions] == ["a/0", "a/1", "c/0"]
    first = sessions[0]
    assert first.happened[0] == Prompt("Pay my rent.")
    kinds = [(type(item).__name__, getattr(item, "step", None)) for item in first.happened[1:]]
    assert kinds == [
        ("Call", 0),
        ("Result", 0),
        ("Call", 1),
        ("Call", 2),
        ("Result", 1),
        ("Result", 2),
        ("Call", 3),
    ]
    assert first.meta["suite"] == "bank"
    assert first.meta["defense"] == "none"
    assert first.where == "runs.jsonl:1"


def test_outputs_get_their_structure_back(transcripts: Path) -> None:
    """A printed list of records comes back as one, and a date stays the text that the model read."""
    result = _read(transcripts)[0].happened[2]
    assert isinstance(result, Result)
    assert result.value == [{"amount": 10.5, "due": "2024-05-01"}]


def test_a_defences_marks_are_not_the_tools_words(transcripts: Path) -> None:
    """The delimiters of spotlighting are taken off before the structure is read."""
    result = _read(transcripts)[1].happened[2]
    assert isinstance(result, Result)
    assert result.text == "- amount: 3\n  due: now\n"
    assert result.value == [{"amount": 3, "due": "now"}]


def test_states_of_calls(transcripts: Path) -> None:
    """An erring call has its error as its result; refused and merely written calls have none."""
    sessions = _read(transcripts)
    error = sessions[2].happened[2]
    assert error == Result(0, "ValueError: none", None, is_error=True)
    assert sessions[0].calls[3].state == "refused"
    assert sessions[1].calls[1].state == "text_only"
    assert not any(isinstance(item, Result) and item.step == 3 for item in sessions[0].happened)


def test_labels_stay_with_the_calls(transcripts: Path) -> None:
    """Labels for scoring are read into ``truth`` and nowhere else."""
    call = _read(transcripts)[0].calls[1]
    assert call.truth == {"injected_role": "goal", "label_collides": False}
    assert call.args == {"to": "EVE"}


def test_compressed_files_are_read(transcripts: Path) -> None:
    """A folder of .xz files reads like a folder of plain ones."""
    plain = _read(transcripts)
    for path in transcripts.glob("*.jsonl"):
        path.with_suffix(".jsonl.xz").write_bytes(lzma.compress(path.read_bytes()))
        path.unlink()
    assert [(s.id, s.happened) for s in _read(transcripts)] == [(s.id, s.happened) for s in plain]


@pytest.mark.parametrize(
    ("file", "line", "change", "message"),
    [
        ("calls", 2, {"tool": None}, "calls.jsonl:2: expected 'tool' to be a string, found null"),
        ("calls", 3, {"state": "gone"}, "calls.jsonl:3: expected 'state' to be one of executed, error"),
        ("calls", 1, {"output_sha": "lost"}, "calls.jsonl:1: output 'lost' is not among the outputs"),
        ("calls", 5, {"run_id": "z/9"}, "calls.jsonl:5: run 'z/9' is not in runs.jsonl at this place"),
        (
            "runs",
            2,
            {"user_prompt": 3},
            "runs.jsonl:2: expected 'user_prompt' to be a string, found an integer",
        ),
        ("outputs", 1, {"text": []}, "outputs.jsonl:1: expected 'text' to be a string, found an array"),
    ],
)
def test_bad_records_are_located(
    transcripts: Path, file: str, line: int, change: dict[str, Any], message: str
) -> None:
    """A record that is not as expected is an error that names the file, the line and what was found."""
    path = transcripts / f"{file}.jsonl"
    rows = path.read_text().splitlines()
    rows[line - 1] = json.dumps({**json.loads(rows[line - 1]), **change})
    path.write_text("\n".join(rows))
    with pytest.raises(RecordError) as error:
        _read(transcripts)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"a": 1', "runs.jsonl:2: expected one JSON object per line"),
        ("[1]", "runs.jsonl:2: expected a JSON object, found an array"),
        ('{"run_id": "x", "run_id": "y"}', "runs.jsonl:2: expected one JSON object per line"),
        ('{"x": NaN}', "runs.jsonl:2: expected one JSON object per line"),
    ],
)
def test_malformed_lines_are_located(transcripts: Path, line: str, message: str) -> None:
    """A line that is no strict JSON object is an error with its place."""
    path = transcripts / "runs.jsonl"
    first = path.read_text().splitlines()[0]
    path.write_text(f"{first}\n{line}\n")
    with pytest.raises(RecordError) as error:
        _read(transcripts)
    assert message in str(error.value)


def test_a_truncated_archive_is_located(tmp_path: Path) -> None:
    """A compressed file that ends early is an error, not a shorter recording."""
    lines = "".join(
        json.dumps({"turns": [], "label": 0, "user": "u", "id": str(n)}) + "\n" for n in range(5000)
    )
    path = tmp_path / "t.jsonl.xz"
    path.write_bytes(lzma.compress(lines.encode())[:-200])
    with pytest.raises(RecordError, match=r"t\.jsonl\.xz:\d+: cannot be read"):
        _read(path)


def test_unknown_formats_are_listed(write_lines: Write) -> None:
    """A file of no known format is refused with the list of formats."""
    path = write_lines("other.jsonl", [{"hello": "world"}])
    with pytest.raises(RecordError, match="the format is not known") as error:
        format_of(path)
    for name in ("transcripts", "audit", "otel", "trajectories"):
        assert name in str(error.value)


def test_the_logs_of_a_service_are_named(tmp_path: Path) -> None:
    """A folder with the logs of several workers is no recording: it is said which are."""
    for name in ("worker-0", "worker-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / HEAD).write_text("{}")
    with pytest.raises(RecordError, match="name one or more of them: worker-0, worker-1"):
        format_of(tmp_path)


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    """A path that does not exist is an error of its own."""
    with pytest.raises(RecordError, match="no such file or folder"):
        format_of(tmp_path / "nowhere")


def test_trajectories(write_lines: Write) -> None:
    """Turns with tools become calls and results, turns without become text, and the verdict goes to ``meta``."""
    turns = [
        {"thought": "Let me see.", "tool": None, "args": "", "observation": None},
        {"thought": "", "tool": "Find", "args": {"q": "x"}, "observation": '{"ids": [1]}'},
        {"thought": "", "tool": "Drop", "args": '{"id": 1}', "observation": None},
        {"thought": "", "tool": "Drop", "args": "not json", "observation": "done"},
    ]
    rows = [
        {"source": "s", "id": "1", "label": 1, "user": "Clean up.", "turns": turns},
        {"source": "s", "id": "2", "label": None, "user": "Hi.", "turns": []},
    ]
    unsafe, unknown = _read(write_lines("t.jsonl", rows))
    assert unsafe.meta["verdict"] == "unsafe"
    assert unknown.meta["verdict"] == "none"
    assert unsafe.happened == (
        Prompt("Clean up."),
        Text("Let me see."),
        Call(1, "turn-1", "Find", {"q": "x"}),
        Result(1, '{"ids": [1]}', {"ids": [1]}),
        Call(2, "turn-2", "Drop", {"id": 1}, "no_result"),
        Call(3, "turn-3", "Drop", "not json"),
        Result(3, "done"),
    )


def test_sessions_are_counted_where_that_is_cheap(transcripts: Path) -> None:
    """Line-based formats know their number of sessions without being read."""
    assert count([transcripts]) == 3


def test_all_recorded_runs_are_read(recorded_data: Path) -> None:
    """Every recorded run and call is read, and the prompt comes first in each."""
    sessions = calls = 0
    for session in read([recorded_data]):
        sessions += 1
        calls += len(session.calls)
        assert isinstance(session.happened[0], Prompt)
    assert (sessions, calls) == (7_574, 45_847)
