"""A policy with its certificate, for tests that change one part of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from bartizan.guard.canonical import digest_of
from bartizan.policies import CheckedPolicy, Source, check_policy
from bartizan.policies.analysis import prove
from bartizan.policies.lean.calculus.declarations import Declaration
from bartizan.policies.lean.certificates.certificate import Certificate, parse_certificate
from bartizan.policies.lean.certificates.certify import analysed, certify
from bartizan.policies.lean.certificates.files import write_pair
from bartizan.policies.lean.certificates.levels import LEVELS, Level, Requirement, Uncertified, check
from bartizan.policies.lean.ndjson import read, write

POLICY = """
version: 1
name: desk
tools:
  pay: {args: {to: str, amount: "dec(2)", memo?: str}, effect: write}
  look: {args: {what: str}, effect: read}
rules:
  - {id: tools, allow: [pay, look]}
  - {id: much, deny: [pay], when: args.amount > 100.00, reason: At most 100.}
  - {id: known, deny: [pay], unless: 'args.to.endsWith("@corp.com")'}
  - {id: people, deny: [pay], when: principal.id == "mallory"}
  - {id: ask, escalate: [look], when: 'args.what.contains("secret")'}
invariants:
  - never: allowed(pay) && args.amount > 150.00
  - never: allowed(pay) && args.to.fullmatches("[a-z]+@evil.org")
  - never: tool == "pay" && principal.id == "mallory"
  - possible: allowed(pay) && args.amount > 50.00
  - without: {signals: all}
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A policy, its certificate and its proof."""

    policy: CheckedPolicy
    certificate: Certificate
    proof: bytes

    def at(self, level: Level, **required: Any) -> str:
        """The level that is reached. Raises ``Uncertified``."""
        return check(self.policy, self.certificate, self.proof, Requirement(level, **required)).name

    def passes(self, **required: Any) -> tuple[Level, ...]:
        """The levels that it is taken at, from ``hash`` up to the first that refuses it."""
        taken: list[Level] = []
        for level in LEVELS[:3]:
            try:
                self.at(level, **required)
            except Uncertified:
                break
            taken.append(level)
        return tuple(taken)

    def with_json(self, change: Callable[[Any], None]) -> Pair:
        """The certificate with its JSON changed."""
        body = json.loads(self.certificate.to_bytes())
        change(body)
        return replace(self, certificate=parse_certificate(json.dumps(body).encode()))

    def with_proof(self, change: Callable[[list[Declaration]], object]) -> Pair:
        """The proof with its declarations changed, and the certificate told so."""
        declarations = list(_declarations(self.proof))
        change(declarations)
        return self.with_bytes(write(declarations).encode())

    def with_bytes(self, proof: bytes) -> Pair:
        def told(body: Any) -> None:
            body["proof"].update(digest=digest_of(proof), bytes=len(proof))

        return replace(self.with_json(told), proof=proof)

    def write(self, folder: Path, text: str = POLICY, name: str = "policy") -> Path:
        """The three files in a folder; the policy's is answered."""
        policy = folder / f"{name}.yaml"
        policy.write_text(text)
        write_pair(folder / f"{name}.cert.json", self.certificate.to_bytes(), self.proof)
        return policy


@cache
def _declarations(proof: bytes) -> tuple[Declaration, ...]:
    return tuple(declaration for _, declaration in read(proof))


@cache
def pair(text: str = POLICY) -> Pair:
    policy = check_policy(Source("policy.yaml", text))
    made = certify(policy, lambda asked: analysed(asked, prove(asked), "z3 test"))
    assert made.certificate is not None, made.unproved
    return Pair(policy, made.certificate, made.proof)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of every value in JSON that is no object and no array, and of every array's items."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))
    else:
        yield path


def flipped(value: Any) -> Any:
    """Another value of the same kind."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if len(value) in (64, 128) and set(value) <= set("0123456789abcdef"):
            return value[:-1] + ("0" if value[-1] != "0" else "1")
        case str():
            return value + "x"
    return "x"
