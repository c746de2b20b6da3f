"""The policy document: what it may say, and how it is refused."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bartizan.policies.diagnostics import Diagnostic, PolicyError, Source
from bartizan.policies.document.loading import Located, load_document
from bartizan.policies.language.parser import parse_expression
from bartizan.policies.language.syntax import Span
from bartizan.policies.language.types import Any, Dec, Enum, Field, Int, List, Record, Str

BANK = """\
version: 1
name: bank
description: A bank's assistant
include: [payments, packs/mail.yaml]
tools:
  send_money:
    args: {recipient: str, amount: dec(2), memo?: str}
    effect: write
    open: true
    tags: [money]
    result: {label: trusted}
  search:
    args: any
    result:
      label: untrusted
      except: {"$.total": trusted, '$["a b"][0].*': trusted}
    effect: read
  wipe: {}
signals:
  injection: {on: result, monitor: probe, missing: escalate}
rules:
  - id: pay
    allow: [send_money]
    when: args.amount <= 500.00
    unless: "!from_user(args.recipient)"
    reason: Small payments.
  - {id: read, allow: ["@read", search], when: true}
  - {id: all, deny: ["*"], when: 'tool == "wipe"', mode: shadow}
  - {id: hide, redact: [search], when: 'result.text.matches(r"[0-9]{16}")'}
  - {id: mark, label: [search], as: trusted, when: false}
repair:
  send_money: {amount: clamp, "*": locked, /memo: {class: enum, values: [rent, food]}}
invariants:
  - never: allowed(send_money) && args.amount > 500.00
  - always-within: {tool: send_money, sum: amount, window: 24h, at-most: 1000.00}
  - without: {signals: all}
  - without: {signals: [injection]}
tests:
  - name: small
    call: {tool: send_money, args: {recipient: x, amount: 12.50, memo: null, parts: [1, {a: true}]}}
    prompt: pay x
    history:
      - {prompt: hello, at: 1h}
      - call: {tool: search, args: {}}
      - result: {tool: search, text: found, value: [1], error: false}
        at: 30m
        signals: {injection: 0.97}
      - text: thinking
    signals: {injection: missing}
    approved: true
    now: 2026-01-31T12:00:00Z
    principal: {id: ann, roles: [clerk]}
    expect: allow
    because: [pay]
  - result: {tool: search, text: "1234"}
    expect: {text: "1234", label: trusted}
"""


def load(text: str) -> Located:
    return load_document(Source("bank.yaml", text))


def attempt(text: str) -> Located | PolicyError:
    try:
        return load(text)
    except PolicyError as error:
        return error


def refused(text: str) -> tuple[Diagnostic, ...]:
    with pytest.raises(PolicyError) as caught:
        load(text)
    assert "pydantic" not in str(caught.value).lower()
    return caught.value.diagnostics


def test_a_whole_document_is_read() -> None:
    """Every part of the format is there, with the types of the format."""
    document = load(BANK).document
    assert (document.version, document.name, document.include) == (1, "bank", ("payments", "packs/mail.yaml"))
    assert [rule.effect for rule in document.rules] == ["allow", "allow", "deny", "redact", "label"]
    assert [rule.scope for rule in document.rules][1] == ("@read", "search")
    assert document.rules[0].when == "args.amount <= 500.00"
    assert document.rules[1].when is True
    assert document.rules[2].mode == "shadow"
    assert document.rules[4].as_ == "trusted"
    assert document.signals["injection"].missing == "escalate"
    assert document.repair["send_money"]["amount"].class_ == "clamp"
    assert [v.value for v in document.repair["send_money"]["/memo"].values] == ["rent", "food"]
    always = document.invariants[1].always_within
    assert always is not None
    assert (always.window, always.at_most, str(always.at_most)) == ("24h", Decimal("1000.00"), "1000.00")
    assert [i.without.signals for i in document.invariants if i.without] == ["all", ("injection",)]


def test_tests_hold_json_as_a_parser_would_have_made_it() -> None:
    """Arguments of tests are plain JSON: floats for decimals, lists for sequences."""
    first, second = load(BANK).document.tests
    assert first.call is not None
    assert first.call.args == {"recipient": "x", "amount": 12.5, "memo": None, "parts": [1, {"a": True}]}
    assert first.history[2].result is not None
    assert first.history[2].result.value == [1]
    assert first.history[2].signals == {"injection": Decimal("0.97")}
    assert first.signals == {"injection": "missing"}
    assert first.principal is not None
    assert first.principal.roles == ("clerk",)
    assert first.expect == "allow"
    assert not isinstance(second.expect, str)
    assert second.expect.label == "trusted"


def test_tools_are_declared_with_types_tags_and_labels() -> None:
    """A tool's effect becomes tags; one without a declared effect counts as the worst."""
    send, search, wipe = load(BANK).tools
    assert send.args == Record(
        (("recipient", Field(Str())), ("amount", Field(Dec(2))), ("memo", Field(Str(), optional=True)))
    )
    assert send.tags == {"write", "open", "money"}
    assert (send.label, search.label, wipe.label) == ("trusted", "untrusted", "untrusted")
    assert search.args == Any()
    assert search.tags == {"read"}
    assert search.exceptions == (("$.total", "trusted"), ('$["a b"][0].*', "trusted"))
    assert wipe.args == Record()
    assert wipe.tags == {"write", "destructive", "open"}


