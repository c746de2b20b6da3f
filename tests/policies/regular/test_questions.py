"""Questions of the analyses about paths, addresses, URLs and lengths, on which string solvers time out."""

from __future__ import annotations

import pytest

from bartizan.policies.regular import (
    Language,
    contains,
    email_domain,
    glob,
    host_under,
    literal,
    one_of,
    path_under,
    prefix,
    regex,
    suffix,
)
from bartizan.policies.regular.algebra import letters, loop
from bartizan.policies.regular.answers import ANY_LENGTH, Empty, Interval, Nonempty
from bartizan.policies.regular.charset import EVERY
from bartizan.policies.regular.decide import decide

HOST_NAME = regex(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z]{2,63}", "full")
LINE = regex(".*", "full")
UP_TO_1000 = Language.of(loop(letters(EVERY), 1, 1000))
SRV, DATA = path_under("/srv"), path_under("/srv/a")
GOOD, API = host_under(["good.com"]), host_under(["api.good.com"])
CORP = email_domain(["corp.com"])

NONEMPTY = None
"""For a question whose answer is a text, which the test checks with the run-time matcher."""

QUESTIONS: list[tuple[str, list[tuple[Language, bool]], Interval, tuple[int, ...] | None]] = [
    (
        "a regex for addresses implies the suffix",
        [(regex(r"[a-z0-9._-]+@corp\.com", "full"), True), (suffix("@corp.com"), False)],
        ANY_LENGTH,
        (0, 1),
    ),
    (
        "without dots there is no traversal",
        [(prefix("/srv/"), True), (contains(".."), False), (contains("/../"), True)],
        ANY_LENGTH,
        (1, 2),
    ),
    (
        "ten substrings occur together",
        [(contains(char * 2 + "-"), True) for char in "abcdefghij"],
        ANY_LENGTH,
        NONEMPTY,
    ),
    (
        "a file below two folders in a long path",
        [(prefix("/srv/"), True), (suffix(".txt"), True), (contains("/data/"), True)],
        Interval(200, 300),
        NONEMPTY,
    ),
    (
        "a path too short for its parts",
        [(prefix("/srv/"), True), (suffix(".txt"), True), (contains("/data/"), True), (LINE, True)],
        Interval(1, 13),
        (0, 1, 2),
    ),
    ("a counted loop is no longer than its count", [(UP_TO_1000, True)], Interval(1001, None), (0,)),
    ("and reaches it", [(UP_TO_1000, True), (contains("x"), True)], Interval(1000, 1000), NONEMPTY),
    ("a deeper root is below the root", [(DATA, True), (SRV, False)], ANY_LENGTH, (0, 1)),
    (
        "a prefix is not a root",
        [(prefix("/srv/"), True), (SRV, False), (suffix("/"), False)],
        ANY_LENGTH,
        NONEMPTY,
    ),
    (
        "a subdomain's URLs are the domain's, also those for a port",
        [(contains(":8080"), True), (API, True), (GOOD, False)],
        ANY_LENGTH,
        (1, 2),
    ),
    (
        "but not the converse",
        [(GOOD, True), (API, False), (prefix("https://"), True)],
        Interval(40, 60),
        NONEMPTY,
    ),
    (
        "an address at a domain ends in it, but for case",
        [(CORP, True), (suffix("@corp.com"), False)],
        ANY_LENGTH,
        NONEMPTY,
    ),
    (
        "in lower case it does",
        [(CORP, True), (suffix("@corp.com"), False), (regex("[A-Z]"), False)],
        ANY_LENGTH,
        (0, 1, 2),
    ),
    ("host names of eight labels may be long", [(HOST_NAME, True)], Interval(501, 575), NONEMPTY),
    ("but not longer than their labels allow", [(HOST_NAME, True)], Interval(576, None), (0,)),
    (
        "a glob admits traversal that a path does not",
        [(glob("/srv/**"), True), (contains("/../"), True), (SRV, True)],
        ANY_LENGTH,
        (1, 2),
    ),
    (
        "a list leaves something out",
        [(one_of(["read", "write", "list"]), True), (literal("read"), False), (literal("list"), False)],
        Interval(0, 5),
        NONEMPTY,
    ),
    (
        "a list leaves nothing out",
        [(one_of(["read", "write", "list"]), True), (literal("read"), False), (literal("list"), False)],
        Interval(0, 4),
        (0, 1, 2),
    ),
]


@pytest.mark.parametrize(
    ("literals", "lengths", "core"),
    [question[1:] for question in QUESTIONS],
    ids=[question[0] for question in QUESTIONS],
)
def test_questions(
    literals: list[tuple[Language, bool]], lengths: Interval, core: tuple[int, ...] | None
) -> None:
    """Each is answered: with a text that the run-time matcher confirms, or with the literals in conflict."""
    found = decide([(language.term, positive) for language, positive in literals], lengths)
    if core is NONEMPTY:
        assert isinstance(found, Nonempty)
        assert len(found.word) in lengths
        assert found.word.isascii()
        assert found.word.isprintable()
        assert all(language.matches(found.word) == positive for language, positive in literals)
    else:
        assert isinstance(found, Empty)
        assert found.core == core
        assert found.uses_length == (not lengths.is_everything)
