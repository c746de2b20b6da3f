"""A policy's canonical document, written as a file, is the same policy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.policies.lean.shipped import example_policies

from bartizan.policies import CheckedPolicy, Source, check_policy, packs, read_source
from bartizan.policies.lean.encoding.documents import CannotWrite, written

ROOT = Path(__file__).parents[3]
FILES = example_policies(ROOT)

HEAD = """
version: 1
name: odd
tools:
  pay:
    args:
      to: str
      amount: dec(2)
      fee?: dec(3)
      fee_: dec(2)
      count: int
      at?: time
      wait?: duration
      "odd name": bool
      "in": bool
      ratio: f64
      mode: enum(fast, "very slow")
      tags: list(str, 4)
      rows: 'list({n: int, memo?: str}, 3)'
    effect: write
    tags: [money]
    result: {label: trusted, except: {"$.note": untrusted}}
  look: {args: {to: str, amount: int, ratio: f64}, effect: read, open: true}
  free: {args: any}
signals:
  risk: {on: call, monitor: probe, missing: escalate}
  heard: {on: prompt, monitor: probe}
rules:
"""

CONDITIONS = [
    'args["odd name"] && args["in"] || !args["odd name"]',
    "args.amount - args.fee_ == 0.00 && -args.amount < -1.50",
    "args.amount <= 500 && args.amount > 12345678901234567890123456789012345.67",
    "2 * args.count - 5 < 3 && -(3 * args.count) >= -7 && args.count + -5 == 0",
    'args.at < time("2026-01-31T12:00:00.000001Z") && now - args.at > duration("1h30m")',
    "args.ratio in [0.1, 1.0, 0.30000000000000004] && args.ratio >= 0.1",
    'args.mode == "very slow" && args.mode in ["fast"] && "a" in args.tags',
    'args.rows.all(r, has(r.memo) && r.memo.contains("x") && args.tags.exists(t, t == r.memo))',
    'args.to.fullmatches("[a-z]+\\\\.x") || args.to.host_under(["a.com", "b.org"]) || glob(args.to, "*.txt")',
    'carries_untrusted(args.to) && from_tool(args.to, "look") && !from_user(args.to)',
    'signal("risk") >= 0.9 || p_value("risk") < 0.01 || session.max_signal("heard") > 0.5',
    'session.once("call:pay", args.to == "x" && event.tool == "pay", within="1h", by=args.to)',
    'session.since(event.kind == "call", event.kind == "prompt", within="2h") && session.prev(event.kind == "text")',
    'session.count("pay", args.amount > 1, within="24h") >= 3 || 2 > session.count("look")',
    'session.sum("pay", "amount", within="7d", by=args.to, where=args.count > 1) + args.amount <= 1000.00',
    "args.amount > 5 ? args.count > 1 : (args.count > 2 ? true : false)",
    '(args.count == 1 && args.count == 2) && args.to == "ü\\n\\"\\u200b" && size(args.to) + size(args.tags) < 9',
]


def policy(*rules: str, more: str = "") -> CheckedPolicy:
    text = HEAD + "".join(rules) + more
    return check_policy(Source("odd.yaml", text))


def rule(condition: str, tools: str = "pay", effect: str = "deny") -> str:
    return f"  - {{id: r, {effect}: [{tools}], when: {json.dumps(condition, ensure_ascii=False)}}}\n"


def limit(at_most: object) -> object:
    parameters = {"tool": "pay", "sum": None, "window": 3_600_000_000, "at-most": at_most}
    return {"kind": "always-within", "conditions": {}, "parameters": parameters}


def restored(found: CheckedPolicy) -> str:
    """The text written from what the hash is made of, and nothing else."""
    text, again = written(json.loads(found.canonical()))
    assert again.hash == found.hash
    assert check_policy(Source("again.yaml", text)).canonical() == found.canonical()
    return text


@pytest.mark.parametrize("name", [*packs(), *FILES])
def test_every_pack_and_example_can_be_written_again(name: str) -> None:
    """The text has the same hash; only stages, whose machine is not in the document, are refused."""
    found = check_policy(read_source(ROOT / name if name in FILES else name))
    if found.stages is not None:
        with pytest.raises(CannotWrite, match="stages"):
            restored(found)
    else:
        restored(found)


@pytest.mark.parametrize("condition", CONDITIONS, ids=range(len(CONDITIONS)))
def test_every_part_of_the_language_comes_back(condition: str) -> None:
    """Operators, literals of every type, quantifiers, builtins and session operators."""
    restored(policy(rule(condition)))


def test_one_text_for_two_tools_stays_one() -> None:
    """A literal that is an int in one tool and a decimal in another is written so that it is both."""
    text = restored(policy(rule("args.amount > 5 && args.ratio > 1", "pay, look")))
    assert "when: " in text
    assert "args.amount" in text


def test_everything_beside_rules_comes_back() -> None:
    """Shadow, label and redact rules, text rules, repair classes, invariants of each kind, and rules about no tool."""
    more = """
  - {id: all, allow: ["*"], reason: "why: because # of this"}
  - {id: shade, deny: [pay], mode: shadow}
  - {id: trust, label: [look], as: trusted, when: result.text.startsWith("ok")}
  - {id: hide, redact: [look], when: 'result.text.contains("secret")'}
  - {id: nobody, deny: ["@destructive"], unless: "1 == 2"}
