"""Valid proofs with one step changed: the kernel refuses them, unless a second checker too finds the statement proved.

An accepted mutant is no fault by itself: a proof may be changed where it does not matter (a type written in another
way, a fact by another proof of it). Then the naive checker of `corpus.referee`, which shares no rule with the kernel,
must take it for a proof of the same statement. The two are compared in both directions on every mutant.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from random import Random

import pytest
from tests.policies.lean.certified import pair
from tests.policies.lean.corpus.lines import whole
from tests.policies.lean.corpus.members import TWINS
from tests.policies.lean.corpus.mutations import Mutator
from tests.policies.lean.corpus.referee import Referee, believing

from bartizan.policies.lean.calculus.declarations import Declaration, Definition, Inductive, Theorem
from bartizan.policies.lean.calculus.terms import Const, Expr
from bartizan.policies.lean.certificates import proofs
from bartizan.policies.lean.certificates.certificate import Mismatch
from bartizan.policies.lean.certificates.proofs import checked_theory
from bartizan.policies.lean.check import check_file
from bartizan.policies.lean.kernel import Budget, BudgetError, Environment, KernelError
from bartizan.policies.lean.proving.claims import Claims

SEED = 20261127
STEPS = 50_000


def constants_of(declarations: Sequence[Declaration]) -> list[tuple[str, int]]:
    """The names that declarations bring, with how many level parameters each has."""
    found: list[tuple[str, int]] = []
    for each in declarations:
        count = len(each.level_params)
        if isinstance(each, Inductive):
            found += [(type.name, count) for type in each.types]
            found += [(made.name, count) for type in each.types for made in type.constructors]
        else:
            found.append((each.name, count))
    return found


class Trial:
    """An environment and a referee side by side, to which the same declarations are added."""

    def __init__(self, base: Environment | None = None) -> None:
        self.environment = Environment() if base is None else base.fork()
        self.referee: Referee = believing(self.environment.declarations)
        self.names = constants_of(self.environment.declarations)
        self.tried = self.given_up = 0
        self.accepted: Counter[str] = Counter()
        self.confirmed: list[str] = []

    def add(self, declaration: Declaration) -> None:
        self.environment.budget.steps = 1_000_000
        self.environment.add(declaration)
        self.referee.believe(declaration)
        self.names += constants_of([declaration])

    def put(self, theorem: Theorem, statement: Expr, value: Expr, what: str) -> None:
        """Ask both checkers about a mutant; what only one of them takes is a fault of one of them."""
        self.tried += 1
        mutant = Theorem(f"mutant.x{self.tried}", theorem.level_params, statement, value)
        self.environment.budget.steps = STEPS
        try:
            self.environment.add(mutant)
            accepted = True
        except BudgetError:
            self.given_up += 1
            return
        except KernelError:
            accepted = False
        found = self.referee.accepts(mutant, 4 * STEPS)
        assert accepted == found, (
            f"{theorem.name} with {what}: the kernel {'accepts' if accepted else 'refuses'} it"
        )
        self.accepted[what] += accepted


@cache
def of_the_theory() -> Trial:
    """Every theorem of the theory, with three mutants of its proof and one of its statement."""
    random, trial = Random(SEED), Trial()
    for declaration in checked_theory().declarations:
        if isinstance(declaration, Theorem):
            mutator = Mutator(random, trial.names)
            for _ in range(3):
                mutant = mutator.mutate(declaration.value)
                trial.put(declaration, declaration.type, mutant.term, mutant.what)
            mutant = mutator.mutate(declaration.type)
            trial.put(declaration, mutant.term, declaration.value, f"{mutant.what} in the statement")
            if trial.referee.accepts(declaration):
                trial.confirmed.append(declaration.name)
        trial.add(declaration)
    return trial


def certified() -> Iterator[Declaration]:
    """What a certificate's proof declares beside the theory."""
    environment = check_file(pair().proof)
    yield from environment.declarations[len(checked_theory().declarations) :]


@cache
def of_a_certificate() -> Trial:
    """The theorems of a certificate, with mutants of the proofs, which are decision trees to be checked."""
    random, trial = Random(SEED), Trial(checked_theory())
    for declaration in certified():
        if isinstance(declaration, Theorem):
            mutator = Mutator(random, trial.names)
            for _ in range(12):
                mutant = mutator.mutate(declaration.value)
                trial.put(declaration, declaration.type, mutant.term, mutant.what)
        trial.add(declaration)
    return trial


def test_both_checkers_agree_on_mutants_of_the_theory() -> None:
    """Of nine hundred mutants of the theory's theorems, few are proofs, and both checkers take the same ones."""
    trial = of_the_theory()
    assert trial.tried >= 900
    assert trial.given_up < trial.tried // 50
    assert 0 < sum(trial.accepted.values()) < trial.tried // 20


