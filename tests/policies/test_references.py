"""Names in a policy's own tests: what does not exist is a load error."""

from __future__ import annotations

import pytest

from bartizan.policies import compile_policy, run_tests
from bartizan.policies.diagnostics import PolicyError

POLICY = """\
version: 1
name: x
tools:
  send: {args: {to: str}}
  read: {args: {}}
signals:
  odd: {on: call, monitor: m}
rules:
  - {id: all, allow: ["*"]}
tests:
  - call: {tool: send, args: {to: ann}}
    history:
      - call: {tool: read}
      - {result: {tool: read, text: a}, signals: {odd: 0.5}}
    signals: {odd: missing}
    expect: allow
    because: [all]
"""


@pytest.mark.parametrize(
    ("old", "new", "code", "help"),
    [
        ("call: {tool: send", "call: {tool: sendd", "unknown-tool", "`send`"),
        ("call: {tool: read", "call: {tool: reed", "unknown-tool", "`read`"),
        ("result: {tool: read", "result: {tool: zzz", "unknown-tool", "declared are: read, send"),
        ("signals: {odd: 0.5}", "signals: {od: 0.5}", "unknown-signal", "`odd`"),
        ("signals: {odd: missing}", "signals: {zzz: missing}", "unknown-signal", "declared are: odd"),
        ("because: [all]", "because: [al]", "unknown-rule", "`all`"),
    ],
)
def test_a_name_that_does_not_exist_is_refused(old: str, new: str, code: str, help: str) -> None:
    """A test cannot speak of a tool, a signal or a rule that the policy does not have."""
    with pytest.raises(PolicyError) as caught:
        compile_policy(POLICY.replace(old, new))
    (problem,) = caught.value.diagnostics
    assert problem.code == code
    assert problem.help is not None
    assert help in problem.help
    word = caught.value.source.text[slice(*problem.span)]
    assert word in new


def test_a_test_may_be_about_an_unknown_tool() -> None:
    """That a call of an undeclared tool is denied can itself be tested."""
    text = POLICY + "  - {call: {tool: other}, expect: deny, because: [unknown-tool]}\n"
    assert [result.passed for result in run_tests(compile_policy(text))] == [True, True]


def test_the_reasons_that_are_no_rules_have_names() -> None:
    """A test may expect the default denial and the one for arguments that do not conform."""
    text = POLICY.replace('"*"', "read") + (
        "  - {call: {tool: send, args: {to: ann}}, expect: deny, because: [default]}\n"
        "  - {call: {tool: send, args: {to: 5}}, expect: deny, because: [schema]}\n"
    )
    assert [result.passed for result in run_tests(compile_policy(text))][1:] == [True, True]
