"""A malformed policy is never loaded: every mutation of a corpus is refused, at its place in the file.

The corpus is derived from one valid policy: every key, word, reference, operator and value of it is
spoilt in turn, and tricks of YAML, of regular expressions and of the format are added by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from bartizan.policies import compile_policy
from bartizan.policies.diagnostics import PolicyError, Source
from bartizan.policies.document.source import Mapping, Node, Scalar, Sequence, parse_yaml

POLICY = r"""version: 1
name: bank
description: Guards the assistant of a bank.
tools:
  send_money:
    args: {recipient: str, amount: dec(2), subject: str(140), copies?: "list(str, 8)"}
    effect: write
    open: true
    tags: [money]
    result: {label: trusted}
  read_file:
    args: {path: str, mode?: "enum(text, binary)", since?: time}
    result: {label: untrusted, except: {"$.size": trusted}}
    effect: read
  schedule:
    args: {every: duration, count: int, score: f64, urgent: bool, to: {name: str, address?: str}}
    effect: destructive
    justified:
      never-allowed: Switched on next month.
signals:
  injection: {on: result, monitor: injection-probe, missing: escalate}
  intent: {on: call, monitor: intent-probe}
rules:
  - id: pay-known
    allow: [send_money]
    when: from_user(args.recipient) && args.amount <= 500.00
    reason: Small payments to payees that the user named.
  - id: reads
    allow: ["@read"]
    when: args.path.startsWith("/srv/") || path_under(args.path, "/home")
  - id: unknown-payee
    escalate: [send_money]
    unless: grounded(args.recipient)
  - id: daily-cap
    deny: ["@money"]
    when: session.sum("send_money", "amount", within="24h") + args.amount > 1000.00
  - id: poisoned
    deny: [send_money, schedule]
    when: session.once("result", signal("injection") >= 0.9)
    mode: shadow
  - id: odd-intent
    escalate: ["*"]
    when: signal("intent") > 0.5
  - id: urgent
    justified: {always: There is one calendar., may-error: The address is optional.}
    deny: [schedule]
    when: "!args.urgent && (args.count == 3 || args.every < duration('1h')) && has(args.to.address)"
    unless: args.to.name == "me"
  - id: copies
    deny: [send_money]
    when: has(args.copies) && args.copies.exists(c, !email_domain(c, ["bank.example"]))
  - id: hide-keys
    redact: [read_file]
    when: result.text.matches(r"AKIA[0-9A-Z]{16}")
  - id: sealed
    label: [read_file]
    as: trusted
    when: has(args.mode) && args.mode in ["binary", "text"] && (!has(args.since) || args.since < now)
repair:
  send_money: {amount: clamp, subject: {class: enum, values: [rent]}, "*": locked}
invariants:
  - never: allowed(send_money) && args.amount > 1000.00
  - always-within: {tool: send_money, sum: amount, window: 24h, at-most: 1000.00}
  - possible: allowed(send_money) && args.amount > 1.00
  - always-within: {tool: schedule, window: 1h, at-most: 3}
  - without: {signals: [injection]}
tests:
  - call: {tool: send_money, args: {recipient: ann, amount: 12.00, subject: rent}}
    prompt: pay ann
    history:
      - {result: {tool: read_file, text: found}, at: 1h, signals: {injection: 0.1}}
      - {prompt: again, signals: {injection: {value: 0.1, p_value: missing}}}
    signals: {intent: 0.1, injection: {value: missing, p_value: 0.1}}
    now: 2026-01-31T12:00:00Z
    principal: {id: ann, roles: [clerk]}
    expect: allow
    because: [pay-known]
  - result: {tool: read_file, text: AKIA0123456789ABCDEF}
    expect: {label: untrusted}
