"""Paths into JSON results: ``$``, then ``.name``, ``["name"]``, ``[0]``, ``.*`` and ``[*]``.

A subset of RFC 9535, for labels by path (``$[*].subject``).
"""

from __future__ import annotations

import json
import re

_STEP = re.compile(
    r"""\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<any>\.\*|\[\*\])|\[(?P<index>0|[1-9][0-9]{0,8})\]|\[(?P<key>"(?:[^"\\]|\\.)+")\]"""
)

Step = str | int | None


def parse_path(text: str) -> tuple[Step, ...]:
    """The steps of a path: a key, an index, or ``None`` for every member. Raises ValueError."""
    if not text.startswith("$"):
        raise ValueError(f"expected a path that begins with `$`, found `{text[:40]}`")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise ValueError(
                f'expected .name, ["name"], [0], .* or [*] in the path, found `{text[at : at + 40]}`'
            )
        steps.append(_step(match))
        at = match.end()
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    if match["name"] is not None:
        return match["name"]
    if match["any"] is not None:
        return None
    if match["index"] is not None:
        return int(match["index"])
    try:
        return str(json.loads(match["key"]))
    except ValueError as error:
        raise ValueError(f"the key {match['key']} is not a JSON string") from error
