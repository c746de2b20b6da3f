"""Repair classes in a policy file: what is refused, where, and with what remedy; and what they add to the hash."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from bartizan.policies import PolicyError, compile_policy
from bartizan.policies.document.schema import json_schema

HEAD = """version: 1
name: x
tools:
  t:
    args:
      {n: int, "m?": str, u: str, b: bool, r: {k: "dec(2)", "z?": str}, e: "enum(aa, bb)", l: "list(int, 3)", o: any}
rules:
  - {id: a, allow: [t]}
  - {id: d, deny: [t], when: 'args.u.contains("secret") || !args.m.contains("x")'}
"""


def policy(classes: str) -> str:
    return f"{HEAD}repair: {{t: {{{classes}}}}}\n"


@pytest.mark.parametrize(
    ("classes", "code", "words"),
    [
        ("u: clamp", "type-mismatch", "for an int, dec, f64, time or duration, and `u` is str"),
        ("l: clamp", "type-mismatch", "`l` is list(int, 3)"),
        ("/l/0: clamp", "type-mismatch", "a pointer leads only into records"),
        ("/o/x: clamp", "type-mismatch", "no declared type"),
        ("/r/q: clamp", "unknown-field", "has no field `q`"),
        ("/r/kk: clamp", "unknown-field", "did you mean `k`?"),
        ("nn: clamp", "unknown-field", "did you mean `n`?"),
        ("n: clamp, /n: clamp", "duplicate-key", "the same argument as `n`"),
        ('"*": clamp', "repair", "can only be locked"),
        ("u: drop", "repair", "not optional"),
        ("m: redact", "repair", "nothing says what to redact here"),
        ('m: {class: redact, matches: ["[0-9"]}', "bad-regex", "never closed"),
        ('m: {class: redact, matches: "[a-z]+"}', "repair", "itself matches"),
        ('u: {class: redact, with: "a secret"}', "repair", "itself matches"),
        ("b: redact", "type-mismatch", "for a str, and `b` is bool"),
        ("e: {class: enum, values: [aa, cc]}", "type-mismatch", "found a string ('cc')"),
        ("e: {class: enum, values: [aab]}", "type-mismatch", "did you mean `aa`?"),
        ("e: enum", "missing-key", "list them"),
        ("l: {class: enum, values: [1]}", "type-mismatch", "a single value"),
        ("/r/k: {class: enum, values: [1.005]}", "inexact", "no value of dec(2)"),
        ("u: {class: enum, values: [a, a]}", "duplicate-value", "listed twice"),
        ("u: {class: enum, values: [a, {value: b, cost: 0}]}", "cost", "from 1"),
        ("n: {class: clamp, cost: 0}", "cost", "from 1"),
        ("n: {class: clamp, cost: 1.5}", "type", "a whole number"),
        ("n: {class: locked, cost: 2}", "unknown-key", "for what can be changed"),
        ("m: {class: drop, values: [a]}", "unknown-key", "`values` is for the class enum"),
        ("m: {class: drop, root: /srv}", "unknown-key", "`root` is for the class template"),
        ("m: {class: drop, with: a}", "unknown-key", "`with` is for the class redact"),
        ("u: {clas: drop}", "unknown-key", "did you mean `class`?"),
        ("u: template", "missing-key", "root, scheme, append"),
        ("u: {class: template, root: /srv, scheme: https}", "conflict", "remove `scheme`"),
        ("u: {class: template, scheme: htps}", "unknown-word", "did you mean `https`?"),
        ("u: {class: template, root: srv}", "repair", "absolute directory"),
        ("u: {class: template, root: [/srv/../etc]}", "repair", "absolute directory"),
        ("n: {class: template, append: x}", "type-mismatch", "for a str, and `n` is int"),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(classes: str, code: str, words: str) -> None:
    """Every class fits its argument and can do something; the message says what to write instead."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(policy(classes))
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert words in str(caught.value)
    assert caught.value.source.position(found.span.start)[0] == HEAD.count("\n") + 1


@pytest.mark.parametrize(
    ("classes", "form"),
    [
        ("n: clamp", {"n": {"class": "clamp", "values": []}}),
        ("n: {class: clamp, cost: 1}", {"n": {"class": "clamp", "values": []}}),
        ("n: {class: clamp, cost: 3}", {"n": {"class": "clamp", "values": [], "cost": 3}}),
        ("u: {class: enum, values: [a, b]}", {"u": {"class": "enum", "values": ["a", "b"]}}),
        (
            "u: {class: enum, values: [a, {value: b, cost: 2}]}",
            {"u": {"class": "enum", "values": ["a", "b"], "costs": [1, 2]}},
        ),
        ("u: redact", {"u": {"class": "redact", "values": []}}),
        (
            "u: {class: redact, matches: x, with: y}",
            {"u": {"class": "redact", "values": [], "matches": ["x"], "with": "y"}},
        ),
        ("u: {class: template, root: /srv}", {"u": {"class": "template", "values": [], "root": ["/srv"]}}),
        (
            '"*": locked, o: locked',
            {"*": {"class": "locked", "values": []}, "o": {"class": "locked", "values": []}},
        ),
    ],
)
def test_the_canonical_form_says_only_what_the_author_says(classes: str, form: object) -> None:
    """A policy that says nothing new has the hash that it had."""
    checked = compile_policy(policy(classes)).policy
    assert checked.repair == {"t": form}
    assert json.loads(checked.canonical())["repair"] == {"t": form}


def test_every_key_is_part_of_the_hash() -> None:
    """What an author opens, and how, changes what may leave."""
    texts = (
        "", "n: clamp", "n: {class: clamp, cost: 2}", "u: {class: enum, values: [a, b]}",
        "u: {class: enum, values: [b, a]}", "u: {class: enum, values: [a, {value: b, cost: 2}]}", "u: redact",
        "u: {class: redact, matches: x}", "u: {class: redact, matches: x, with: y}", "u: {class: template, root: /a}",
        "u: {class: template, root: /b}", "u: {class: template, scheme: https}", "u: {class: template, append: x}",
    )  # fmt: skip
    assert len({compile_policy(policy(classes)).hash for classes in texts}) == len(texts)


@pytest.mark.parametrize(
    ("classes", "valid"),
    [
        ("n: clamp", True), ("n: {class: clamp, cost: 2}", True), ("n: {class: clamp, cost: 0}", False),
        ("u: enum", False), ("u: {class: enum, values: []}", False), ("u: {class: enum, values: [1, true, x]}", True),
        ("u: {class: enum, values: [{value: 1, cost: 2}]}", True), ("u: {class: enum, values: [{cost: 2}]}", False),
        ("u: template", False), ("u: {class: template, root: [/a, /b]}", True), ("m: {class: drop, with: a}", False),
        ("u: {class: template, root: /a, append: b}", False), ("u: {class: redact, matches: a, with: b}", True),
        ("u: {class: template, scheme: http}", False), ("u: {class: locked}", True),
        ("u: {class: locked, cost: 1}", False),
    ],
)  # fmt: skip
def test_the_schema_for_editors_says_the_same(classes: str, valid: bool) -> None:
    """What an editor marks is what the loader refuses for its shape."""
    document = yaml.safe_load(policy(classes))
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(document) is valid