"""


@dataclass(frozen=True)
class Mutation:
    """A spoilt policy, and the line that must be named (None: any)."""

    name: str
    text: str
    line: int | None = None


def line_of(offset: int) -> int:
    return POLICY.count("\n", 0, offset) + 1


def spoilt(name: str, start: int, end: int, new: str) -> Mutation:
    """The policy with the characters from ``start`` to ``end`` replaced."""
    return Mutation(f"{line_of(start)}: {name}", POLICY[:start] + new + POLICY[end:], line_of(start))


Path = tuple[str | int, ...]
_FREE_TEXT = {
    "reason",
    "description",
    "prompt",
    "text",
    "id",
    "roles",
    "values",
    "monitor",
    "name",
    "justified",
}
_CONDITIONS = {"when", "unless", "never", "possible"}
_UNCONSTRAINED = {
    ("tools", "read_file", "result", "except", "$.size"),
    ("tools", "schedule", "args", "score"),
}
_OTHER_VALUES = {
    ("invariants", 1, "always-within", "window"),
    ("invariants", 1, "always-within", "at-most"),
    ("invariants", 3, "always-within", "window"),
    ("invariants", 3, "always-within", "at-most"),
    ("tests", 0, "now"),
    ("tests", 0, "call", "args"),
}
_FOREIGN = {
    "&&": "and",
    "||": "or",
    "==": "=",
    "<=": "=<",
    ">=": "=>",
    "<": "<>",
    ">": ">>",
    "+": "++",
    "!=": "~=",
}
_TOKENS = re.compile(r""""[^"]*"|'[^']*'|[0-9.]+|[a-z_A-Z]+|&&|\|\||==|!=|<=|>=|[<>+().,\[\]]""")


def nodes(node: Node, path: Path = ()) -> Iterator[tuple[Path, Scalar | None, Node]]:
    """Every value of the policy with its path and its key, but for what tests may say freely."""
    if isinstance(node, Mapping):
        for key, value in node.entries:
            yield (*path, key.text), key, value
            if not (path[:1] == ("tests",) and key.text == "args"):
                yield from nodes(value, (*path, key.text))
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            yield (*path, index), None, item
            yield from nodes(item, (*path, index))


ALL = list(nodes(parse_yaml(Source("bank.yaml", POLICY))))


def is_name(path: Path) -> bool:
    """Whether the key at ``path`` is a name that the policy chose: spoiling it is noticed where it is used."""
    return (path[0] in ("tools", "signals") and len(path) == 2) or "args" in path[:-1]


def misspelt_keys() -> Iterator[Mutation]:
    """Every key with its last letter missing, and with a capital."""
    for path, key, _ in ALL:
        if key is None or path in _UNCONSTRAINED:
            continue
        for wrong in sorted({key.text[:-1], key.text.capitalize()} - {"", "*", "copies", "mode", "since"}):
            mutation = spoilt(f"{'.'.join(map(str, path))} as {wrong}", *key.span, wrong)
            yield replace(mutation, line=None) if is_name(path) else mutation


def misspelt_words() -> Iterator[Mutation]:
    """Every word, reference, type and number with a letter too many, and with two letters swapped."""
    for path, _, node in ALL:
        free = {str(part) for part in path[-2:]} & (_FREE_TEXT | _CONDITIONS)
        if not isinstance(node, Scalar) or free or path == ("tools", "send_money", "tags", 0):
            continue
        swapped = node.text if path in _OTHER_VALUES else node.text[1::-1] + node.text[2:]
        for wrong in sorted({node.text + "x", swapped} - {node.text}):
            yield spoilt(f"{'.'.join(map(str, path))} as {wrong}", *node.span, f'"{wrong}"')


def wrong_shapes() -> Iterator[Mutation]:
    """Every value as a list, a mapping, a number, and left out."""
    for path, key, node in ALL:
        start, end = node.span
        if "\n" in POLICY[start:end] or path in _OTHER_VALUES:
            continue
        for shape, new in (("list", "[[x]]"), ("mapping", "{x: {y: z}}"), ("number", "7"), ("nothing", "")):
            mutation = spoilt(f"{'.'.join(map(str, path))} as a {shape}", start, end, new)
            if shape != "nothing":
                yield mutation
            elif key is not None:
                yield replace(mutation, line=line_of(key.span.start))


