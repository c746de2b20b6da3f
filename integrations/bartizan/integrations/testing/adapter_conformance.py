"""What every door to a framework must do. Run each check with the real framework::

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    async def test_door(check):
        await check(MyHarness())

A check builds a real guard with a tiny program, lets a scripted model propose calls, and looks at what ran, what the
model read and what the log holds. ``Harness`` and ``Conversation`` are described in :mod:`.harness`; what a
framework cannot do at all it says there, and the checks that need it end at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from .approving import (
    a_rejected_call_does_not_run,
    a_state_resumed_twice_runs_nothing_twice,
    an_answer_reaches_the_call_it_was_given_for,
    an_approval_only_the_framework_knows_of_lets_nothing_go,
    an_edit_is_decided_again,
    an_edited_call_is_what_runs,
    an_escalated_call_waits_and_runs_when_approved,
    siblings_of_a_waiting_call_run_once,
)
from .deciding import (
    a_corrected_call_is_what_runs,
    a_denied_call_does_not_run,
    a_result_passes_the_guard_once,
    an_allowed_call_runs_once_and_is_read,
    parallel_calls_cannot_overdraw_a_budget,
    parallel_calls_get_an_answer_each,
    the_program_is_told_who_asks,
)
from .failing import (
    a_cancelled_tool_is_recorded,
    a_result_that_cannot_be_recorded_is_withheld,
    an_exception_of_a_tool_is_recorded_and_told,
    no_failure_of_the_guard_lets_a_call_through,
    no_session_or_principal_is_no_call,
)
from .harness import Harness
from .hostile import (
    a_name_that_is_no_tool_runs_nothing,
    what_is_logged_is_what_ran,
    what_json_cannot_say_does_not_run,
)

Check = Callable[[Harness], Awaitable[None]]

CHECKS: tuple[Check, ...] = (
    an_allowed_call_runs_once_and_is_read,
    a_denied_call_does_not_run,
    a_corrected_call_is_what_runs,
    an_escalated_call_waits_and_runs_when_approved,
    a_rejected_call_does_not_run,
    an_edited_call_is_what_runs,
    an_edit_is_decided_again,
    an_approval_only_the_framework_knows_of_lets_nothing_go,
    a_state_resumed_twice_runs_nothing_twice,
    an_answer_reaches_the_call_it_was_given_for,
    siblings_of_a_waiting_call_run_once,
    parallel_calls_get_an_answer_each,
    parallel_calls_cannot_overdraw_a_budget,
    a_result_passes_the_guard_once,
    a_result_that_cannot_be_recorded_is_withheld,
    an_exception_of_a_tool_is_recorded_and_told,
    a_cancelled_tool_is_recorded,
    no_failure_of_the_guard_lets_a_call_through,
    no_session_or_principal_is_no_call,
    the_program_is_told_who_asks,
    what_is_logged_is_what_ran,
    what_json_cannot_say_does_not_run,
    a_name_that_is_no_tool_runs_nothing,
)
