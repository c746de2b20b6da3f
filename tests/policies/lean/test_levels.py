"""A policy is loaded only with the certificate that is required: each part that was changed is seen where it can be."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from tests.policies.lean.certified import POLICY, Pair, flipped, pair, places

from bartizan.integrations.assembly import requirement
from bartizan.integrations.signing import generate
from bartizan.policies import CheckedPolicy, Source, check_policy, compile_policy, load_policy
from bartizan.policies.lean.calculus.build import app, spine
from bartizan.policies.lean.calculus.declarations import Axiom, Declaration, Definition, Theorem
from bartizan.policies.lean.calculus.terms import Const, Lam
from bartizan.policies.lean.certificates import files
from bartizan.policies.lean.certificates.certificate import BadCertificate, parse_certificate
from bartizan.policies.lean.certificates.certify import certify
from bartizan.policies.lean.certificates.levels import LEVELS, Requirement, Uncertified
from bartizan.policies.lean.encoding.emit import policy_term, tree_term
from bartizan.policies.lean.encoding.model import Atom, Policy, Variable
from bartizan.policies.lean.encoding.translate import translated
from bartizan.policies.lean.encoding.tree import Leaf
from bartizan.policies.lean.ndjson import read, write
from bartizan.policies.lean.proving import facts

BELIEVED = {"checkers"}
"""Parts that no level believes: told to people, and only a signature keeps them."""


def put(body: Any, path: tuple[Any, ...], change: Any) -> None:
    for step in path[:-1]:
        body = body[step]
    body[path[-1]] = change(body[path[-1]])


def without(body: Any, name: str, index: int) -> None:
    body[name].pop(index)


def twice(body: Any, name: str) -> None:
    body[name].append(body[name][0])


def position(declarations: list[Declaration], name: str) -> int:
    return next(i for i, each in enumerate(declarations) if each.name == name)


def test_a_certificate_reaches_every_level() -> None:
    """What was made is taken at hash, recheck and kernel, each without a remark."""
    assert [pair().at(level) for level in LEVELS[:3]] == ["hash", "recheck", "kernel"]
    covered = pair().certificate.invariants
    assert [bool(each.theorems) for each in covered] == [True, True, True, False, True]
    assert {fact.reason for fact in pair().certificate.facts} == {"language", "tool"}


def test_it_is_made_the_same_again() -> None:
    """Nothing in a certificate or proof depends on when it was made."""
    again = pair.__wrapped__()
    assert again.certificate.to_bytes() == pair().certificate.to_bytes()
    assert again.proof == pair().proof
    assert write(declaration for _, declaration in read(again.proof)).encode() == again.proof


def test_whatever_is_changed_in_a_certificate_is_seen() -> None:
    """Every value is flipped: all of it is refused at ``hash`` already, but what only ``recheck`` can see."""
    body = json.loads(pair().certificate.to_bytes())
    seen = 0
    for path in places(body):
        if path[0] in BELIEVED or path == ("signature",):
            continue
        try:
            changed = pair().with_json(partial(put, path=path, change=flipped))
        except BadCertificate:
            continue  # its form is refused
        taken = changed.passes()
        if path[0] == "invariants" and "case" in path:
            continue  # another session may show the same
        unseen = ("hash",) if path[0] == "facts" and path[2] in ("states", "closed", "derivatives") else ()
        assert taken == unseen, path
        seen += 1
    assert seen > 60


def test_what_is_left_out_of_a_certificate_is_seen() -> None:
    """Each theorem, fact, invariant and part of a fact is needed; and nothing may be there twice."""
    body = json.loads(pair().certificate.to_bytes())
    for name in ("theorems", "facts", "invariants"):
        for index in range(len(body[name])):
            assert pair().with_json(partial(without, name=name, index=index)).passes() == ()
        assert pair().with_json(partial(twice, name=name)).passes() == ()
    assert pair().with_json(lambda found: found["theorems"].append(found["theorems"][0])).passes() == ()
    assert pair().with_json(lambda found: found["facts"][0]["parts"].pop()).passes() == ()


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"node": 1},
        {"node": "StringTest"},
        {"node": "Compare", "left": [], "right": 7},
        {"a": "\ud7ff" * 1_000},
    ],
    ids=range(5),
)
def test_conditions_that_are_none_are_refused(condition: dict[str, Any]) -> None:
    """A fact may say anything: what it is about must be a condition of the policy, and a theorem must assume it."""

    def instead(body: Any) -> None:
        body["facts"][0]["parts"][0]["condition"] = condition

    def besides(body: Any) -> None:
        body["facts"].append({**body["facts"][0], "parts": [{"condition": condition, "value": True}]})

    assert pair().with_json(instead).passes() == ()
    assert pair().with_json(besides).passes() == ()


@pytest.mark.parametrize(
    "case",
    [
        {
            "call": {"tool": "pay", "args": {}},
            "now": "9999-12-31T23:59:59Z",
            "history": [{"prompt": "a", "at": "1d"}],
        },
        {
            "call": {"tool": "pay"},
            "now": "0001-01-01T00:00:00Z",
            "history": [{"call": {"tool": "pay"}, "at": "9d"}],
        },
        {"call": {"tool": "pay", "args": {"to": 1}}, "signals": {"x": 2}, "principal": {"id": ""}},
        {"result": {"tool": "pay", "text": "a"}},
        {"call": {"tool": "nothing", "args": {}}},
        {},
        {
            "call": {"tool": "pay", "args": {"to": "a@corp.com", "amount": 60}},
            "history": [{"prompt": "a"}] * 501,
        },
    ],
    ids=range(7),
)
def test_sessions_that_are_none_are_refused(case: dict[str, Any]) -> None:
    """Whatever stands where a session should, it is seen from ``recheck`` on, and is no error of Python's."""

    def instead(body: Any) -> None:
        body["invariants"][3]["evidence"][0]["case"] = case

    assert pair().with_json(instead).passes() == ("hash",)


