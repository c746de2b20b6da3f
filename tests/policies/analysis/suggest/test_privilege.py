"""The tightest policy that lets the log go again: written into the file, loaded, proved, and replayed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.recorded import require

from bartizan.guard import Outcome, Principal, Request, ToolCall
from bartizan.integrations.replay.engine import replay_session
from bartizan.integrations.replay.formats import read
from bartizan.integrations.replay.record import RecordedSession
from bartizan.policies.analysis.answers import Budget, Proved, Refuted, Unknown
from bartizan.policies.analysis.suggest.observed import Observed, observe, replayed
from bartizan.policies.analysis.suggest.options import Options
from bartizan.policies.analysis.suggest.privilege import NotSuggested, Suggestion, least_privilege, refinement
from bartizan.policies.casework import DEFAULT_NOW
from bartizan.policies.diagnostics import Source
from bartizan.policies.history import begin
from bartizan.policies.load import compile_policy, load_policy, read_source
from bartizan.policies.program import Program

ROOT = Path(__file__).parents[4]
POLICIES = ROOT / "examples" / "agentdojo" / "policies"

HEAD = """version: 1
name: shop
tools:
  read: {args: {path: str}, effect: read}
  pay: {args: {to: str, amount: dec(2), "memo?": str}, effect: destructive}
  stop: {args: {}, effect: write}