def misspelt_conditions() -> Iterator[Mutation]:
    """Every name, operator, bracket, number and quote of every condition spoilt."""
    for path, _, node in ALL:
        if path[-1] not in _CONDITIONS:
            continue
        start, end = node.span
        if POLICY[start] == '"':
            start, end = start + 1, end - 1
        for match in _TOKENS.finditer(POLICY, start, end):
            token = match[0]
            if token[0] in "\"'" or token[0].isdigit():
                wrong = token[:-1] + "." if token[0].isdigit() else token[:-1]
            else:
                wrong = _FOREIGN.get(token, token + "x" if token[0].isalpha() else "")
            yield spoilt(f"{token} as {wrong or 'nothing'}", match.start(), match.end(), wrong)


BY_HAND = [
    # --- YAML
    ("version: 1", "version: &v 1"),
    ("name: bank", "name: *v"),
    ("name: bank", "name: !!str bank"),
    ("name: bank", "name: !bank bank"),
    ("name: bank", "name: !!python/name:os.system bank"),
    ("name: bank", "name: bank\nname: bank"),
    ("name: bank", "name: bank\n<<: {name: other}"),
    ("name: bank", "name:\tbank"),
    ("name: bank", "name: ba\u202enk"),
    ("name: bank", "name: ba\u200bnk"),
    ("name: bank", "name: ba\x07nk"),
    ("name: bank", "name: 'bank"),
    ("name: bank", 'name: "ba\\qnk"'),
    ("name: bank", 'name: "ba\\ud800nk"'),
    ("name: bank", "name: bank: x"),
    ("name: bank", "name: no"),
    ("name: bank", "name: b\u00e4nk"),
    ("name: bank", "name: bank\n---\nname: other"),
    ("version: 1", "%YAML 1.1\n---\nversion: 1"),
    ("version: 1", "version: 01"),
    ("version: 1", "version: 0x1"),
    ("version: 1", "version: 1.0"),
    ("version: 1", "version: true"),
    ("version: 1", "version: '1'"),
    ("version: 1", "version: 2"),
    ("version: 1", "version: .nan"),
    ("version: 1", "? [version]\n: 1"),
    ("tools:\n", "tools: {\n"),
    ("rules:\n", "rules: [\n"),
    ("rules:\n", "rules:\n  id: x\n"),
    ("    allow: [send_money]", "   allow: [send_money]"),
    ("    allow: [send_money]", "    allow: [send_money"),
    ("    allow: [send_money]", "    allow: send_money]"),
    ("    allow: [send_money]", "    allow: *"),
    ("    allow: [send_money]", "    allow: [*]"),
    ("    allow: [send_money]", "    allow: @money"),
    ("at-most: 1000.00", "at-most: .inf"),
    ("at-most: 1000.00", "at-most: 1e3"),
    ("at-most: 1000.00", "at-most: 1_000.00"),
    ("at-most: 1000.00", "at-most: 1000.001"),
    ("open: true", "open: yes"),
    ("open: true", "open: True"),
    ("open: true", 'open: "true"'),
    # --- the format
    ("  - id: reads", "  - id: pay-known"),
    ("  - id: reads", "  - id: a b"),
    ("  - id: reads", "  - reads"),
    ('    allow: ["@read"]', '    allow: ["@read"]\n    deny: ["@read"]'),
    ('    allow: ["@read"]\n', ""),
    ('    allow: ["@read"]', "    allow: []"),
    ('    allow: ["@read"]', '    allow: ["@reads"]'),
    ('    allow: ["@read"]', '    allow: ["read*"]'),
    ('    allow: ["@read"]', '    allow: ["@"]'),
    ("    as: trusted\n", ""),
    ("    mode: shadow", "    as: trusted"),
    ("    mode: shadow", "    mode: off"),
    ("missing: escalate", "missing: allow"),
    ("on: result", "on: results"),
    ("tags: [money]", "tags: [money, read]"),
    ('"$.size"', '"size"'),
    ('"$.size"', '"$.size["'),
    ('"$.size"', '"$..size"'),
    ("{signals: [injection]}", "{signals: all, tools: all}"),
    ("window: 24h", "window: 24"),
    ("window: 24h", "window: 1 day"),
    ("window: 24h", "window: -24h"),
    ("window: 24h", "window: 0h"),
    ("sum: amount", "sum: subject"),
    ('"*": locked', '"**": locked'),
    ('"*": locked', '"*": lock'),
    ("class: enum, ", "class: clamp, "),
    ("at: 1h", "at: yesterday"),
    ("now: 2026-01-31T12:00:00Z", "now: 2026-01-31"),
    ("now: 2026-01-31T12:00:00Z", "now: 2026-13-31T12:00:00Z"),
    ("intent: 0.1,", "intent: 1.1,"),
    ("intent: 0.1,", "intent: -0.1,"),
    ("intent: 0.1,", "intent: .nan,"),
    ("intent: 0.1,", "intent: gone,"),
    ("expect: allow", "expect: {text: x}"),
    ("expect: {label: untrusted}", "expect: deny"),
    ("  - result: {tool: read_file", "  - call: {tool: read_file}\n    result: {tool: read_file"),
    # --- types
    ("dec(2)", "dec"),
    ("dec(2)", "dec(10)"),
    ("dec(2)", "decimal"),
    ("dec(2)", "number"),
    ("str(140)", "str(0)"),
    ("str(140)", "string"),
    ('"list(str, 8)"', "list(str, 8)"),
    ('"list(str, 8)"', '"list(str, 65)"'),
    ('"list(str, 8)"', '"list(strr)"'),
    ('"enum(text, binary)"', '"enum()"'),
    ('"enum(text, binary)"', '"enum(text, text)"'),
    ('"enum(text, binary)"', '"enum(text"'),
    ("every: duration", "every: {}}"),
    ("score: f64", "score: float"),
    ("score: f64", "score: [f64]"),
    # --- conditions
    ("args.amount <= 500.00", "args.amount <= 500.0.0"),
    ("args.amount <= 500.00", "args.amount <= 500.001"),
    ("args.amount <= 500.00", "args.amount <= '500'"),
    ("args.amount <= 500.00", "args.amount"),
    ("args.amount <= 500.00", "1.00 < args.amount < 500.00"),
    ("args.amount <= 500.00", "args.amount * args.amount <= 500.00"),
    ("args.amount <= 500.00", "args.amount / 2 <= 500.00"),
    ("args.amount <= 500.00", "args.amount == null"),
    ("args.amount <= 500.00", "args.amount + args.subject <= 500.00"),
    ("args.amount <= 500.00", "args.amounts <= 500.00"),
    ("args.amount <= 500.00", "arg.amount <= 500.00"),
    ("args.amount <= 500.00", "amount <= 500.00"),
    ("args.amount <= 500.00", "result.text == ''"),
    ("args.amount <= 500.00", "has(args.amount)"),
    ("from_user(args.recipient)", "from_users(args.recipient)"),
    ("from_user(args.recipient)", "from_user(args.recipients)"),
    ("from_user(args.recipient)", "from_user()"),
    ("from_user(args.recipient)", "from_user(args.recipient, args.amount)"),
    ("from_user(args.recipient)", "from_tool(args.recipient, 'no_tool')"),
    ("from_user(args.recipient)", "args.recipient < 'x'"),
    ("from_user(args.recipient)", "args.recipient.size() == '3'"),
    ("from_user(args.recipient)", "args.recipient in ['x', 3]"),
    ("from_user(args.recipient)", "args.recipient.upper() == 'X'"),
    ("from_user(args.recipient)", "args.recipient[0] == 'X'"),
    ("from_user(args.recipient)", "session.sums('send_money', 'amount', within='24h') > 1.00"),
    ("from_user(args.recipient)", "session.sum('send_money', 'amounts', within='24h') > 1.00"),
    ("from_user(args.recipient)", "session.sum('send_money', 'subject', within='24h') > 1.00"),
    ("from_user(args.recipient)", "session.sum('send_money', 'amount', within='1 day') > 1.00"),
    ("from_user(args.recipient)", "session.once('resultat', true)"),
    ("from_user(args.recipient)", "sessions.once('result', true)"),
    ("from_user(args.recipient)", "signal('injection') > 0.5"),
    ("from_user(args.recipient)", "signal('intents') > 0.5"),
    ("from_user(args.recipient)", "allowed(send_money)"),
    ("from_user(args.recipient)", "{'a': 1}"),
    ("from_user(args.recipient)", "(" * 70 + "true" + ")" * 70),
    ("from_user(args.recipient)", "!" * 70 + "true"),
    ("from_user(args.recipient)", "\u201cx\u201d == args.recipient"),
    ("from_user(args.recipient)", "\u0430rgs.recipient == 'x'"),
    ("from_user(args.recipient)", "true ? args.recipient : false"),
    ("!args.urgent", "!args.count"),
    ("!args.urgent", "-args.urgent"),
    ("!args.urgent", "args.urgent == 1"),
    ("args.count == 3", "args.count == 3.0"),
    ("args.count == 3", "args.count == '3'"),
    ("duration('1h')", "duration('1 hour')"),
    ("duration('1h')", "1h"),
    ("duration('1h')", "3600"),
    ("args.since < now", "args.since < '2026-01-01'"),
    ("args.since < now", "args.since < time('2026-01-01')"),
    ("args.copies.exists(c, ", "args.copies.exists("),
    ("args.copies.exists(c, ", "args.copies.some(c, "),
    ("args.copies.exists(c, ", "args.subject.exists(c, "),
    ("args.copies.exists(c, ", "args.copies.exists(args, "),
    ('["bank.example"]', '["bank example"]'),
    ('["bank.example"]', "[3]"),
    ('["bank.example"]', "args.recipient"),
    ('"/home"', '"home/../x"'),
    ('"/home"', "args.path"),
    ('"binary", "text"', '"binary", "txt"'),
    # --- regular expressions
    *(
        ('r"AKIA[0-9A-Z]{16}"', f'r"{pattern}"')
        for pattern in (
            *("AKIA[0-9A-Z", "AKIA(", "AKIA)", "AKIA[Z-A]", "AKIA{2,1}", "AKIA{9999}", "*AKIA", "AKIA**", "AKIA+?"),
            *(r"(A)\1", "(?=A)", "(?!A)", "(?<=A)", "(?P<x>A)", r"\bAKIA", r"\p{L}", r"\y", "A$B", "A^B", "[]", "A\\"),
        )
    ),
    ('r"AKIA[0-9A-Z]{16}"', r'"\d+"'),
    ('r"AKIA[0-9A-Z]{16}"', "args.path"),
]  # fmt: skip