def test_a_session_in_which_it_happens_is_no_evidence_that_it_never_does() -> None:
    """What shows that something is possible refutes that it never is: no level takes it for that."""
    (shown,) = pair().certificate.invariants[3].evidence
    text = POLICY.replace("  - possible: allowed", "  - never: allowed")
    policy = check_policy(Source("policy.yaml", text))
    made = certify(policy, lambda asked: iter([(3, shown)]))
    assert made.certificate is not None
    forged = Pair(policy, made.certificate, made.proof)
    assert forged.passes() == ()
    with pytest.raises(Uncertified, match="no session shows the invariant `never"):
        forged.at("hash", weaker="accept")


def test_what_holds_of_every_policy_assumes_no_facts() -> None:
    """A fact that nothing needs would be told as if a theorem rested on it, whatever nonsense it is."""

    def nonsense(body: Any) -> None:
        body["theorems"][0]["facts"] = [len(body["facts"])]
        body["facts"].append({**body["facts"][0], "parts": [{"condition": {"node": 1}, "value": True}]})

    def known(body: Any) -> None:
        body["theorems"][0]["facts"] = [0]

    def twice(body: Any) -> None:
        (theorem, *_) = (each for each in body["theorems"] if each["facts"])
        theorem["facts"] *= 2

    for change in (nonsense, known, twice):
        assert pair().with_json(change).passes() == ()


def test_a_session_that_shows_nothing_is_seen_from_recheck() -> None:
    """The session is replayed: with a smaller amount the condition is not true of it."""

    def less(body: Any) -> None:
        body["invariants"][3]["evidence"][0]["case"]["call"]["args"]["amount"] = 10

    def nothing(body: Any) -> None:
        body["invariants"][3]["evidence"][0]["case"] = {"call": 7}

    for change in (less, nothing):
        assert pair().with_json(change).passes() == ("hash",)


def test_another_policy_is_seen_at_every_level() -> None:
    """A rule more, a rule less, another bound, another name or another reason: the certificate is not about it."""
    for old, new in [
        ("100.00, reason", "101.00, reason"),
        ("At most 100.", "At most 101."),
        ("name: desk", "name: disk"),
        ("  - {id: ask, escalate: [look], when: 'args.what.contains(\"secret\")'}\n", ""),
        ("memo?: str", "memo: str"),
        ("  - without: {signals: all}\n", ""),
    ]:
        assert old in POLICY
        other = check_policy(Source("policy.yaml", POLICY.replace(old, new)))
        assert replace(pair(), policy=other).passes() == ()
    same = check_policy(Source("policy.yaml", "# a remark\n" + POLICY))
    assert replace(pair(), policy=same).passes() == LEVELS[:3]