text:
  - {id: keys, redact: "sk-[a-z]{8}", except: "sk-example", with: " (key) ", mode: shadow}
repair:
  pay:
    amount: {class: clamp, sign: any, cost: 3}
    mode: {class: enum, values: [fast, {value: very slow, cost: 4}]}
    fee: drop
    "*": locked
invariants:
  - never: allowed(pay) && args.amount > 500
  - possible: allowed(pay)
  - always-within: {tool: pay, sum: amount, window: 24h, at-most: 1000.50}
  - always-within: {tool: look, window: 1h, at-most: 3}
  - without: {signals: all}
"""
    head = HEAD.replace("free: {args: any}", "free: {args: any, effect: read}")
    found = check_policy(Source("odd.yaml", head + more))
    text = restored(found)
    assert 'reason: "why: because # of this"' in text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda d: d.update(semantics=99), "semantics"),
        (lambda d: d["rules"].append({"id": "x"}), "not the canonical document"),
        (lambda d: d["rules"][0].update(effect="allow\n  - {id: y"), "cannot be written"),
        (lambda d: d["rules"][0]["conditions"].update(pay={"node": "Bogus"}), "no file can say"),
        (lambda d: d["rules"][0]["conditions"].update(pay={"node": "Past"}), "no file can say"),
        (lambda d: d["rules"][0]["conditions"].update(pay={"node": "Const", "type": "dec(999999999)", "value": 1}),
         "no file can say"),
        (lambda d: d["rules"][0]["conditions"].update(pay={"node": "_class__"}), "no file can say"),
        (lambda d: d["rules"][0]["conditions"].update(pay={"node": "Const", "type": "bool", "value": []}), "expected"),
        (lambda d: d["invariants"].append(limit("1E999999999")), "no whole number"),
        (lambda d: d.update(extra=1), "to the last letter"),
        (lambda d: d["tools"].update({"a b": d["tools"]["pay"]}), "rename"),
        (lambda d: d.update(tools=7), "not the canonical document"),
    ],
    ids=range(12),
)  # fmt: skip
def test_what_is_no_policy_is_refused(change: object, why: str) -> None:
    """Whatever the document says, what is written is checked, and must have the very document."""
    document = json.loads(policy(rule("args.count > 1")).canonical())
    change(document)  # type: ignore[operator]
    with pytest.raises(CannotWrite, match=why):
        written(document)
