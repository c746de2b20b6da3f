"""What a tool does to the world, as the tags that scopes select by: ``read write destructive open``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any as Json
from typing import Literal

from .language.types import Any, Record

Effect = Literal["read", "write", "destructive"]

DERIVED_TAGS = frozenset({"read", "write", "destructive", "open"})
WORST = frozenset({"write", "destructive", "open"})

# fmt: off
_READ = frozenset((
    "get", "read", "list", "search", "find", "view", "show", "count", "describe", "lookup", "query", "fetch", "browse",
    "visit", "download", "open", "load", "see", "peek", "inspect", "check", "is", "has", "can", "status", "summarize",
    "summarise", "analyze", "analyse", "compare", "calculate", "compute",
))
_DESTRUCTIVE = frozenset((
    "delete", "remove", "cancel", "drop", "wipe", "destroy", "purge", "erase", "clear", "kill", "rm", "terminate",
    "revoke", "uninstall", "truncate", "reset", "unsubscribe", "ban", "expel", "overwrite",
))
_NETWORK = frozenset((
    "fetch", "browse", "visit", "download", "crawl", "scrape", "webpage", "website", "web", "url", "http", "https",
    "internet",
))
# fmt: on
_ADDRESSES = frozenset({"url", "urls", "link", "links", "uri", "href", "website"})
_SNAKE = {
    "readOnlyHint": "read_only_hint",
    "destructiveHint": "destructive_hint",
    "openWorldHint": "open_world_hint",
}


def tags_of(effect: Effect | None, open_world: bool | None) -> frozenset[str]:
    """The tags of a declared effect. A tool whose effect nobody declared counts as the worst of each."""
    if effect is None:
        return WORST if open_world is not False else WORST - {"open"}
    tags = {"destructive": {"write", "destructive"}, "write": {"write"}, "read": {"read"}}[effect]
    return frozenset(tags | {"open"}) if open_world else frozenset(tags)


def tags_from_annotations(annotations: Mapping[str, Json] | None) -> frozenset[str]:
    """The tags of MCP tool annotations, with the defaults of the MCP specification where a hint is absent.

    The defaults are: not read-only, destructive, open world. Hints that are not booleans count as absent.
    """
    hints = annotations or {}
    open_world = _hint(hints, "openWorldHint", True)
    if _hint(hints, "readOnlyHint", False):
        return tags_of("read", open_world)
    return tags_of("destructive" if _hint(hints, "destructiveHint", True) else "write", open_world)


def has_hints(annotations: Mapping[str, Json] | None) -> bool:
    """Whether MCP annotations say anything about the effect (a title, say, does not)."""
    given = annotations or {}
    return any(isinstance(given.get(name), bool) for names in _SNAKE.items() for name in names)


def guess_effect(name: str, args: Record | Any) -> frozenset[str]:
    """The tags that a tool's name and arguments suggest. **A guess**: used only when asked for, to be reviewed.

    A name with a word like ``delete`` in it destroys, one that begins like ``get_user`` reads, any other writes; a
    tool that visits an address, or takes one as an argument, also touches the open world.
    """
    words = _words(name)
    open_world = bool(_NETWORK & set(words)) or _takes_address(args)
    if set(words) & _DESTRUCTIVE:
        return tags_of("destructive", open_world)
    return tags_of("read" if words and words[0] in _READ else "write", open_world)


def _takes_address(args: Record | Any) -> bool:
    return isinstance(args, Record) and any(set(_words(name)) & _ADDRESSES for name in args.names)


def _words(name: str) -> list[str]:
    """``getHTTPPage`` and ``get_http_page`` as ``get http page``."""
    spaced = ""
    for index, character in enumerate(name):
        before, after = name[index - 1 : index], name[index + 1 : index + 2]
        if character.isupper() and (before.islower() or (before.isupper() and after.islower())):
            spaced += " "
        spaced += character if character.isalnum() else " "
    return spaced.lower().split()


def _hint(hints: Mapping[str, Json], name: str, default: bool) -> bool:
    value = hints.get(name, hints.get(_SNAKE[name]))
    return value if isinstance(value, bool) else default