def test_any_byte_of_the_proof_is_seen() -> None:
    """The digest is that of the whole file: a byte changed, added or taken away."""
    proof = pair().proof
    for at in range(0, len(proof), len(proof) // 40):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        assert replace(pair(), proof=changed).passes() == ()
    assert replace(pair(), proof=proof + b"\n").passes() == ()
    assert replace(pair(), proof=proof[:-1]).passes() == ()


def changed_policy(declarations: list[Declaration]) -> None:
    """The proof speaks of a policy without its deny rules, of which other things hold."""
    at = position(declarations, "Certified.policy")
    lax = POLICY.replace("args.amount > 100.00", "args.amount > 1000.00")
    other = policy_term(translated(check_policy(Source("p.yaml", lax))).policy)
    declarations[at] = Definition("Certified.policy", (), Const("Bartizan.Policy"), other)


def changed_leaf(declarations: list[Declaration]) -> None:
    """The policy is another one in a part that no theorem looks at: the reason of a rule."""
    at = position(declarations, "Certified.policy")
    other = translated(check_policy(Source("p.yaml", POLICY.replace("At most 100.", "At most 9."))))
    declarations[at] = Definition("Certified.policy", (), Const("Bartizan.Policy"), policy_term(other.policy))


def moved(value: Any) -> Any:
    """The same policy with its leaves numbered from 1, behind one that nothing uses."""
    if isinstance(value, Atom | Variable):
        return type(value)(value.index + 1)
    if isinstance(value, Policy):
        return Policy(value.header, ("null", *value.leaves), tuple(map(moved, value.rules)))
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: moved(getattr(value, f.name)) for f in fields(value)})
    return value


def other_numbers(declarations: list[Declaration]) -> None:
    """The term decodes to the policy, but what the theorems call leaf 3 is leaf 4 there."""
    at = position(declarations, "Certified.policy")
    term = policy_term(moved(translated(pair().policy).policy))
    declarations[at] = Definition("Certified.policy", (), Const("Bartizan.Policy"), term)


def no_tree(declarations: list[Declaration]) -> None:
    """A theorem whose decision tree is one leaf, which follows from nothing."""
    at = position(declarations, "Certified.invariant_0.pay")
    theorem = declarations[at]
    assert isinstance(theorem, Theorem)
    head, args = spine(theorem.value)
    declarations[at] = replace(theorem, value=app(head, *args[:6], tree_term(Leaf()), args[7]))


def no_proof(declarations: list[Declaration]) -> None:
    """A theorem that is declared as an axiom."""
    at = position(declarations, "Certified.invariant_0.pay")
    theorem = declarations[at]
    assert isinstance(theorem, Theorem)
    declarations[at] = Axiom(theorem.name, (), theorem.type)


def missing(declarations: list[Declaration]) -> None:
    del declarations[position(declarations, "Certified.invariant_0.pay")]


def more_axioms(declarations: list[Declaration]) -> None:
    """An axiom that nothing uses."""
    declarations.append(Axiom("Elsewhere.choice", (), Const("False")))


def other_statement(declarations: list[Declaration]) -> None:
    """A true theorem of the right name that states something harmless."""
    at = position(declarations, "Certified.invariant_0.pay")
    declarations[at] = Theorem(declarations[at].name, (), Const("True"), Const("True.intro"))


def other_decide(declarations: list[Declaration]) -> None:
    """The theory's ``decide`` denies everything, of which much can be proved."""
    at = position(declarations, "Bartizan.decide")
    found = declarations[at]
    assert isinstance(found, Definition)
    kinds = []
    value: Any = found.value
    while isinstance(value, Lam):
        kinds.append((value.name, value.type, value.kind))
        value = value.body
    made: Any = Const("Bartizan.Outcome.deny")
    for name, type_, kind in reversed(kinds):
        made = Lam(name, type_, made, kind)
    declarations[at] = replace(found, value=made)


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        (changed_policy, ("hash", "recheck")),  # the trees are right for the policy that is loaded
        (changed_leaf, ("hash", "recheck")),
        (other_numbers, ("hash", "recheck")),
        (no_tree, ("hash",)),
        (no_proof, ("hash",)),
        (missing, ("hash",)),
        (other_statement, ("hash",)),
        (more_axioms, ("hash", "recheck")),
        (other_decide, ("hash", "recheck")),
        (lambda found: found.reverse(), ("hash", "recheck")),
    ],
    ids=range(10),
)
def test_a_forged_proof_is_seen_from_the_level_that_looks_into_it(
    change: Any, taken: tuple[str, ...]
) -> None:
    """Whoever changes the proof and the digest passes ``hash`` without a signature, and never ``kernel``."""
    assert pair().with_proof(change).passes() == taken


