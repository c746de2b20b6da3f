"""What observed texts have in common, in the language's own terms: the narrowest that applies.

In this order: one of a few texts, paths below a directory, mail addresses in some domains, URLs of some hosts, a
common prefix. Each candidate is checked against every observed text with the predicate that will run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ...regular import Language, email_domain, host_under, path_under
from .literals import text_literal, texts_literal
from .options import Options

T = TypeVar("T")
Common = tuple[str, str]
"""A condition: what stands before its subject's path, and what after it."""

_BREAKS = "/:-_.@#=, "


def in_common(texts: Sequence[str], options: Options) -> Common | None:
    """The condition that all of them satisfy, or None."""
    if any("\ud800" <= character <= "\udfff" for text in texts for character in text):
        return None
    distinct = sorted(set(texts))
    few = len(distinct) <= options.max_listed and len(texts) >= options.repeats * len(distinct)
    if few and max(map(len, distinct)) <= options.max_text:
        if len(distinct) == 1:
            return "", f" == {text_literal(distinct[0])}"
        return "", f" in {texts_literal(distinct)}"
    for found in _candidates(distinct, options):
        return found
    return None


def _candidates(distinct: list[str], options: Options) -> Iterator[Common]:
    root = common_directory(distinct)
    if root is not None and _all_match(path_under, root, distinct):
        yield "path_under(", f", {text_literal(root)})"
    domains = _without_none([mail_domain(text) for text in distinct])
    if domains and len(domains) <= options.max_listed and _all_match(email_domain, domains, distinct):
        yield "email_domain(", f", {texts_literal(domains)})"
    hosts = _widest(_without_none([url_host(text) for text in distinct]))
    if hosts and len(hosts) <= options.max_listed and _all_match(host_under, hosts, distinct):
        yield "host_under(", f", {texts_literal(hosts)})"
    prefix = common_prefix(distinct)
    if len(distinct) > 1 and len(prefix) >= options.min_prefix and len(prefix) <= options.max_text:
        yield "", f".startsWith({text_literal(prefix)})"


def _all_match(predicate: Callable[[T], Language], literal: T, texts: list[str]) -> bool:
    """Whether every text is in the language; not where the predicate refuses its literal."""
    try:
        language = predicate(literal)
    except ValueError:
        return False
    return all(map(language.matches, texts))


def _without_none(found: list[str | None]) -> list[str]:
    """The distinct ones in order; none at all if one is missing."""
    present = [each for each in found if each is not None]
    return sorted(set(present)) if len(present) == len(found) else []


def common_directory(texts: list[str]) -> str | None:
    """The deepest directory that all paths are below; None if there is none but the root."""
    if not all("/" in text for text in texts):
        return None
    shared = texts[0].split("/")[:-1]
    for text in texts[1:]:
        parts = text.split("/")[:-1]
        same = 0
        while same < min(len(shared), len(parts)) and shared[same] == parts[same]:
            same += 1
        shared = shared[:same]
    return "/".join(shared) or None


def mail_domain(text: str) -> str | None:
    """The domain of a mail address, in lower case."""
    local, at, domain = text.rpartition("@")
    return domain.lower() if local and at and domain else None


def url_host(text: str) -> str | None:
    """The host of an http or https URL, in lower case."""
    scheme, separator, rest = text.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        return None
    end = min((rest.find(c) for c in "/?#:" if c in rest), default=len(rest))
    return rest[:end].lower() or None


def _widest(hosts: list[str]) -> list[str]:
    """Without those that are below another one."""
    return [h for h in hosts if not any(h.endswith(f".{other}") for other in hosts)]


def common_prefix(texts: list[str]) -> str:
    """The longest prefix that all texts share and that ends where a word does."""
    first, last = min(texts), max(texts)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    while length and first[length - 1] not in _BREAKS:
        length -= 1
    return first[:length]
