"""Edit scripts of calls: what a corrector writes instead of a whole call.

::

    script  = "="                            the call stays as it is
            | "DENY"                         no edit that is permitted helps
            | edit *( ";" edit )             sorted by path, no path at or below another
    edit    = path "=" value | "-" path      set or add a member; drop one
    path    = token *( "/" token )           RFC 6901 without the leading "/"
    token   = "~0" is ~, "~1" /, "~2" =, "~3" ;, "~4" a leading -, "~5" the empty name
    value   = canonical JSON, with ";" in texts written \\u003b

So ``amount=500;urgent=false``. Bytes have one meaning and a script has one form: what is read is written back byte for
byte, or it is no script. A model that copies a call errs in what it should have left alone; a script cannot.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Any, TypeAlias

from bartizan.guard.canonical import JSON, canonical_json, parse_json
from bartizan.guard.errors import MalformedJSON
from bartizan.guard.gate import patch

from .errors import NoScript

MAX_SCRIPT = 4096
"""Bytes of a script; a longer one is refused unread."""


class Word(Enum):
    """The two scripts that edit nothing."""

    UNCHANGED = "="
    DENY = "DENY"


@dataclass(frozen=True, slots=True)
class Edit:
    """Set the member at ``path`` to ``value``, or drop it."""

    path: tuple[str, ...]
    value: JSON = None
    drop: bool = False


CallScript: TypeAlias = Word | tuple[Edit, ...]


def written(script: CallScript) -> bytes:
    """The bytes of a script. Raises :class:`NoScript` for edits that have no script: none, or paths that clash."""
    if isinstance(script, Word):
        return script.value.encode()
    edits = sorted(script, key=lambda edit: edit.path)
    if not edits:
        raise NoScript("no edits: write Word.UNCHANGED")
    for before, after in pairwise(edits):
        if after.path[: len(before.path)] == before.path:
            raise NoScript(f"the paths {'/'.join(before.path)!r} and {'/'.join(after.path)!r} clash")
    return b";".join(_edit(edit) for edit in edits)


def read(text: bytes) -> CallScript:
    """The script of these bytes. Raises :class:`NoScript`; nothing is guessed."""
    if len(text) > MAX_SCRIPT:
        raise NoScript(f"expected at most {MAX_SCRIPT} bytes, found {len(text)}")
    for word in Word:
        if text == word.value.encode():
            return word
    script = tuple(_read_edit(part) for part in text.split(b";"))
    if written(script) != text:
        raise NoScript(f"expected edits in their one form, found {text[:80]!r}")
    return script


def applied(script: CallScript, args: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that a script makes of ``args``. Raises :class:`NoScript` where it does not fit them."""
    if isinstance(script, Word):
        raise NoScript(f"{script.value} edits nothing")
    result: dict[str, Any] = copy.deepcopy(dict(args))
    for edit in script:
        _apply(result, edit)
    return result


def script_of(before: Mapping[str, Any], after: Mapping[str, Any]) -> CallScript:
    """The script that makes ``after`` of ``before``, member by member; lists as a whole if their lengths differ."""
    steps = patch(dict(before), dict(after))
    if not steps:
        return Word.UNCHANGED
    if any(not step["path"] for step in steps):
        raise NoScript("arguments are an object, before and after")
    return tuple(
        Edit(_pointer(step["path"]), step.get("value"), step["op"] == "remove")
        for step in sorted(steps, key=lambda step: _pointer(step["path"]))
    )


def path_text(path: Sequence[str]) -> str:
    """A path as a script writes it."""
    return "/".join(map(_token, path))


# --- writing

_ESCAPES = {"~": "~0", "/": "~1", "=": "~2", ";": "~3"}
_PLAIN = {escape: plain for plain, escape in _ESCAPES.items()} | {"~4": "-", "~5": ""}


def _token(name: str) -> str:
    if not name:
        return "~5"
    text = "".join(_ESCAPES.get(c, c) for c in name)
    return f"~4{text[1:]}" if text.startswith("-") else text


def _edit(edit: Edit) -> bytes:
    if not edit.path:
        raise NoScript("an edit is of a member, not of all arguments")
    try:
        path = path_text(edit.path).encode()
        if edit.drop:
            return b"-" + path
        return path + b"=" + canonical_json(edit.value).replace(b";", b"\\u003b")
    except (MalformedJSON, UnicodeEncodeError) as error:
        raise NoScript(f"the edit of {'/'.join(edit.path)!r} cannot be written: {error}") from error


# --- reading


def _read_edit(part: bytes) -> Edit:
    if part.startswith(b"-"):
        return Edit(_read_path(part[1:]), drop=True)
    path, equals, value = part.partition(b"=")
    if not equals:
        raise NoScript(f"expected path=value, found {part[:80]!r}")
    try:
        return Edit(_read_path(path), parse_json(value))
    except MalformedJSON as error:
        raise NoScript(f"the value of {path[:80]!r}: {error}") from error


def _read_path(path: bytes) -> tuple[str, ...]:
    try:
        return tuple(_read_token(token) for token in path.decode().split("/"))
    except UnicodeDecodeError as error:
        raise NoScript(f"expected a path in UTF-8, found {path[:80]!r}") from error


def _read_token(token: str) -> str:
    plain, at = [], 0
    while at < len(token):
        if token[at] != "~":
            plain.append(token[at])
            at += 1
        elif (escape := token[at : at + 2]) in _PLAIN:
            plain.append(_PLAIN[escape])
            at += 2
        else:
            raise NoScript(f"expected an escape ~0 to ~5, found {escape!r}")
    if not token:
        raise NoScript("expected a name in the path; the empty one is ~5")
    return "".join(plain)


def _pointer(pointer: str) -> tuple[str, ...]:
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:])


def _apply(document: dict[str, Any], edit: Edit) -> None:
    parent: Any = document
    for name in edit.path[:-1]:
        parent = _member(parent, name)
    name = edit.path[-1]
    if isinstance(parent, dict):
        if edit.drop and name not in parent:
            raise NoScript(f"there is no member {'/'.join(edit.path)!r} to drop")
        if edit.drop:
            del parent[name]
        else:
            parent[name] = copy.deepcopy(edit.value)
    elif isinstance(parent, list) and not edit.drop:
        parent[_index(parent, name)] = copy.deepcopy(edit.value)
    else:
        raise NoScript(f"{'/'.join(edit.path)!r} is no member that could be edited")


def _member(parent: Any, name: str) -> Any:
    if isinstance(parent, dict) and name in parent:
        return parent[name]
    if isinstance(parent, list):
        return parent[_index(parent, name)]
    raise NoScript(f"there is no member {name!r}")


def _index(items: list[Any], name: str) -> int:
    if not (name.isascii() and name.isdigit() and str(int(name)) == name and int(name) < len(items)):
        raise NoScript(f"expected an index below {len(items)}, found {name[:20]!r}")
    return int(name)