def test_both_checkers_agree_on_mutants_of_a_certificate() -> None:
    """Of the mutants of a certificate's theorems, the second checker takes the very ones that the kernel takes."""
    trial = of_a_certificate()
    assert trial.tried >= 100
    assert trial.given_up < trial.tried // 50
    assert sum(trial.accepted.values()) < trial.tried // 20


def test_the_second_checker_accepts_the_theory() -> None:
    """The naive checker accepts every theorem of the theory, believing only what is declared inductively or defined."""
    trial = of_the_theory()
    theorems = [each.name for each in trial.environment.declarations if isinstance(each, Theorem)]
    assert trial.confirmed == [name for name in theorems if not name.startswith("mutant.")]


def test_the_second_checker_can_say_no() -> None:
    """The naive checker refuses each theorem of the theory as a proof of the statement before it."""
    referee, before = Referee(), None
    for declaration in checked_theory().declarations[:120]:
        if isinstance(declaration, Theorem):
            if before is not None and before is not declaration.type:
                other = Theorem("other", declaration.level_params, before, declaration.value)
                assert not referee.accepts(other), declaration.name
            before = declaration.type
        referee.believe(declaration)


def test_a_mutated_policy_is_another_policy() -> None:
    """A certificate whose policy term is changed in one place is refused: it decodes to another policy or to none."""
    good, claims = pair(), Claims.of(pair().policy)
    declared = list(proofs.declarations(good.proof))
    place = next(place for place, (_, each) in enumerate(declared) if each.name == "Certified.policy")
    line, policy = declared[place]
    assert isinstance(policy, Definition)
    mutator = Mutator(Random(SEED), constants_of(checked_theory().declarations))
    for _ in range(40):
        value = mutator.mutate(policy.value).term
        declared[place] = (line, Definition(policy.name, policy.level_params, policy.type, value))
        with pytest.raises(Mismatch):
            proofs.check(claims, good.certificate, declared)


def lines_with_another_number() -> Iterator[str]:
    """A valid file with one number, of one line, one higher or lower, or one truth value turned."""
    lines = whole().lines

    def variants(value: object) -> Iterator[object]:
        if isinstance(value, bool):
            yield not value
        elif isinstance(value, int):
            yield from (value + 1, value - 1)
        elif isinstance(value, dict):
            for key, inner in value.items():
                yield from ({**value, key: other} for other in variants(inner))
        elif isinstance(value, list):
            for at, inner in enumerate(value):
                yield from ([*value[:at], other, *value[at + 1 :]] for other in variants(inner))

    for place, line in enumerate(lines):
        for other in variants(json.loads(line)):
            yield "\n".join([*lines[:place], json.dumps(other), *lines[place + 1 :], ""])


def confirmed(environment: Environment) -> bool:
    """Whether the second checker accepts every theorem of the environment."""
    referee = Referee()
    for declaration in environment.declarations:
        if isinstance(declaration, Theorem) and not referee.accepts(declaration):
            return False
        referee.believe(declaration)
    return True


def damaged(file: bytes, random: Random) -> bytes:
    """A file with bytes replaced, left out or repeated, or with two lines exchanged."""
    found = bytearray(file)
    place = random.randrange(len(found))
    match random.randrange(4):
        case 0:
            found[place] = random.choice(b'0123456789"{}[],: ntruefalsm-\\\xff\x00')
        case 1:
            del found[place : place + random.randint(1, 20)]
        case 2:
            found[place:place] = found[place : place + random.randint(1, 30)]
        case _:
            lines = bytes(found).split(b"\n")
            first, second = (random.randrange(len(lines)) for _ in "ab")
            lines[first], lines[second] = lines[second], lines[first]
            return b"\n".join(lines)
    return bytes(found)


def test_damaged_files_are_refused_by_the_kernel_itself() -> None:
    """A damaged file is refused with an error of the kernel's, or still proves what the second checker accepts.

    Of the valid files are damaged those that the second checker can judge: it computes no bitwise functions.
    """
    random, refused = Random(SEED), 0
    sources = [
        twin.source()
        for twin in TWINS
        if not twin.axioms
        and twin.family not in ("deep", "quotients")
        and confirmed(check_file(twin.source(), budget=Budget(STEPS)))
    ]
    assert len(sources) > 30
    for _ in range(400):
        source = random.choice(sources)
        file = damaged(source.encode() if isinstance(source, str) else source, random)
        try:
            environment = check_file(file, budget=Budget(STEPS))
        except KernelError:
            refused += 1
        else:
            assert confirmed(environment)
    assert 300 < refused < 400


def test_files_with_one_number_changed_prove_nothing_false() -> None:
    """A file with any one number changed is refused, or its theorems are theorems for the second checker too."""
    files = list(lines_with_another_number())[::3]
    refused = 0
    for file in files:
        try:
            environment = check_file(file, budget=Budget(STEPS))
        except KernelError:
            refused += 1
            continue
        assert confirmed(environment), file
        assert Const("False") not in {environment[name].type for name in environment.constants}
    assert len(files) > 200
    assert refused > len(files) * 3 // 4
