"""Level ``hash``: a certificate is about this very policy, and says of it what this package says.

Nothing is proved here. What a certificate could only repeat is made again from the loaded policy and compared; what it
alone knows (facts, trees, sessions, solvers' answers) is left to the levels above.
"""

from __future__ import annotations

from collections.abc import Sequence

from bartizan.guard.canonical import digest_of

from ...policy import SEMANTICS, CheckedPolicy, canonical_text
from ..calculus.digests import Digester
from ..proving import facts
from ..proving.claims import NAMESPACE, POLICY, Claim, Claims, theory_digest, wording
from .certificate import Certificate, Covered, Fact, Mismatch, Shown, Theorem


def schema_digest(policy: CheckedPolicy) -> str:
    """What a certificate names the declared tools by."""
    return digest_of(canonical_text(policy.document()["tools"]).encode())


def check(policy: CheckedPolicy, certificate: Certificate, proof: bytes) -> Claims:
    """What can be claimed of the policy that the certificate is found to be about. Raises :class:`Mismatch`."""
    _same("the policy's hash", certificate.policy.hash, policy.hash)
    _same("the policy's name", certificate.policy.name, policy.name)
    _same("the semantics", certificate.semantics, SEMANTICS)
    _same("the tools' declarations", certificate.schema_, schema_digest(policy))
    _same("the theory", certificate.theory, theory_digest(), "certify again with this version of bartizan")
    _same("the proof's size", certificate.proof.bytes, len(proof))
    _same("the proof", certificate.proof.digest, digest_of(proof))
    _same("the policy's constant", certificate.proof.constant, POLICY)
    if certificate.axioms:
        raise Mismatch(f"the proof rests on axioms: {', '.join(certificate.axioms)}")
    claims = Claims.of(policy)
    _theorems(claimed(claims, certificate), certificate)
    used = {number for theorem in certificate.theorems for number in theorem.facts}
    _same("the facts that theorems assume", sorted(used), list(range(len(certificate.facts))))
    for fact in certificate.facts:  # each is about conditions that the policy tests: a theorem assumes it
        _same("a fact in words", fact.english, facts.Found(parts_of(fact), fact.reason).english)
    return claims


def parts_of(fact: Fact) -> tuple[facts.Part, ...]:
    return tuple(facts.Part(part.condition, part.value) for part in fact.parts)


def assumed(certificate: Certificate, numbers: Sequence[int], tool: str) -> list[tuple[facts.Part, ...]]:
    """The parts of the facts that a theorem about calls of ``tool`` assumes. Raises :class:`Mismatch`."""
    if len(set(numbers)) != len(numbers):
        raise Mismatch(f"a theorem about {tool} assumes a fact twice")
    found = []
    for number in numbers:
        if number >= len(certificate.facts):
            raise Mismatch(f"there is no fact number {number}")
        fact = certificate.facts[number]
        if fact.tool != tool:
            raise Mismatch(f"a theorem about {tool} assumes a fact about {fact.tool}")
        found.append(parts_of(fact))
    return found


def claimed(claims: Claims, certificate: Certificate) -> list[Claim]:
    """What the certificate must claim, as it says itself which invariants theorems cover. Raises :class:`Mismatch`."""
    policy = claims.policy
    theorems = {theorem.name: theorem for theorem in certificate.theorems}
    if [each.index for each in certificate.invariants] != list(range(len(policy.invariants))):
        raise Mismatch("not every invariant of the policy is in it, in order")
    expected = list(claims.general())
    for covered in certificate.invariants:
        invariant = policy.invariants[covered.index]
        _same("an invariant's kind", covered.kind, invariant.kind)
        _same("an invariant in words", covered.written, wording(policy, covered.index))
        if not covered.theorems and not covered.evidence:
            raise Mismatch(f"nothing speaks for the invariant `{covered.written[:200]}`")
        if covered.kind != "possible" and any(isinstance(each, Shown) for each in covered.evidence):
            raise Mismatch(
                f"no session shows the invariant `{covered.written[:200]}`, which is about all of them"
            )
        if covered.theorems and covered.kind == "without":
            _same("the theorems of an invariant", covered.theorems, (f"{NAMESPACE}.info_monotone",))
        elif covered.theorems:
            expected += _of_tools(claims, covered, theorems, certificate)
    return expected


def _of_tools(
    claims: Claims, covered: Covered, theorems: dict[str, Theorem], certificate: Certificate
) -> list[Claim]:
    tools = claims.tools(covered.index)
    if not tools:
        raise Mismatch(f"no theorem can be about the invariant `{covered.written[:200]}`")
    made: list[Claim] = []
    for tool in tools:
        bare = claims.about(covered.index, tool, [])
        theorem = theorems.get(bare.name)
        numbers: Sequence[int] = () if theorem is None or theorem.constant != POLICY else theorem.facts
        try:
            made.append(claims.about(covered.index, tool, assumed(certificate, numbers, tool)))
        except KeyError as error:
            raise Mismatch(f"a fact is about a condition that the policy does not test: {error}") from error
    _same("the theorems of an invariant", covered.theorems, tuple(claim.name for claim in made))
    return made


def _theorems(expected: Sequence[Claim], certificate: Certificate) -> None:
    """Our own theorems are exactly the expected ones; others come from elsewhere and have a constant of their own."""
    own = {each.name: each for each in certificate.theorems if each.constant == POLICY}
    if len({each.name for each in certificate.theorems}) != len(certificate.theorems):
        raise Mismatch("two theorems have the same name")
    digester = Digester()
    for claim in expected:
        theorem = own.pop(claim.name, None)
        if theorem is None:
            raise Mismatch(f"the theorem {claim.name} is missing")
        _same(f"the statement of {claim.name}", theorem.statement, digester.term(claim.statement).hex())
        _same(f"{claim.name} in words", theorem.english, claim.english)
        if theorem.facts and not claim.tool:
            raise Mismatch(f"{claim.name} assumes facts, which its statement does not")
    if own:
        raise Mismatch(f"nothing of the policy is the theorem {min(own)}")
    if any(each.facts for each in certificate.theorems if each.constant != POLICY):
        raise Mismatch("a theorem from elsewhere assumes facts, which only its statement could say")


def _same(what: str, found: object, expected: object, remedy: str = "") -> None:
    if found != expected:
        raise Mismatch(f"{what}: expected {_shown(expected)}, found {_shown(found)}", remedy)


def _shown(value: object) -> str:
    text = str(value)
    return f"{text[:12]}..." if len(text) == 64 and " " not in text else f"{text[:200]}"
