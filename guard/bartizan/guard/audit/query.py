"""Reading logs: the records that match, one after the other, however large the logs are."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bartizan.guard.canonical import WRAPPED_DEPTH, parse_json
from bartizan.guard.errors import AuditTampered, MalformedJSON

from .chain import Entry
from .segments import HEAD, read_header, read_lines, segment_indices, segment_path
from .select import Wanted, time_of


@dataclass(frozen=True, slots=True)
class Found:
    """An entry, and the log it stands in: the path below the root, ``"."`` for the root itself."""

    log: str
    entry: Entry


def query(directory: str | Path, wanted: Wanted = Wanted()) -> Iterator[Entry]:  # noqa: B008 (frozen)
    """The entries of a log that are wanted (all of them unless it is said), oldest first.

    The log may be in use. Nothing is verified here (see ``verify``), but a line that is no entry raises
    ``AuditTampered``.
    """
    root = Path(directory)
    return _scan(root, segment_indices(root), wanted)


def _scan(directory: Path, indices: Sequence[int], wanted: Wanted) -> Iterator[Entry]:
    for index in indices:
        path = segment_path(directory, index)
        try:
            for line in read_lines(path):
                if not line.complete:
                    break  # still being written, or torn
                entry = entry_of(path, line.number, line.data)
                if wanted.matches(entry.record):
                    yield entry
        except FileNotFoundError:
            continue  # pruned while we read


def recent(directory: str | Path, since: int) -> Iterator[Entry]:
    """The entries of the newest segments that hold everything since a time (microseconds since the epoch), and some
    before it: what a service that starts again wants to know, however long the log is. Raises as :func:`query`.
    """
    root, chosen = Path(directory), list[int]()
    for index in reversed(segment_indices(root)):
        chosen.insert(0, index)
        try:
            began = read_header(segment_path(root, index)).get("time")
        except (MalformedJSON, FileNotFoundError):
            continue
        if isinstance(began, int) and began < since:
            break
    return _scan(root, chosen, Wanted())


def entry_of(path: Path, number: int, line: bytes) -> Entry:
    """The entry of a line, unverified. Raises ``AuditTampered`` with its place."""
    try:
        value = parse_json(line, max_depth=WRAPPED_DEPTH)
        record = value["record"]
        return Entry(record["seq"], value["hash"], record, value.get("mac"))
    except (MalformedJSON, KeyError, TypeError, AttributeError) as error:
        raise AuditTampered(f"{path}:{number}: expected an entry: {error}") from error


def logs(root: str | Path) -> list[Path]:
    """The logs at or below a directory, in the order of their paths: one for every process that wrote."""
    return sorted({head.parent for head in Path(root).rglob(HEAD) if head.is_file()})


def name_of(root: Path, log: Path) -> str:
    """What a log is called among those below ``root``."""
    return log.relative_to(root).as_posix()


def search(root: str | Path, wanted: Wanted) -> Iterator[Found]:
    """The entries of all logs below ``root`` that match: each log's in its order, merged by their time.

    Raises as :func:`query`.
    """
    base = Path(root)
    return merge((name_of(base, log), query(log, wanted)) for log in logs(base))


def merge(each: Iterable[tuple[str, Iterator[Entry]]]) -> Iterator[Found]:
    """The entries of several logs in one row, by their time."""
    rows = [_rows(name, entries) for name, entries in each]
    for _, name, _, entry in heapq.merge(*rows, key=lambda row: row[:3]):
        yield Found(name, entry)


def _rows(name: str, entries: Iterator[Entry]) -> Iterator[tuple[int, str, int, Entry]]:
    for entry in entries:
        yield time_of(entry.record), name, entry.seq, entry