@pytest.mark.parametrize(
    ("effect", "tags"),
    [
        ("effect: read", {"read"}),
        ("effect: read, open: true", {"read", "open"}),
        ("effect: write", {"write"}),
        ("effect: destructive, open: false", {"destructive", "write"}),
        ("open: false", {"destructive", "write"}),
        ("open: true", {"destructive", "write", "open"}),
    ],
)
def test_tags_follow_from_the_effect(effect: str, tags: set[str]) -> None:
    """Destructive implies write; what is not declared is assumed at its worst."""
    (tool,) = load(f"version: 1\nname: x\ntools: {{t: {{{effect}}}}}\n").tools
    assert tool.tags == tags


def test_types_of_every_kind_are_read_in_a_document() -> None:
    """Nested mappings are records, and quoted types may stand in a flow mapping."""
    text = """\
version: 1
name: x
tools:
  t:
    args:
      kind: enum(low, "very high")
      to?: {name: str(20), "e-mail?": str}
      parts: list(int, 8)
      more: {x: "list({a: enum(b, c)}, 2)"}
"""
    (tool,) = load(text).tools
    assert tool.args == Record(
        (
            ("kind", Field(Enum(("low", "very high")))),
            ("to", Field(Record((("name", Field(Str(20))), ("e-mail", Field(Str(), True)))), optional=True)),
            ("parts", Field(List(Int(), 8))),
            (
                "more",
                Field(Record((("x", Field(List(Record((("a", Field(Enum(("b", "c")))),)), 2))),))),
            ),
        )
    )


def test_places_are_found_by_path() -> None:
    """Spans are of the value, of the key, or of the nearest place above what is left out."""
    located = load(BANK)
    text = located.source.text

    def shown(span: Span) -> str:
        return text[slice(*span)]

    assert shown(located.span(("rules", 0, "when"))) == "args.amount <= 500.00"
    assert shown(located.key_span(("rules", 0, "when"))) == "when"
    assert shown(located.span(("rules", 1, "allow", 0))) == '"@read"'
    assert shown(located.key_span(("tools", "send_money"))) == "send_money"
    assert shown(located.span(("rules", 1, "reason"))) == "id"
    assert shown(located.key_span(("rules", 1, "reason"))) == "id"
    assert located.node(("rules", 9)) is None
    assert located.text_offsets(("rules",)) == ()


def test_an_error_in_a_condition_points_into_the_file() -> None:
    """The offsets of a quoted condition lead to the characters of the file."""
    located = load(BANK)
    path = ("rules", 3, "when")
    text = located.document.rules[3].when
    assert isinstance(text, str)
    with pytest.raises(PolicyError) as caught:
        parse_expression(text.replace("matches", "mat.hes.3"), located.text_offsets(path), located.source)
    (problem,) = caught.value.diagnostics
    line, _ = located.source.position(problem.span.start)
    assert line == 29


def _minimal(body: str) -> str:
    return "version: 1\nname: x\n" + body


_T = "tests: [{call: {tool: t}, expect: allow, %s}]"


