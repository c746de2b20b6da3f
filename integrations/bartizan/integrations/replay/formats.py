"""Which reader reads a path. Every reader yields :class:`~.record.RecordedSession` values, one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bartizan.guard.audit import logs
from bartizan.guard.audit.query import name_of

from .auditlog import is_audit_log, read_audit_log
from .langsmith import is_langfuse, is_langsmith, langfuse, langsmith
from .lines import count_lines, json_lines
from .openinference import is_phoenix, phoenix
from .otel import is_otlp, read_otel
from .record import RecordedSession, RecordError
from .runs import read_runs
from .trajectories import is_trajectory, read_trajectories
from .transcripts import count_transcripts, is_transcripts, read_transcripts


class Format(NamedTuple):
    """A format: how it is recognised and read, and how many sessions there are where that is cheap to know."""

    name: str
    what: str
    recognise: Callable[[Path], bool]
    read: Callable[[Path], Iterator[RecordedSession]]
    sessions: Callable[[Path], int | None] = lambda path: None


def _by_first_line(test: Callable[[dict[str, object]], bool]) -> Callable[[Path], bool]:
    def recognise(path: Path) -> bool:
        if not path.is_file():
            return False
        first = next(json_lines(path), None)
        return first is not None and test(first[1])

    return recognise


FORMATS = (
    Format(
        "transcripts",
        "a folder with runs, calls and outputs (.jsonl, .jsonl.xz, .jsonl.gz)",
        is_transcripts,
        read_transcripts,
        count_transcripts,
    ),
    Format(
        "audit",
        "a directory of Bartizan's audit log, written with captured content",
        is_audit_log,
        read_audit_log,
    ),
    Format(
        "otel",
        "OpenTelemetry spans (GenAI or OpenInference) as OTLP/JSON lines",
        _by_first_line(is_otlp),
        read_otel,
    ),
    Format(
        "phoenix",
        "OpenInference spans as Phoenix exports them, one per line",
        _by_first_line(is_phoenix),
        partial(read_runs, adapter=phoenix),
    ),
    Format(
        "langsmith",
        "runs of LangSmith, one per line",
        _by_first_line(is_langsmith),
        partial(read_runs, adapter=langsmith),
    ),
    Format(
        "langfuse",
        "observations of Langfuse, one per line",
        _by_first_line(is_langfuse),
        partial(read_runs, adapter=langfuse),
    ),
    Format(
        "trajectories",
        "JSON lines with user, turns and label",
        _by_first_line(is_trajectory),
        read_trajectories,
        count_lines,
    ),
)


def format_of(path: Path) -> Format:
    """The format of a path. Raises :class:`RecordError` that lists the formats there are."""
    if not path.exists():
        raise RecordError(str(path), "no such file or folder")
    for format in FORMATS:
        if format.recognise(path):
            return format
    if path.is_dir() and (below := logs(path)):  # what a service keeps: a log for each of its workers
        names = ", ".join(name_of(path, log) for log in below[:8])
        raise RecordError(str(path), f"audit logs lie below it; name one or more of them: {names}")
    known = "".join(f"\n  {format.name}: {format.what}" for format in FORMATS)
    raise RecordError(str(path), f"the format is not known; these are:{known}")


def read(paths: Iterable[Path]) -> Iterator[RecordedSession]:
    """The sessions of all paths, one after another."""
    for path in paths:
        yield from format_of(path).read(path)


def count(paths: Iterable[Path]) -> int | None:
    """How many sessions all paths hold, ``None`` where only reading them would tell."""
    total = 0
    for path in paths:
        sessions = format_of(path).sessions(path)
        if sessions is None:
            return None
        total += sessions
    return total
