"""What a policy must pass before it decides anything here. It blocks: on an event loop, run it in a thread."""

from __future__ import annotations

from pathlib import Path

from bartizan.guard import BartizanError
from bartizan.policies import PolicyError
from bartizan.policies.casework import run_tests
from bartizan.policies.lean.certificates.levels import Uncertified, assure
from bartizan.policies.program import Program

from ..assembly import requirement
from .config import ConfigError, Tenant


class Refused(BartizanError):
    """The policy does not come into force; says what it did not pass."""


def admit(program: Program, before: Program | None, settings: Tenant) -> None:
    """Raises :class:`Refused` unless the policy passes what is required of it, and ``ConfigError`` for bad settings.

    Its own tests must pass, always. ``proved``: each of its invariants is proved. ``tighter``: proved to let nothing
    go that the policy in force does not (asked of changes only: ``before`` is None for the first). Where a certificate
    is required, the program is told the level that it reached.
    """
    reload = settings.reload
    try:
        failed = [each for each in run_tests(program) if not each.passed]
    except PolicyError as error:
        raise Refused(str(error)) from error
    if failed:
        first = failed[0]
        raise Refused(
            f"{len(failed)} of its tests fail, first {first.name!r}: expected {first.expected}, found {first.found}"
        )
    if reload.require == "proved":
        _proved(program, reload.within)
    elif reload.require == "tighter" and before is not None and before.hash != program.hash:
        _tighter(program, before, reload.within)
    if settings.level is not None:
        program.certificate = _certified(program, settings)
    elif settings.certificate.asked_for:
        raise ConfigError(
            "certificate.require: expected a level, since the rest of certificate says how it is checked"
        )


def _certified(program: Program, settings: Tenant) -> str:
    given, level = settings.certificate, settings.level
    assert level is not None
    try:
        required = requirement(
            level,
            given.at,
            given.trusted_keys,
            weaker=given.weaker,
            kernel=given.kernel,
            seconds=given.within,
        )
    except (ValueError, OSError, ImportError) as error:
        raise ConfigError(f"certificate.trusted_keys: {error}") from error
    try:
        return assure(program.policy, required, Path(settings.policy)).name
    except Uncertified as error:
        raise Refused(str(error)) from error


def _proved(program: Program, within: float) -> None:
    from bartizan.policies.analysis import Budget, Options, Proved, prove
    from bartizan.policies.analysis.solve.errors import SolveError

    try:
        for proof in prove(program.policy, Options(budget=Budget(seconds=within))):
            if not isinstance(proof.answer, Proved):
                raise Refused(f"an invariant is not proved: {proof.claim}")
    except SolveError as error:
        raise Refused(f"its invariants cannot be proved: {error}") from error


def _tighter(program: Program, before: Program, within: float) -> None:
    from bartizan.policies.analysis import Budget, Options, Proved, Refuted, refines
    from bartizan.policies.analysis.solve.errors import SolveError

    try:
        answer = refines(program.policy, before.policy, options=Options(budget=Budget(seconds=within)))
    except SolveError as error:
        raise Refused(f"it cannot be compared with the policy in force: {error}") from error
    if isinstance(answer, Refuted):
        raise Refused("it lets something go that the policy in force does not; see `bartizan diff`")
    if not isinstance(answer, Proved):
        raise Refused("whether it lets more go than the policy in force is unknown")