@pytest.mark.parametrize(
    ("text", "code", "marked", "help"),
    [
        ("[]", "type", "[]", "version: 1"),
        ("just text", "type", "just text", "version: 1"),
        ("name: x", "missing-key", "name", "version"),
        ("version: 2\nname: x", "version", "2", "version: 1"),
        ("version: true\nname: x", "type", "true", None),
        ("version: '1'\nname: x", "type", "'1'", None),
        ("version: 1.0\nname: x", "type", "1.0", None),
        ("version: 1\nname: a b", "name", "a b", "letters"),
        ("version: 1\nname: 5", "type", "5", "quote"),
        ("version: 1\nname: [x]", "type", "x", None),
        ("version: 1\nname:", "empty", "name", None),
        ("version: 1\nname: x\nrule: []", "unknown-key", "rule", "`rules`"),
        ("version: 1\nname: x\nzzz: 1", "unknown-key", "zzz", "the keys here are"),
        (_minimal("include: [../x]"), "include", "../x", "payments"),
        (_minimal("include: [/etc/x]"), "include", "/etc/x", "payments"),
        (_minimal("include: [a//b]"), "include", "a//b", "payments"),
        (_minimal("include: [A]"), "include", "A", "payments"),
        (_minimal("include: payments"), "type", "payments", "[a, b]"),
        (_minimal("tools: []"), "type", "[]", "key: value"),
        (_minimal("tools: {'a b': {}}"), "tool-name", "'a b'", None),
        (_minimal("tools: {t: {arg: {}}}"), "unknown-key", "arg", "`args`"),
        (_minimal("tools: {t: {args: {x: string}}}"), "type-spec", "string", "str"),
        (_minimal("tools: {t: {args: str}}"), "type-spec", "str", "mapping"),
        (_minimal("tools: {t: {args: [str]}}"), "type-spec", "[str]", None),
        (_minimal("tools: {t: {args: {x: }}}"), "type-spec", "x", "x: str"),
        (_minimal("tools: {t: {args: {x: enum(a, b)}}}"), "type-spec", "b)", "quote"),
        (_minimal("tools: {t: {args: {x: 5}}}"), "type-spec", "5", "the types are"),
        (_minimal("tools: {t: {args: {x: int, x?: int}}}"), "type-spec", "x?", "remove"),
        (_minimal("tools: {t: {args: {'?': int}}}"), "type-spec", "'?'", None),
        (_minimal("tools: {t: {effect: reads}}"), "unknown-word", "reads", "`read`"),
        (_minimal("tools: {t: {open: 1}}"), "type", "1", None),
        (_minimal("tools: {t: {tags: [read]}}"), "tag-name", "read", "effect"),
        (_minimal("tools: {t: {result: {label: trust}}}"), "unknown-word", "trust", "`trusted`"),
        (_minimal("tools: {t: {result: {except: {x: trusted}}}}"), "json-path", "x", "$.name"),
        (_minimal('tools: {t: {result: {except: {"$.a[": trusted}}}}'), "json-path", None, None),
        (_minimal("tools: {t: {result: {except: {$.a: no-one}}}}"), "unknown-word", "no-one", None),
        (_minimal("tools: {t: }"), "empty", "t", None),
        (_minimal("signals: {s: {on: result}}"), "missing-key", "on", "monitor"),
        (_minimal("signals: {s: {on: results, monitor: m}}"), "unknown-word", "results", "`result`"),
        (_minimal("signals: {s: {on: result, monitor: m, missing: allow}}"), "unknown-word", "allow", None),
        (_minimal("rules: {id: x}"), "type", "id", None),
        (_minimal("rules: [x]"), "type", "x", "key: value"),
        (_minimal("rules: [{allow: [t]}]"), "missing-key", "allow", "id"),
        (_minimal("rules: [{idd: a, allow: [t]}]"), "unknown-key", "idd", "`id`"),
        (_minimal("rules: [{id: a}]"), "missing-key", "id", None),
        (_minimal("rules: [{id: a, alow: [t]}]"), "unknown-key", "alow", "`allow`"),
        (_minimal("rules: [{id: a, allow: [t], deny: [t]}]"), "conflict", "deny", "remove `deny`"),
        (_minimal("rules: [{id: a, allow: t}]"), "type", "t", "[a, b]"),
        (_minimal("rules: [{id: a, allow: []}]"), "type", "[]", None),
        (_minimal("rules: [{id: a, allow: ['@']}]"), "selector", "'@'", '"@tag"'),
        (_minimal("rules: [{id: a, allow: ['a*']}]"), "selector", "'a*'", None),
        (_minimal("rules: [{id: a, allow: [1]}]"), "type", "1", "quote"),
        (_minimal("rules: [{id: a, allow: [t], when: 5}]"), "type", "5", "condition"),
        (_minimal("rules: [{id: a, allow: [t], when: {a: b}}]"), "type", "a", "condition"),
        (_minimal("rules: [{id: a, allow: [t], when: }]"), "empty", None, None),
        (_minimal("rules: [{id: a, allow: [t], when: ''}]"), "type", "''", None),
        (_minimal("rules: [{id: a, allow: [t], unless: true}]"), "type", "true", "condition"),
        (_minimal("rules: [{id: a, allow: [t], mode: shaddow}]"), "unknown-word", "shaddow", "`shadow`"),
        (_minimal("rules: [{id: a, label: [t]}]"), "missing-key", "id", "as: trusted"),
        (_minimal("rules: [{id: a, deny: [t], as: trusted}]"), "unknown-key", "as", "remove"),
        (_minimal("rules: [{id: a, deny: [t]}, {id: a, deny: [t]}]"), "duplicate-rule", "a", "line 3"),
        (_minimal("rules: [{id: a b, deny: [t]}]"), "name", "a b", None),
        (_minimal("rules: [{id: a, deny: [t], justified: {shadwed: x}}]"), "unknown-finding", "shadwed", "`shadowed`"),
        (_minimal("rules: [{id: a, deny: [t], justified: {unknown: x}}]"), "unknown-finding", "unknown", None),
        (_minimal("rules: [{id: a, deny: [t], justified: {zzz: x}}]"), "unknown-finding", "zzz", "vacuous, unreach"),
        (_minimal("rules: [{id: a, deny: [t], justified: {always: ' '}}]"), "empty", "' '", "say why"),
        (_minimal("rules: [{id: a, deny: [t], justified: {always: }}]"), "empty", None, None),
        (_minimal("rules: [{id: a, deny: [t], justified: [always]}]"), "type", "always", "key: value"),
        (_minimal("tools: {t: {justified: {racs: x}}}"), "unknown-finding", "racs", "`races`"),
        (_minimal("repair: {t: {a: lock}}"), "unknown-word", "lock", "`locked`"),
        (_minimal("repair: {t: {a: {class: clamp, values: [x]}}}"), "unknown-key", "values", None),
        (_minimal("repair: {t: {'a b': clamp}}"), "pointer", "'a b'", None),
        (_minimal("invariants: [{never: x, without: {signals: all}}]"), "conflict", "without", None),
        (_minimal("invariants: [{}]"), "missing-key", "{}", None),
        (_minimal("invariants: [{nevr: x}]"), "unknown-key", "nevr", "`never`"),
        (_minimal("invariants: [{possible: x, never: x}]"), "conflict", "possible", "remove `possible`"),
        (_minimal("invariants: [{always-within: {tool: t, sum: '', window: 1h, at-most: 1}}]"), "type", "''", None),
        (_minimal("invariants: [{always-within: {tool: t, sum: , window: 1h, at-most: 1}}]"), "empty", None, None),
        (_minimal("invariants: [{without: {signals: al}}]"), "unknown-word", "al", "`all`"),
        (_minimal("invariants: [{without: {signals: []}}]"), "type", "[]", None),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 24, at-most: 1}}]"), "duration", "24", "24h"),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 1w, at-most: 1}}]"), "duration", "1w", "7d"),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 0s, at-most: 1}}]"), "duration", "0s", None),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 1h, at-most: x}}]"), "type", "x", "number"),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 1h, at-most: true}}]"), "type", "true", None),
        (_minimal("invariants: [{always-within: {tool: t, sum: a, window: 1h}}]"), "missing-key", "tool", "at-most"),
        (_minimal("invariants: [{always-within: {at_most: 1}}]"), "unknown-key", "at_most", "`at-most`"),
        (_minimal("tests: [{expect: allow}]"), "missing-key", "expect", None),
        (_minimal("tests: [{call: {tool: t}}]"), "missing-key", "call", "expect"),
        (_minimal("tests: [{call: {tool: t}, expect: alow}]"), "unknown-word", "alow", "`allow`"),
        (_minimal("tests: [{call: {tool: t}, expect: {text: a}}]"), "type", "expect", None),
        (_minimal("tests: [{result: {tool: t}, expect: allow}]"), "type", "expect", None),
        (_minimal("tests: [{call: {tool: t}, result: {tool: t}, expect: allow}]"), "conflict", "result", None),
        (_minimal(_T % "signals: {s: 1.5}"), "range", "1.5", None),
        (_minimal(_T % "signals: {s: gone}"), "unknown-word", "gone", None),
        (_minimal(_T % "signals: {s: {value: 1.5}}"), "range", "1.5", None),
        (_minimal(_T % "signals: {s: {p_value: 0.5}}"), "missing-key", "p_value", "value"),
        (_minimal(_T % "signals: {s: {value: 0.5, p-value: 0.5}}"), "unknown-key", "p-value", "`p_value`"),
        (_minimal(_T % "signals: {s: {value: 0.5, p_value: gone}}"), "unknown-word", "gone", None),
        (_minimal(_T % "signals: {s: true}"), "type", "true", "number"),
        (_minimal(_T % "now: 2026-01-31"), "time", "2026-01-31", "offset"),
        (_minimal(_T % "now: yesterday"), "time", "yesterday", "offset"),
        (_minimal(_T % "now: 2026-01-31T12:00:00"), "time", "2026-01-31T12:00:00", "offset"),
        (_minimal(_T % "approved: 1"), "type", "1", None),
        (_minimal(_T % "principal: ann"), "type", "ann", "key: value"),
        (_minimal(_T % "principal: {id: ''}"), "type", "''", None),
        (_minimal(_T % "history: [{at: 1h}]"), "missing-key", "at", None),
        (_minimal(_T % "history: [{prompt: a, text: b}]"), "conflict", "text", None),
        (_minimal(_T % "history: [{prompt: a, at: soon}]"), "duration", "soon", None),
        (_minimal(_T % "because: pay"), "type", "pay", None),
        (_minimal("tests: [{call: {tool: t, args: {a: 0.12345678901234567891}}}]"), "inexact", None, "quote"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_at_its_place(
    text: str, code: str, marked: str | None, help: str | None
) -> None:
    """Each mistake gives its code, marks its characters, and says what to write."""
    problems = [problem for problem in refused(text) if problem.code == code]
    assert problems, refused(text)
    if marked is not None:
        assert marked in {text[slice(*problem.span)] for problem in problems}
    if help is not None:
        assert any(help in problem.help for problem in problems if problem.help is not None)


def test_all_mistakes_are_reported_at_once() -> None:
    """Types, keys, words and conflicts of one file come in one error, in the order of the file."""
    text = """\
version: 1
nam: x
tools: {t: {args: {a: string}, effect: reads}}
rules:
  - {id: a, alow: [t]}
  - {id: b, deny: [t], mode: loud}
"""
    codes = [problem.code for problem in refused(text)]
    assert codes == ["unknown-key", "type-spec", "unknown-word", "unknown-key", "unknown-word"]


def test_the_document_is_frozen() -> None:
    """Nothing can be changed after loading."""
    document = load(BANK).document
    with pytest.raises(ValueError, match="frozen"):
        document.name = "other"  # type: ignore[misc]


_lines = BANK.splitlines()


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, len(_lines) - 1),
    st.integers(0, 80),
    st.text(alphabet="ab :-?[]{},'\"|>&*!#%@\n10.", max_size=4),
)
def test_any_edit_is_read_or_refused_with_a_location(line: int, column: int, insert: str) -> None:
    """Whatever is typed into a document, the answer is a document or a located PolicyError."""
    edited = [*_lines[:line], _lines[line][:column] + insert + _lines[line][column:], *_lines[line + 1 :]]
    found = attempt("\n".join(edited))
    if isinstance(found, Located):
        assert found.document.version == 1
    else:
        assert all(0 <= problem.span.start <= problem.span.end for problem in found.diagnostics)
        assert "bank.yaml:" in str(found)
