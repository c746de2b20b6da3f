"""Scopes: which tools the selectors ``tool``, ``@tag`` and ``*`` select."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from .language.problems import did_you_mean, fail
from .language.syntax import Span
from .language.types import ToolDecl

_BUILTIN_TAGS = ("read", "write", "destructive", "open")


def selected(
    selectors: Sequence[str], tools: Mapping[str, ToolDecl], place: Callable[[int], Span]
) -> Iterator[str]:
    """The tools that the selectors select, each once, in order of name. Raises ``CheckError``."""
    found: set[str] = set()
    tags = {tag for tool in tools.values() for tag in tool.tags} | set(_BUILTIN_TAGS)
    for position, selector in enumerate(selectors):
        if selector == "*":
            found |= set(tools)
        elif selector.startswith("@"):
            if selector[1:] not in tags:
                help = did_you_mean(selector[1:], tags) or f"the tags are: {', '.join(sorted(tags))}"
                fail(place(position), "unknown-tag", f"no tool has the tag `{selector[1:]}`", help)
            found |= {name for name, tool in tools.items() if selector[1:] in tool.tags}
        elif selector in tools:
            found.add(selector)
        else:
            help = did_you_mean(selector, tools) or f"the tools are: {', '.join(sorted(tools)) or 'none'}"
            fail(place(position), "unknown-tool", f"no tool `{selector}` is declared", help)
    return iter(sorted(found))