def test_another_policy_of_the_same_document_is_seen() -> None:
    """Which missing signals soften a deny rule stands in no document: a term that says otherwise is refused."""
    text = """
version: 1
name: soft
tools: {pay: {args: {n: int}, effect: write}}
signals: {risk: {on: call, monitor: m, missing: escalate}}
rules:
  - {id: all, allow: [pay]}
  - {id: risky, deny: [pay], when: signal("risk") > 0.5}
"""
    found = pair(text)
    assert found.passes() == LEVELS[:3]

    def hard(declarations: list[Declaration]) -> None:
        at = position(declarations, "Certified.policy")
        model = translated(found.policy).policy
        rules = tuple(replace(rule, soft=()) for rule in model.rules)
        assert rules != model.rules
        term = policy_term(replace(model, rules=rules))
        declarations[at] = Definition("Certified.policy", (), Const("Bartizan.Policy"), term)

    forged = found.with_proof(hard)
    assert forged.passes() == ("hash", "recheck")
    with pytest.raises(Uncertified, match="where other signals are missing"):
        forged.at("kernel")


def test_a_proof_that_is_no_file_of_declarations_is_refused() -> None:
    """Garbage, depth and truncation with a digest that fits: an error of the gate, not of Python."""
    proof = pair().proof
    for bad in (b"", b"{", b"[" * 100_000, proof[: len(proof) // 2], proof + b"{}\n", b"\xff" * 10):
        assert pair().with_bytes(bad).passes() == ("hash",)


def test_a_false_fact_is_seen_from_recheck(monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate whose hypothesis about leaves is not so proves what is not so, and says of what fact."""
    text = POLICY.replace('"[a-z]+@evil.org"', '"[a-z]+@corp.com"')

    real = facts.contradiction

    def lie(parts: tuple[facts.Part, ...], tool: str, policy: CheckedPolicy) -> facts.Found | None:
        return real(parts, tool, policy) or _invented(parts)

    monkeypatch.setattr(facts, "contradiction", lie)
    forged = pair.__wrapped__(text)
    monkeypatch.undo()
    assert any(fact.closed == "a" * 64 for fact in forged.certificate.facts)
    assert forged.passes() == ("hash",)
    with pytest.raises(Uncertified, match="does not follow from what the conditions mean"):
        forged.at("kernel")


def _invented(parts: tuple[facts.Part, ...]) -> facts.Found | None:
    tests = tuple(part for part in parts if part.condition["node"] == "StringTest")
    return facts.Found(tests, "language", 3, "a" * 64) if len(tests) == 2 else None


def test_a_refusal_names_level_mismatch_and_remedy(tmp_path: Path) -> None:
    """What is wrong and what to do stand in the message, for a missing file as for a wrong one."""
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    with pytest.raises(Uncertified) as refused:
        load_policy(policy, require="kernel")
    assert refused.value.level == "kernel"
    assert "policy.cert.json" in refused.value.mismatch
    assert "bartizan certify" in refused.value.remedy
    pair().write(tmp_path)
    assert load_policy(policy, require="kernel").certificate == "kernel"
    assert load_policy(policy).certificate == "none"
    policy.write_text(POLICY.replace("100.00, reason", "200.00, reason"))
    with pytest.raises(Uncertified, match="level hash: the policy's hash: expected"):
        load_policy(policy, require="hash")
    (tmp_path / "policy.cert.json").write_bytes(b"[" * 1_000_000)
    with pytest.raises(Uncertified, match="expected a certificate"):
        load_policy(policy, require="hash")
    with pytest.raises(Uncertified, match="no file that a certificate could be beside"):
        load_policy("baseline", require="hash")


def test_certificates_may_lie_elsewhere(tmp_path: Path) -> None:
    """A path, or a folder with one for each hash: what a policy that is announced as a text needs."""
    found = pair()
    found.write(tmp_path, name=found.policy.hash)
    for at in (tmp_path, tmp_path / f"{found.policy.hash}.cert.json"):
        program = compile_policy(POLICY, require=Requirement("recheck", at))
        assert program.certificate == "recheck"


def test_what_cannot_be_read_again_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof beyond the bound of whoever reads it is refused before anything takes its place."""
    monkeypatch.setattr(files, "MAX_PROOF", len(pair().proof) - 1)
    with pytest.raises(BadCertificate, match="too large to be read again"):
        pair().write(tmp_path)
    assert [each.name for each in tmp_path.iterdir()] == ["policy.yaml"]


def test_a_certificate_repeats_whatever_a_policy_says() -> None:
    """Conditions that are as long, and as deep, as a file may say them come back from the certificate's file."""
    names = ", ".join(f'"{n}{"a" * 2_500}"' for n in range(30))
    deep = " && ".join(f"r.n > {n}" for n in range(58))
    found = pair(f"""
version: 1
name: big
tools: {{pay: {{args: {{to: str, rows: "list({{n: int}}, 3)"}}, effect: write}}}}
rules:
  - {{id: all, allow: [pay], when: 'args.to in [{names}] && args.rows.all(r, {deep})'}}
invariants:
  - never: 'allowed(pay) && !(args.to in [{names}])'
  - never: 'allowed(pay) && args.rows.exists(r, !({deep}))'
""")
    assert [fact.reason for fact in found.certificate.facts] == ["element"]
    assert len(found.certificate.invariants[0].written) > 1 << 16
    again = parse_certificate(found.certificate.to_bytes())
    assert again.digest == found.certificate.digest
    assert replace(found, certificate=again).passes() == LEVELS[:3]


def test_a_signature_keeps_everything(tmp_path: Path) -> None:
    """With a trusted key every flip is refused at ``hash``; another key, or none, is no signature of it."""
    signer, other = generate(tmp_path / "key.pem"), generate(tmp_path / "other.pem")
    signed = replace(pair(), certificate=pair().certificate.signed(signer, signer.public))
    trusted = requirement("hash", None, [tmp_path / "key.pem.pub"])
    assert signed.at("hash", trusted=trusted.trusted) == "hash"
    assert signed.at("hash", key=trusted.key) == "hash"
    assert pair().passes(trusted=trusted.trusted) == ()
    with pytest.raises(Uncertified, match="not signed"):
        pair().at("hash", trusted=trusted.trusted)
    with pytest.raises(Uncertified, match="not signed by any of"):
        signed.at("hash", trusted=requirement("hash", None, [tmp_path / "other.pem.pub"]).trusted)
    body = json.loads(signed.certificate.to_bytes())
    for path in places(body):
        try:
            changed = signed.with_json(partial(put, path=path, change=flipped))
        except BadCertificate:
            continue
        assert changed.passes(trusted=trusted.trusted) == (), path
    forged = replace(signed, certificate=signed.certificate.signed(other, signer.public))
    assert forged.passes(trusted=trusted.trusted) == ()
    assert forged.passes(key=trusted.key) == ()
    with pytest.raises(Uncertified, match=r"bartizan\[sign\]"):
        signed.at("hash")


def test_weaker_invariants_are_refused_unless_accepted() -> None:
    """An invariant that rests on a solver's answer is as good as ``hash`` only, and says so in the level."""
    after = "rules:\n  - {id: after, deny: [pay], unless: 'session.once(\"result:look\")'}\n"
    text = POLICY.replace("rules:\n", after) + '  - never: allowed(pay) && !session.once("call:look")\n'
    found = pair(text)
    assert found.certificate.invariants[5].theorems == ()
    assert found.passes() == ("hash",)
    assert found.at("kernel", weaker="accept") == "kernel/partial"
    with pytest.raises(Uncertified, match="rest on a solver's answer"):
        found.at("recheck")


@pytest.mark.parametrize(("ending", "taken"), [("exit 0", True), ("exit 1", False), ("kill -9 $$", False)])
def test_another_kernel_has_a_say_too(tmp_path: Path, ending: str, taken: bool) -> None:
    """It is asked with the very proof; only an exit code of 0 accepts, after our own kernel did."""
    program = tmp_path / "checker"
    program.write_text(f'#!/bin/sh\n[ "$(wc -c < "$1")" = {len(pair().proof)} ] || exit 5\n{ending}\n')
    program.chmod(0o755)
    if taken:
        assert pair().at("external", kernel=(str(program),)) == "external"
    else:
        with pytest.raises(Uncertified, match="another kernel does not accept"):
            pair().at("external", kernel=(str(program),))
    with pytest.raises(Uncertified, match="install another kernel"):
        pair().at("external", kernel=("no-such-kernel",))
