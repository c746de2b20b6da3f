"""The one table of builtins: what each is called, takes and means.

A builtin has one denotation that every back end shares, named by its theory: ``regular`` (the string is in
a regular language: the matcher's DFA, the analyses' derivatives and the Lean term are built from the same
:class:`~..regular.Language`), or ``free`` (a boolean that the analyses leave free, subject to ``laws``; the run
time asks the provenance index). A row without a denotation cannot be written down, so it cannot load.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..regular import (
    Language,
    contains,
    email_domain,
    glob,
    host_under,
    ieq,
    path_under,
    prefix,
    regex,
    suffix,
)


@dataclass(frozen=True, slots=True)
class StringPredicate:
    """``x.name(literal)`` or ``name(x, literal)``: ``x`` is in the language of the literal(s)."""

    name: str
    param: Literal["text", "texts"]
    language: Callable[..., Language]
    doc: str
    theory: Literal["regular"] = "regular"


@dataclass(frozen=True, slots=True)
class ProvenancePredicate:
    """``name(path)``, or ``name(path, "tool")``: asks the session's provenance index."""

    name: str
    takes_tool: bool
    laws: tuple[str, ...]
    doc: str
    theory: Literal["free"] = "free"


def _full(pattern: str) -> Language:
    return regex(pattern, mode="full")


def _search(pattern: str) -> Language:
    return regex(pattern, mode="search")


STRING_PREDICATES = {
    p.name: p
    for p in (
        StringPredicate("startsWith", "text", prefix, "begins with the text"),
        StringPredicate("endsWith", "text", suffix, "ends with the text"),
        StringPredicate("contains", "text", contains, "has the text somewhere"),
        StringPredicate("matches", "text", _search, "has a match of the regex somewhere (CEL's search)"),
        StringPredicate("fullmatches", "text", _full, "is, as a whole, a match of the regex"),
        StringPredicate("glob", "text", glob, "matches the glob: * within a segment, ** across"),
        StringPredicate("ieq", "text", ieq, "equals the text but for ASCII case"),
        StringPredicate("path_under", "text", path_under, "is a normalised path at or below the root"),
        StringPredicate("host_under", "texts", host_under, "is an http(s) URL whose host is one of these or below"),
        StringPredicate("email_domain", "texts", email_domain, "is one address in exactly one of these domains"),
    )
}  # fmt: skip

PROVENANCE_PREDICATES = {
    p.name: p
    for p in (
        ProvenancePredicate(
            "from_user", False, ("from_user(x) => grounded(x)",), "the user said it: it occurs in a prompt"
        ),
        ProvenancePredicate("from_tool", True, (), "a result of that tool contained it"),
        ProvenancePredicate("from_untrusted", False, (), "an untrusted result contained some of it"),
        ProvenancePredicate(
            "grounded", False, ("from_user(x) => grounded(x)",), "from the user, or from trusted results"
        ),
        ProvenancePredicate(
            "carries_untrusted",
            False,
            (),
            "holds an address, a link, a number or a passage that neither the user nor trusted data supplied",
        ),
    )
}

SPECIAL_FORMS = {
    "has": "has(path): is the optional field there?",
    "size": "size(x): characters of a text, elements of a list",
    "signal": 'signal("name"): a signal\'s value in [0, 1]',
    "p_value": 'p_value("name"): its p-value in [0, 1]',
    "duration": 'duration("24h")',
    "time": 'time("2026-01-31T12:00:00Z")',
}

LIST_MACROS = ("all", "exists")

SESSION_OPERATORS = ("once", "since", "prev", "count", "sum", "max_signal")

FUNCTION_NAMES = (*STRING_PREDICATES, *PROVENANCE_PREDICATES, *SPECIAL_FORMS, *LIST_MACROS)