rules:
"""


def call(tool: str, **args: Any) -> tuple[ToolCall, Outcome]:
    return ToolCall.of("c", tool, args), Outcome.ALLOW


PAID = [call("pay", to="ann", amount=amount) for amount in (10, 20, 50)]


def suggest(rules: str, calls: list[Any], **options: Any) -> Suggestion:
    source = Source("shop.yaml", HEAD + rules)
    program = compile_policy(source.text, source.file)
    return least_privilege(source, program, calls, Options(**options))


def body(suggestion: Suggestion) -> str:
    assert isinstance(suggestion.refinement, Proved)
    return suggestion.text.removeprefix(HEAD)


MORE = "      && args.amount >= 10.00\n      && args.amount <= 50.00\n      && !has(args.memo)\n"
TIGHT = '      args.to == "ann"\n' + MORE
AND_TIGHT = '      && args.to == "ann"\n' + MORE

SHAPES = [
    (
        "one tool, no condition, a comment",
        "  - id: pay\n    allow: [pay]  # money\n    reason: x\n",
        "  - id: pay\n    allow: [pay]  # money\n    when: >-\n" + TIGHT + "    reason: x\n",
    ),
    (
        "a plain condition with a comment",
        "  - id: pay\n    allow: [pay]\n    when: args.amount <= 90.00 || args.amount == 95.00  # cap\n",
        "  - id: pay\n    allow: [pay]\n    when: >-  # cap\n"
        "      (args.amount <= 90.00 || args.amount == 95.00)\n" + AND_TIGHT,
    ),
    (
        "a quoted condition over two lines",
        '  - id: pay\n    allow: [pay]\n    when: "args.amount <= 90.00\n      && !has(args.memo)"\n    reason: x\n',
        "  - id: pay\n    allow: [pay]\n    when: >-\n      args.amount <= 90.00 && !has(args.memo)\n"
        + AND_TIGHT
        + "    reason: x\n",
    ),
    (
        "a folded block that needs parentheses",
        "  - id: pay\n    allow: [pay]\n    when: >-\n      args.amount <= 90.00\n"
        "        || args.amount == 95.00\n\n    reason: x\n",
        "  - id: pay\n    allow: [pay]\n    when: >-\n      (args.amount <= 90.00\n"
        "        || args.amount == 95.00)\n" + AND_TIGHT + "\n    reason: x\n",
    ),
    (
        "a literal block",
        "  - id: pay\n    allow: [pay]\n    when: |\n      args.amount <= 90.00\n",
        "  - id: pay\n    allow: [pay]\n    when: |\n      args.amount <= 90.00\n" + AND_TIGHT,
    ),
    (
        "a constant",
        "  - id: pay\n    allow: [pay]\n    when: true\n",
        "  - id: pay\n    allow: [pay]\n    when: >-\n" + TIGHT,
    ),
    (
        "a rule in braces",
        "  - {id: pay, allow: [pay]}\n",
        '  - {id: pay, allow: [pay], when: "args.to == \\"ann\\" && args.amount >= 10.00'
        ' && args.amount <= 50.00 && !has(args.memo)"}\n',
    ),
    (
        "a rule in braces with a condition",
        "  - {id: pay, when: args.amount < 99.00, allow: [pay]} # yes\n",
        '  - {id: pay, when: "args.amount < 99.00 && args.to == \\"ann\\" && args.amount >= 10.00'
        ' && args.amount <= 50.00 && !has(args.memo)", allow: [pay]} # yes\n',
    ),
    (
        "a list of tools over several lines",
        "  - id: all\n    allow:\n      - pay\n      - stop\n    when: now == now\n",
        "  - id: all\n    allow:\n      - pay\n    when: >-\n      now == now\n" + AND_TIGHT,
    ),
    (
        "no line break at the end",
        "  - id: all\n    allow: ['*']",
        "  - id: all\n    allow: [pay]\n    when: >-\n" + TIGHT,
    ),
    (
        "a rule that nobody needed",
        "  - id: all\n    allow: ['*']\n  - id: stop\n    allow: [stop]  # x\n",
        "  - id: all\n    allow: [pay]\n    when: >-\n" + TIGHT + "  - id: stop\n    allow: [stop]  # x\n"
        "    when: false\n",
    ),
    (
        "only a rule that denies",
        "  - id: all\n    deny: [stop]\n    when: now == now\n",
        "  - id: all\n    deny: [stop]\n    when: now == now\n",
    ),
]


@pytest.mark.parametrize(("rules", "wanted"), [s[1:] for s in SHAPES], ids=[s[0] for s in SHAPES])
def test_the_file_is_edited_in_place(rules: str, wanted: str) -> None:
    """Conditions are inserted where they belong; comments and the rest of the file stay as they are."""
    calls = PAID if "allow" in rules else []
    assert body(suggest(rules, calls)) == wanted


def test_tools_with_other_arguments_get_a_rule_of_their_own() -> None:
    """A rule for several tools is split where their arguments differ; the old id keeps what has no condition."""
    rest = "  - id: late\n    deny: [stop]\n    when: false\n"
    rules = "  - id: all\n    # everything\n    allow: ['*']\n    reason: x\n"
    calls = [*PAID, *(call("read", path=f"/srv/bills/{n}") for n in range(4)), call("stop")]
    found = suggest(rules + rest, calls, min_observations=3)
    assert body(found) == (
        "  - id: all\n    # everything\n    allow: [stop]\n    reason: x\n"
        "  - id: all-pay\n    # everything\n    allow: [pay]\n    when: >-\n" + TIGHT + "    reason: x\n"
        "  - id: all-read\n    # everything\n    allow: [read]\n    when: >-\n"
        '      path_under(args.path, "/srv/bills")\n    reason: x\n' + rest
    )
    assert found.observed == 8
    assert [c.rule for c in found.changes if "split" in c.change] == ["all-pay", "all-read"]


def test_rules_in_braces_are_split_too() -> None:
    """Also when all rules stand in brackets."""
    text = HEAD.replace(
        "rules:\n", "rules: [{id: all, allow: ['*']}, {id: late, deny: [stop], when: false}]\n"
    )
    calls = [*PAID, call("stop")]
    found = least_privilege(Source("shop.yaml", text), compile_policy(text), calls)
    rules = found.text.partition("rules: ")[2]
    assert rules == (
        '[{id: all, allow: [stop]}, {id: all-pay, allow: [pay], when: "args.to == \\"ann\\" && args.amount >= 10.00 '
        '&& args.amount <= 50.00 && !has(args.memo)"}, {id: late, deny: [stop], when: false}]\n'
    )


def test_each_change_says_why() -> None:
    """The sentence names how many calls it rests on."""
    found = suggest("  - id: all\n    allow: [pay, stop]\n", PAID)
    assert [(c.change, c.why, c.observations) for c in found.changes] == [
        ("no longer names stop", "it was never called", 0),
        ('requires args.to == "ann"', "1 different texts occurred (3 observed)", 3),
        ("requires args.amount >= 10.00", "the smallest that occurred (3 observed)", 3),
        ("requires args.amount <= 50.00", "the largest that occurred (3 observed)", 3),
        ("requires !has(args.memo)", "it was never given (3 observed)", 3),
    ]


def test_numbers_can_be_rounded_for_people() -> None:
    """Readable bounds are wider, and the policy is still a refinement."""
    calls = [call("pay", to="ann", amount=amount) for amount in (13, 17, 33)]
    found = suggest("  - id: pay\n    allow: [pay]\n", calls, readable=True)
    assert "args.amount >= 10.00" in found.text
    assert "args.amount <= 50.00" in found.text


def test_what_did_not_go_teaches_nothing() -> None:
    """Calls that were denied, or that asked, widen no condition; nor do those that are no calls of this policy."""
    rules = "  - id: pay\n    allow: [pay]\n"
    strange = [
        (ToolCall.of("c", "pay", {"to": "eve", "amount": 999}), Outcome.DENY),
        (ToolCall.of("c", "pay", {"to": "eve", "amount": 999}), Outcome.ESCALATE),
        call("pay", to="eve"),
        call("elsewhere", to="eve"),
    ]
    found = suggest(rules, [*PAID, *strange])
    assert found.text == suggest(rules, PAID).text
    assert (found.observed, found.foreign) == (3, 2)


def test_a_call_widens_only_the_rules_that_let_it_go() -> None:
    """Where it is known which rules let a call go, the others are not widened by it."""
    rules = "  - id: small\n    allow: [pay]\n  - id: large\n    allow: [pay]\n"
    calls = [Observed(c, o, ("small",)) for c, o in PAID]
    found = suggest(rules, calls)
    assert "  - id: large\n    allow: [pay]\n    when: false\n" in found.text


def test_calls_are_decided_again_in_their_sessions() -> None:
    """With the session at hand, the new policy decides each call itself."""
    source = Source("shop.yaml", HEAD + "  - id: pay\n    allow: [pay]\n")
    program = compile_policy(source.text)
    session = begin(program)
    requests = [Request(c, DEFAULT_NOW, Principal()) for c, _ in PAID]
    found = least_privilege(source, program, [observe(program, r, session) for r in requests])
    tight = compile_policy(found.text)
    assert [tight.decide(r, begin(tight)).outcome for r in requests] == [Outcome.ALLOW] * 3
    other = Request(ToolCall.of("c", "pay", {"to": "eve", "amount": 20}), DEFAULT_NOW, Principal())
    assert program.decide(other, session).outcome is Outcome.ALLOW
    assert tight.decide(other, begin(tight)).outcome is Outcome.DENY


def test_a_second_pass_changes_nothing_that_decides() -> None:
    """A suggestion for the same log is as tight as it gets: the same tools, the same bounds."""
    first = suggest("  - id: all\n    allow: ['*']\n", PAID)
    again = least_privilege(Source("shop.yaml", first.text), compile_policy(first.text), PAID)
    assert {c.change for c in again.changes} <= {c.change for c in first.changes}
    assert isinstance(
        refinement(compile_policy(again.text).policy, compile_policy(first.text).policy, Budget())[0], Proved
    )


def test_a_looser_policy_is_no_refinement() -> None:
    """The gate that every suggestion passes says no when something more is allowed."""
    old = compile_policy(HEAD + "  - id: pay\n    allow: [pay]\n    when: args.amount < 5.00\n").policy
    new = compile_policy(HEAD + "  - id: pay\n    allow: [pay]\n    when: args.amount <= 5.00\n").policy
    assert isinstance(refinement(new, old, Budget())[0], Refuted)
    assert isinstance(refinement(old, new, Budget())[0], Proved)


def test_a_question_given_up_is_no_proof() -> None:
    """Without a budget for the question there is no answer, and no answer is not a yes."""
    rule = "  - id: pay\n    allow: [pay]\n    when: args.to.startsWith('/srv/{}')\n"
    old, new = (compile_policy(HEAD + rule.format(below)).policy for below in ("", "bills"))
    assert isinstance(refinement(new, old, Budget())[0], Proved)
    assert isinstance(refinement(new, old, Budget(rounds=0, second_opinion="never"))[0], Unknown)


def test_nothing_is_suggested_without_a_proof() -> None:
    """A file that allows more than the program that runs is no basis for a suggestion."""
    rule = "  - id: pay\n    allow: [pay]\n    when: args.amount < {}\n"
    source = Source("shop.yaml", HEAD + rule.format("900.00"))
    running = compile_policy(HEAD + rule.format("30.00"))
    calls = [call("pay", to="ann", amount=amount) for amount in (10, 20, 50)]
    with pytest.raises(NotSuggested, match="could not be proved"):
        least_privilege(source, running, calls)


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ("  - id: all\n    allow:\n      - pay  # money\n      - stop\n", "holds comments"),
        ("  - id: stop\n    allow: [stop]\n    when: >-\n      now > now\n", "spans several lines"),
        ("  -\n    id: all\n    allow: [pay, stop]\n", "on a line of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_edited_is_refused(rules: str, message: str) -> None:
    """With the line, and what to do by hand."""
    calls = [*PAID, call("stop")] if "pay" in rules else PAID
    with pytest.raises(NotSuggested, match=message) as refused:
        suggest(rules, calls)
    assert "shop.yaml:" in str(refused.value)


def test_rules_of_packs_are_left_and_named() -> None:
    """A pack is not ours to edit: what could be narrowed there is said."""
    text = "version: 1\nname: mine\ninclude: [payments]\n"
    source = Source("mine.yaml", text)
    found = least_privilege(source, compile_policy(text, "mine.yaml"), [])
    assert found.text == text
    assert "payments-tools" in found.left[0]


HOSTILE = (
    'say "hi"', "it's", r"\u{41}", "a\nb", "tab\there", "\u202eevil", "# no", "- x", "{a: b}", "*", "x: y",
    '" || true || "" == "', "a #b", "  padded  ", "", "\U0001f600", "100%", "\\", "\\\"",
)  # fmt: skip


@pytest.mark.parametrize("shape", ["  - id: pay\n    allow: [pay]\n", "  - {id: pay, allow: [pay]}\n"])
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_quoted(text: str, shape: str) -> None:
    """Whatever an attacker got into the log, the new file loads and allows exactly that text."""
    found = suggest(shape, [call("pay", to=text, amount=5)] * 3)
    tight = compile_policy(found.text)
    session = begin(tight)

    def outcome(to: str) -> Outcome:
        request = Request(ToolCall.of("c", "pay", {"to": to, "amount": 5}), DEFAULT_NOW, Principal())
        return tight.decide(request, session).outcome

    assert outcome(text) is Outcome.ALLOW
    assert outcome(text + "x") is Outcome.DENY
    assert outcome("eve") is Outcome.DENY


def test_many_hostile_texts_in_a_list() -> None:
    """A long list is broken between its items only."""
    texts = [text for text in HOSTILE for _ in range(2)]
    found = suggest(
        "  - id: pay\n    allow: [pay]\n", [call("pay", to=t, amount=5) for t in texts], max_listed=50
    )
    assert max(map(len, found.text.splitlines())) <= 120
    assert "args.to in [" in found.text


SUITES = ("banking", "workspace", "slack", "dailylife", "shopping")


@pytest.fixture(scope="module")
def recorded() -> dict[str, list[RecordedSession]]:
    """Some sessions of each suite of real agents, benign and attacked."""
    found: dict[str, list[RecordedSession]] = {suite: [] for suite in SUITES}
    for session in read([require("runs.jsonl.xz", "calls.jsonl.xz", "outputs.jsonl.xz")]):
        here = found.get(session.meta.get("suite", ""), [])
        if len(here) < 60:
            here.append(session)
        if all(len(sessions) >= 60 for name, sessions in found.items() if name != "banking"):
            break
    return found


@pytest.mark.parametrize("suite", SUITES)
def test_real_transcripts(suite: str, recorded: dict[str, list[RecordedSession]]) -> None:
    """Of real agents' calls: the example policies get tighter, provably, and every call that went goes again."""
    path = POLICIES / f"{suite}.yaml"
    program = load_policy(path)
    replays = [replay_session(program, session) for session in recorded[suite]]
    calls = [call for session in replays for call in session.calls]
    found = least_privilege(read_source(path), program, replayed(calls))
    assert isinstance(found.refinement, Proved)
    assert found.changes
    assert found.observed > 0
    tight: Program = compile_policy(found.text, str(path))
    for session, before in zip(recorded[suite], replays, strict=True):
        after = replay_session(tight, session)
        assert [c.outcome for c in after.calls] == [c.outcome for c in before.calls]