def by_hand() -> Iterator[Mutation]:
    """What people get wrong, and what attackers try."""
    for old, new in BY_HAND:
        start = POLICY.index(old)
        yield replace(spoilt(f"{old.strip()} as {new.strip()}"[:90], start, start + len(old), new), line=None)


def cut_off() -> Iterator[Mutation]:
    """The file cut off inside of a condition, a list or a mapping."""
    for word in (
        "dec(2",
        "[send_mon",
        "args.amount <",
        '"/ho',
        "session.sum(",
        "{amount: cl",
        "args: {recip",
        "expect: al",
    ):
        yield Mutation(f"cut off after {word}", POLICY[: POLICY.index(word) + len(word)])


CORPUS = [
    mutation
    for family in (misspelt_keys, misspelt_words, wrong_shapes, misspelt_conditions, by_hand, cut_off)
    for mutation in family()
]


def test_the_policy_itself_loads() -> None:
    """The corpus begins from a policy that is valid, so that each refusal is the mutation's."""
    assert compile_policy(POLICY, "bank.yaml").name == "bank"


def test_the_corpus_is_large_and_without_repetition() -> None:
    """There are at least 300 different mutations, and each changes the policy."""
    texts = {mutation.text for mutation in CORPUS}
    assert len(texts) >= 300
    assert POLICY not in texts


@pytest.mark.parametrize("mutation", [pytest.param(m, id=m.name) for m in CORPUS])
def test_a_malformed_policy_is_refused_at_its_place(mutation: Mutation) -> None:
    """The refusal is a PolicyError that names the file, a line in it, and the mutated line where that is known."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(mutation.text, "bank.yaml")
    error = caught.value
    lines = {error.source.position(problem.span.start)[0] for problem in error.diagnostics}
    assert mutation.line is None or mutation.line in lines, str(error)
    for problem in error.diagnostics:
        assert 0 <= problem.span.start <= len(mutation.text)
        assert problem.message
        assert "bank.yaml:" in error.source.render(problem)
