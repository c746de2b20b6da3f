"""The repair is the best there is: compared with trying every edit, on small policies."""

from __future__ import annotations

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis

from bartizan.policies.language.values import conform
from bartizan.policies.repair import Repair, repair
from bartizan.policies.repair.case import Case
from bartizan.policies.repair.enumerate import enumerated

from .bruteforce import CLASSES, GUESSED, PLAIN, Setting, best, settings

CHOICES = tuple(name for name, spec in CLASSES.items() if "clamp" not in spec)

SLOW = hypothesis(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))


def agrees(setting: Setting, found: Repair) -> bool:
    """Whether the repair has the arguments of the best edit, as values of their types."""
    expected = best(setting)
    assert expected is not None, f"{found} is no edit"
    type_ = setting.program.tools["pay"].args
    assert found.cost == expected[0][0], (found, expected)
    return bool(conform(dict(found.call.args), type_) == conform(dict(expected[1]), type_))


@SLOW
@given(settings(PLAIN))
def test_the_repair_is_the_least_of_all_edits(setting: Setting) -> None:
    """Cost and canonical choice are those of brute force; where brute force finds nothing, there is no repair."""
    found = repair(setting.program, setting.request, setting.session)
    if found is None:
        assert best(setting) is None
    else:
        assert found.minimal
        assert agrees(setting, found), (found, best(setting))


@SLOW
@given(settings(PLAIN + GUESSED, most=3))
def test_with_parts_that_only_the_evaluator_knows_it_is_the_least_where_it_says_so(setting: Setting) -> None:
    """A minimal repair is the best; another one is allowed, and no cheaper than the best."""
    found = repair(setting.program, setting.request, setting.session)
    if found is None:
        return
    if found.minimal:
        assert agrees(setting, found), (found, best(setting))
    else:
        expected = best(setting)
        assert expected is None or found.cost >= expected[0][0]
    assert setting.program.permits(setting.request.call, found.call)


@SLOW
@given(settings(PLAIN, names=CHOICES))
def test_enumeration_finds_what_the_solver_finds(setting: Setting) -> None:
    """Where there is no number to change, both have one best, and it is the same."""
    program, request, session = setting.program, setting.request, setting.session
    found = repair(program, request, session)
    case = Case.of(program, request, session, program.openings("pay"))
    assert case is not None
    tried, _ = enumerated(case, 10_000)
    if found is None or not found.edits:
        assert found is not None or tried is None
    else:
        assert tried is not None and case.call(tried.choice, {}) == found.call
