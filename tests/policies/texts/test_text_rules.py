"""Rules on what a model says: what loads, and what leaves of a text that arrives in pieces."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.guard.stream.rules import Scanner, ScoreRule, Span
from bartizan.policies import PolicyError, Program, compile_policy
from bartizan.policies.regular import regex
from bartizan.policies.texts import TextRules

HEAD = (
    "version: 1\nname: t\nsignals:\n  toxic: {on: text, monitor: m}\n  risky: {on: call, monitor: m}\ntext:\n"
)


@cache
def policy(*rules: str) -> Program:
    return compile_policy(HEAD + "".join(f"  - {rule}\n" for rule in rules))


KEYS = "{id: keys, redact: 'sk-[a-z0-9]{3,}'}"
MAIL = "{id: mail, redact: '[a-z]+@[a-z.]+[a-z]', except: '.*@corp[.]com', with: '<mail>'}"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("{id: a}", "missing-key"),
        ("{id: a, redact: x, withhold: {signal: toxic, above: 0.5}, with: y}", "conflict"),
        ("{id: a, redact: '('}", "bad-regex"),
        ("{id: a, redact: x, except: '(?=x)'}", "bad-regex"),
        ("{id: a, redact: x, missing: withhold}", "unknown-key"),
        ("{id: a, withhold: {signal: toxic, above: 0.5}}", "missing-key"),
        ("{id: a, withhold: {signal: toxic, above: 0.5}, except: x, with: y}", "unknown-key"),
        ("{id: a, withhold: {signal: toxik, above: 0.5}, with: y}", "unknown-signal"),
        ("{id: a, withhold: {signal: risky, above: 0.5}, with: y}", "wrong-event"),
        ("{id: a, withhold: {signal: toxic, above: 0.5, of: [3, 2]}, with: y}", "bounds"),
        ("{id: a, redact: secret, with: ''}", "type"),
        ("{id: a, redact: secret, with: my secret}", "replacement"),
        ("{id: a, redact: '[a-z]+!', with: abc}", "replacement"),
        ("{id: a, redact: 'x[^ ]+', with: '[]x'}", "replacement"),
        ("{id: a, redact: 'a.*b', with: '-'}", "replacement"),
    ],
)
def test_what_is_wrong_is_said_at_loading(rule: str, code: str) -> None:
    """With the place; a rule that could undo itself does not load."""
    with pytest.raises(PolicyError) as caught:
        policy(rule)
    assert code in {problem.code for problem in caught.value.diagnostics}, caught.value


def test_ids_are_one_namespace() -> None:
    """Notes name rules by their ids, so that no two rules of a policy share one."""
    with pytest.raises(PolicyError, match="already taken"):
        policy(KEYS, KEYS)


def test_rules_are_part_of_the_hash_and_scores_are_told() -> None:
    """A policy that says nothing of texts keeps its hash."""
    bare = compile_policy("version: 1\nname: t\n")
    assert b'"text"' not in bare.policy.canonical() and bare.text.scanner() is None
    found = policy("{id: kind, withhold: {signal: toxic, above: 0.9, of: [2, 3]}, with: No.}")
    assert found.text.scores == (ScoreRule("kind", "toxic", 0.9, "No.", 2, 3),)
    assert found.hash != policy(KEYS).hash != policy(MAIL).hash


@cache
def limited(rules: tuple[str, ...], limit: int) -> TextRules:
    return policy(*rules).text.within(limit)


def leaves(spans: list[Span]) -> str:
    return "".join(span.instead if span.rules else span.text for span in spans)


def scanned(scanner: Scanner | None, text: str, cuts: list[int]) -> list[Span]:
    assert scanner is not None
    at = sorted({cut % (len(text) + 1) for cut in cuts})
    found = [
        span for a, b in zip([0, *at], [*at, len(text)], strict=True) for span in scanner.push(text[a:b])
    ]
    return found + list(scanner.finish())


def test_occurrences_that_are_spared_as_a_whole() -> None:
    """Not a shorter one inside: the occurrence is the longest."""
    program = policy(MAIL, KEYS)
    text = "bob@corp.com eve@x.com bob@corp.community sk-abc"
    spans = scanned(program.text.scanner(), text, [5, 12, 20])
    assert leaves(spans) == "bob@corp.com <mail> <mail> [redacted]"
    assert [span.rules for span in spans if span.rules] == [("mail",), ("mail",), ("keys",)]


def test_a_spared_occurrence_hides_no_other() -> None:
    """What one rule spares, and what reaches out of it, is another rule's to find."""
    program = policy(MAIL, "{id: com, redact: 'com!'}", "{id: corp, redact: 'b@c'}")
    assert leaves(scanned(program.text.scanner(), "bob@corp.com! ", [3, 9])) == "bo[redacted]orp.[redacted] "


def test_what_grows_too_long_is_replaced_once() -> None:
    """However it arrives."""
    scanner = policy("{id: long, redact: 'k[a-z]+;'}").text.within(5).scanner()
    spans = scanned(scanner, "a kbcdefghijklm! kb; kbcdefg", [4, 6, 9, 12, 14])
    assert leaves(spans) == "a [redacted]! [redacted] [redacted]"


RULES = [
    [KEYS], [KEYS, MAIL], [MAIL, KEYS, "{id: pin, redact: '[0-9]{4}', with: '****'}"],
    ["{id: start, redact: '^ab|bc$', with: '|'}"], ["{id: any, redact: 'a[a-z]*b', with: ' '}", MAIL],
]  # fmt: skip
LETTERS = "abcsk-019@.mop "


@settings(max_examples=2000)
@given(
    st.sampled_from(RULES), st.text(LETTERS, max_size=40), st.lists(st.integers(0, 60), max_size=8), st.data()
)
def test_nothing_that_is_to_be_hidden_leaves(
    rules: list[str], text: str, cuts: list[int], data: st.DataObject
) -> None:
    """What leaves has no occurrence, what is let be is what came, and how it was cut plays no part."""
    rules_ = limited(tuple(rules), data.draw(st.sampled_from([3, 256])))
    spans = scanned(rules_.scanner(), text, cuts)
    assert "".join(span.text for span in spans) == text
    left = leaves(spans)
    assert left == leaves(scanned(rules_.scanner(), text, list(range(len(text)))))
    for rule in rules_.checked:
        assert rule.redact is not None
        if rule.spared is None:
            assert regex(rule.redact).spans(left) == []
    if not any(regex(rule.redact or "").spans(text) for rule in rules_.checked) and rules_.limit == 256:
        assert left == text
    forked = rules_.scanner()
    assert forked is not None
    half = len(text) // 2
    first = list(forked.push(text[:half]))
    forked.fork().push(text[::-1])
    assert leaves([*first, *forked.push(text[half:]), *forked.finish()]) == left
