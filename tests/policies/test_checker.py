"""What the checker refuses, and that it points at the right characters."""

from __future__ import annotations

import pytest

from bartizan.policies import PolicyError, compile_policy

HEAD = """version: 1
name: sample
tools:
  pay:
    args: {to: str, cost: dec(2), n: int, ratio: f64, "memo?": str, mode: "enum(fast, slow)",
           list: "list(str, 4)", at: time, opaque: any}
    effect: write
  look: {args: {to: str}, effect: read}
signals:
  risk: {on: call, monitor: m}
  injection: {on: result, monitor: m}
rules:
  - id: sample
    allow: [pay]
    when: >-
      """
CASES = [
    ("args.too == \"x\"", "unknown-field", "args.too", "did you mean `to`?"),
    ("arg.to == \"x\"", "unknown-name", "arg", "did you mean `args`?"),
    ("args.to", "type-mismatch", "args.to", "a condition is true or false"),
    ("args.n == \"1\"", "type-mismatch", "args.n == \"1\"", "no coercion"),
    ("args.n == 1.0", "type-mismatch", "1.0", "whole number"),
    ("args.cost == args.n", "type-mismatch", "args.cost == args.n", "no coercion"),
    ("args.cost < 1.005", "inexact", "1.005", "dec(2)"),
    ("args.to < \"x\"", "type-mismatch", "args.to < \"x\"", None),
    ("args.to + \"x\" == \"y\"", "type-mismatch", "args.to + \"x\"", "arithmetic"),
    ("args.n * args.n > 4", "not-linear", "args.n * args.n", None),
    ("args.mode == \"fats\"", "unknown-value", "\"fats\"", "did you mean `fast`?"),
    ("args.mode in [\"fast\", \"slwo\"]", "unknown-value", "\"slwo\"", "slow"),
    ("args.to.matches(\"(\")", "bad-regex", "\"(\"", None),
    ("args.to.matches(\"a(?=b)\")", "bad-regex", "\"a(?=b)\"", None),
    ("args.to.matches(args.memo)", "literal-required", "args.memo", None),
    ("args.to.mathces(\"a\")", "unknown-function", "args.to.mathces(\"a\")", "did you mean `matches`?"),
    ("args.to.startsWith(\"a\", \"b\")", "wrong-arity", "args.to.startsWith(\"a\", \"b\")", None),
    ("args.n.startsWith(\"a\")", "type-mismatch", "args.n", None),
    ("path_under(args.to, \"../x\")", "bad-argument", "\"../x\"", None),
    ("has(args.to)", "always-present", "args.to", "`?`"),
    ("has(args)", "bad-argument", "args", None),
    ("args.opaque == \"x\"", "type-mismatch", "args.opaque == \"x\"", None),
    ("args.opaque.x == \"x\"", "opaque", "args.opaque.x", None),
    ("args.list == args.list", "type-mismatch", "args.list == args.list", None),
    ("args.list.all(args, args == \"x\")", "shadowing", "args", None),
    ("args.to.all(x, x == \"x\")", "type-mismatch", "args.to", None),
    ("args.n in args.list", "type-mismatch", "args.n in args.list", None),
    ("from_user(\"x\")", "not-a-path", "\"x\"", None),
    ("from_user(tool)", "bad-argument", "tool", None),
    ("from_tool(args.to, \"lok\")", "unknown-tool", "\"lok\"", "did you mean `look`?"),
    ("from_tool(args.to)", "wrong-arity", "from_tool(args.to)", None),
    ("signal(\"rsk\") > 0.5", "unknown-signal", "\"rsk\"", "did you mean `risk`?"),
    ("signal(\"injection\") > 0.5", "signal-not-here", "signal(\"injection\")", "session.once"),
    ("signal(risk) > 0.5", "literal-required", "risk", None),
    ("once(\"call\")", "unknown-function", "once(\"call\")", "session.once"),
    ("session.onec(\"call\")", "unknown-function", "session.onec(\"call\")", "did you mean `once`?"),
    ("session.once(\"calls\")", "bad-argument", "\"calls\"", "did you mean `call`?"),
    ("session.once(\"call:lok\")", "unknown-tool", "\"call:lok\"", "look"),
    ("session.once(\"prompt:look\")", "bad-argument", "\"prompt:look\"", None),
    ("session.once(\"result\", args.to == \"x\")", "unknown-name", "args", None),
    ("session.once(\"call\", within=\"soon\")", "bad-literal", "\"soon\"", None),
    ("session.once(\"call\", within=5)", "literal-required", "5", None),
    ("session.once(\"call\", wihtin=\"5m\")", "named-argument", "\"5m\"", "did you mean `within`?"),
    ("session.count(\"pay\", within=\"1h\")", "type-mismatch", "session.count(\"pay\", within=\"1h\")", None),
    ("session.sum(\"pay\", \"to\", within=\"1h\") > 1", "type-mismatch", "\"to\"", "dec(2)"),
    ("session.sum(\"pay\", \"csot\", within=\"1h\") > 1", "unknown-field", "\"csot\"", "did you mean `cost`?"),
    ("session.count(\"pay\", by=args.cost) > 1", "type-mismatch", "args.cost", None),
    ("session.count(\"look\", by=args.n) > 1", "unknown-field", "args.n", None),
    ("allowed(pay)", "unknown-function", "allowed(pay)", "invariants"),
    ("args.at > \"yesterday\"", "bad-literal", "\"yesterday\"", None),
    ("args.at - args.at > 5", "type-mismatch", "args.at - args.at > 5", None),
    ("!args.n", "type-mismatch", "args.n", None),
    ("args.n > 1 ? true : 5", "type-mismatch", "args.n > 1 ? true : 5", None),
    ("[1, 2] == [1, 2]", "list-literal", "[1, 2]", None),
    ("args.to(\"x\")", "unknown-function", "args.to(\"x\")", None),
    ("args.to.matches(\"a\", within=\"1h\")", "named-argument", "args.to.matches(\"a\", within=\"1h\")", None),
]  # fmt: skip


