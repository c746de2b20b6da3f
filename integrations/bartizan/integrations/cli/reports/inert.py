"""JSON and names as they may be shown: nothing in them moves the cursor, hides text or ends a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any as Json

from bartizan.policies.diagnostics import visible


def json_text(value: Json, indent: int | None = None) -> str:
    """JSON that parses to ``value``; what cannot be seen is escaped as JSON escapes it."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=float)
    return "".join(c if c == "\n" or visible(c) == c else json.dumps(c)[1:-1] for c in text)


def ascii_json(value: Json) -> str:
    """JSON in ASCII: it reads the same in every terminal and encoding."""
    return json.dumps(value, indent=2, default=float)


def relative(file: str) -> str:
    """A file's path from here, with slashes; the path itself where it lies elsewhere."""
    path = Path(file)
    if path.is_absolute() and path.is_relative_to(Path.cwd()):
        path = path.relative_to(Path.cwd())
    return path.as_posix()