@pytest.mark.parametrize(("expression", "code", "marked", "help"), CASES, ids=[case[0] for case in CASES])
def test_refused_at_the_right_place(expression: str, code: str, marked: str, help: str | None) -> None:
    """The diagnostic has the expected code, covers exactly the wrong part, and helps where help is known."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(HEAD + expression + "\n")
    first = caught.value.diagnostics[0]
    text = caught.value.source.text[first.span.start : first.span.end]
    assert (first.code, text) == (code, marked)
    if help is not None:
        assert help in f"{first.message} {first.help}"


ACCEPTED = [
    "args.cost <= 500.00 && args.cost > 5 && 1 < args.n",
    "args.cost - 1.5 <= 2 * args.cost",
    "args.at > time(\"2026-01-01T00:00:00Z\") && now - args.at <= duration(\"24h\")",
    "now - args.at <= \"24h\"",
    "args.mode == \"fast\" || tool == \"pay\"",
    "\"x\" in args.list && args.to in [\"a\", \"b\"]",
    "args.list.exists(x, x.startsWith(\"a\") && args.list.all(y, y != x))",
    "has(args.memo) && size(args.memo) < 10 && size(args.list) <= 3",
    "host_under(args.to, [\"a.com\", \"b.org\"]) || email_domain(args.to, \"a.com\")",
    "grounded(args) && from_user(args.opaque) && !carries_untrusted(args.list)",
    "session.once(\"call:look\", args.to == \"x\", within=\"1h\", by=args.to)",
    "session.since(event.kind != \"prompt\", event.kind == \"result\" && event.tool == \"look\")",
    "session.prev(event.kind == \"prompt\")",
    "session.count(\"pay\", args.n > 3, within=\"1h\", by=args.to) < 5",
    "session.sum(\"pay\", \"cost\", within=\"24h\", where=args.n > 0) + args.cost <= 100.00",
    "session.max_signal(\"injection\") < 0.9 && signal(\"risk\") < 0.5 && p_value(\"risk\") > 0.01",
    "session.once(\"result\", signal(\"injection\") >= 0.9 && result.label == \"untrusted\")",
    "session.once(\"prompt\", prompt.text.matches(\"(?i)delete\"))",
    "principal.id == \"ann\" && \"admin\" in principal.roles",
    "args.n > 3 ? args.to == \"x\" : args.to == \"y\"",
    "args[\"to\"] == \"x\"",
]  # fmt: skip


@pytest.mark.parametrize("expression", ACCEPTED)
def test_accepted(expression: str) -> None:
    """What the language offers loads, and has a canonical form and a hash."""
    program = compile_policy(HEAD + expression + "\n")
    assert len(program.hash) == 64
    assert program.hash == compile_policy(HEAD + expression + "\n").hash


def test_all_problems_are_reported_at_once() -> None:
    """Several bad rules give several diagnostics, in the order of the file."""
    text = (
        HEAD
        + "args.n == 1\n"
        + "".join(f"  - id: r{i}\n    deny: [pay]\n    when: args.x{i} == 1\n" for i in range(3))
    )
    with pytest.raises(PolicyError) as caught:
        compile_policy(text)
    assert [d.code for d in caught.value.diagnostics] == ["unknown-field"] * 3


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("  - {id: b, allow: [pya]}", "unknown-tool"),
        ("  - {id: b, allow: ['@wirte']}", "unknown-tag"),
        ("  - {id: sample, allow: [pay]}", "duplicate-rule"),
    ],
)
def test_bad_scopes(line: str, code: str) -> None:
    """Tools, tags and rule ids that do not exist, or exist already, are refused."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(HEAD + "args.n == 1\n" + line + "\n")
    assert caught.value.diagnostics[0].code == code


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("  - never: allowed(pya)", "unknown-tool"),
        ("  - never: allowed(pay) && args.x == 1", "unknown-field"),
        ("  - always-within: {tool: pay, sum: to, window: 24h, at-most: 5}", "type-mismatch"),
        ("  - always-within: {tool: pay, sum: cots, window: 24h, at-most: 5}", "unknown-field"),
        ("  - always-within: {tool: pay, sum: cost, window: 24h, at-most: 5.005}", "inexact"),
        ("  - possible: allowed(pya)", "unknown-tool"),
        ("  - possible: allowed(pay) && args.x == 1", "unknown-field"),
        ("  - always-within: {tool: pya, window: 24h, at-most: 5}", "unknown-tool"),
        ("  - always-within: {tool: pay, window: 24h, at-most: 5.5}", "inexact"),
        ("  - without: {signals: [rsik]}", "unknown-signal"),
    ],
)
def test_bad_invariants(line: str, code: str) -> None:
    """Invariants are checked like rules."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(HEAD + "args.n == 1\ninvariants:\n" + line + "\n")
    assert caught.value.diagnostics[0].code == code


def test_an_invariant_that_names_no_tool_is_about_all() -> None:
    """An argument that only one tool has is refused in it, and it is said how the tool is named."""
    text = "version: 1\nname: x\ntools: {pay: {args: {n: int}}, read: {args: {}}}\ninvariants:\n  - never: "
    assert compile_policy(f"{text}allowed(pay) && args.n == 1\n").tools
    with pytest.raises(PolicyError, match=r"allowed\(tool\)") as caught:
        compile_policy(f"{text}tool == 'pay' && args.n == 1\n".replace("'", '"'))
    assert caught.value.diagnostics[0].code == "unknown-field"


def test_unknown_pack_and_unknown_repair() -> None:
    """Includes name packs or files that exist; repair classes name arguments that exist."""
    with pytest.raises(PolicyError, match="did you mean `baseline`"):
        compile_policy("version: 1\nname: x\ninclude: [basline]\n")
    with pytest.raises(PolicyError, match="did you mean `cost`"):
        compile_policy(HEAD + "args.n == 1\nrepair:\n  pay: {csot: clamp}\n")


def test_a_rule_for_tags_that_no_tool_has_is_checked_as_far_as_possible() -> None:
    """Names are checked even where the arguments are not known yet; fields are not."""
    head = "version: 1\nname: x\nrules:\n"
    assert compile_policy(head + '  - {id: a, deny: ["@open"], when: args.url == "x"}\n').tools == {}
    with pytest.raises(PolicyError, match="unknown name `nonsense`"):
        compile_policy(head + '  - {id: a, deny: ["@open"], when: nonsense.x > 5}\n')


def test_the_hash_knows_bounds_and_values() -> None:
    """A longer text, or other values of an enum, is another policy."""
    texts = ("str(5)", "str(9000)", '"enum(a, b)"', "'enum(\"a, b\")'")
    hashes = {
        compile_policy(f"version: 1\nname: x\ntools: {{t: {{args: {{a: {text}}}}}}}\n").hash for text in texts
    }
    assert len(hashes) == len(texts)


@pytest.mark.parametrize("condition", ["email_domain(args.to, [])", "args.to in []"])
def test_empty_lists_are_refused(condition: str) -> None:
    """Nothing is in an empty list, so the test was meant otherwise."""
    with pytest.raises(PolicyError, match="empty list"):
        compile_policy(HEAD + condition + "\n")
