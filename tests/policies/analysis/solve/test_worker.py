"""An analysis in a worker process: whatever the worker does, every other question is answered."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from tests.waiting import block_until

from bartizan.policies.analysis.answers import Budget, Unknown
from bartizan.policies.analysis.solve import Unanswered, WorkerError, run

HERE = Path(__file__).parent


@pytest.fixture
def analyses(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module of analyses, under a name that the worker can import too."""
    monkeypatch.syspath_prepend(HERE)
    return import_module("misbehaving")


def test_results_come_in_order(analyses: ModuleType) -> None:
    """Results of many questions are passed on as they come, in order, without the announcements."""
    assert list(run(analyses.counting, 200)) == [f"answer {index}" for index in range(200)]


def test_solving_in_the_worker(analyses: ModuleType) -> None:
    """The solver works in the worker, within the budget's memory."""
    assert list(run(analyses.solving)) == ["/srv/"]


def test_in_process_mode_has_the_same_results(analyses: ModuleType) -> None:
    """A caller that is isolated already gets the same from its own process."""
    assert list(run(analyses.counting, 3, isolated=False)) == ["answer 0", "answer 1", "answer 2"]


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("hang", "it took more than 6 s"),
        ("kill", "killed by signal 9"),
        ("segfault", "killed by signal 11"),
        ("exit", "ended with status 7"),
        ("hog", "ran out of memory"),
    ],
)
def test_a_lost_worker_leaves_one_question_unknown(analyses: ModuleType, how: str, reason: str) -> None:
    """The question that the worker was lost over is unknown, with the reason, and all others are answered."""
    seconds = 6 if how == "hang" else 120
    results = list(run(analyses.fatal, how, budget=Budget(seconds=seconds, megabytes=1_024)))
    assert [r for r in results if isinstance(r, str)] == ["answer 0", "answer 2", "answer 4"]
    lost = [r for r in results if isinstance(r, Unanswered)]
    assert [each.question for each in lost] == ["q1", "q3"]
    assert all(isinstance(each.answer, Unknown) and reason in each.answer.reason for each in lost)


def test_prints_do_not_disturb_the_results(analyses: ModuleType) -> None:
    """What the analysis prints goes to standard error, not into the results."""
    assert list(run(analyses.fatal, "garbage")) == [f"answer {index}" for index in range(5)]


def test_an_exception_is_raised_with_its_traceback(analyses: ModuleType) -> None:
    """An exception in the analysis is a bug, not an unknown answer: it is raised in the parent."""
    results = run(analyses.fatal, "raise")
    assert next(results) == "answer 0"
    with pytest.raises(WorkerError, match=r"(?s)_fate.*ArithmeticError: seven"):
        next(results)


def test_a_worker_that_never_asks_is_not_restarted_for_ever(analyses: ModuleType) -> None:
    """A worker that dies before its first question leaves one unknown, about the start of the analysis."""
    (lost,) = run(analyses.stillborn)
    assert isinstance(lost, Unanswered)
    assert lost.question == "the start of the analysis"
    assert "status 3" in lost.answer.reason


def test_the_worker_dies_with_the_consumer(analyses: ModuleType, tmp_path: Path) -> None:
    """Who stops listening (an interrupt, a break) has the worker killed at once."""
    results = run(analyses.naming, str(tmp_path / "pid"))
    assert next(results) == "begun"
    process = int((tmp_path / "pid").read_text())
    os.kill(process, 0)
    with pytest.raises(KeyboardInterrupt):
        results.throw(KeyboardInterrupt())  # type: ignore[attr-defined]
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_the_worker_dies_with_its_parent(tmp_path: Path) -> None:
    """A parent that is killed leaves no worker behind."""
    script = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import misbehaving\n"
        "from bartizan.policies.analysis.solve import run\n"
        f"print(next(run(misbehaving.naming, {str(tmp_path / 'pid')!r})), flush=True)\nimport time; time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        parent.kill()
    worker = int((tmp_path / "pid").read_text())
    block_until(lambda: not _runs(worker))


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def test_programs_from_standard_input_can_run_analyses() -> None:
    """A main module that cannot be imported again, and has no guard, is no obstacle."""
    program = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); import misbehaving\n"
        "from bartizan.policies.analysis.solve import run\n"
        "print(list(run(misbehaving.counting, 2)))\n"
    )
    done = subprocess.run([sys.executable], input=program, capture_output=True, text=True, check=False)
    assert done.stdout == "['answer 0', 'answer 1']\n", done.stderr


def test_an_analysis_of_the_main_script_is_refused() -> None:
    """A function that the worker could not import is refused with advice."""
    program = (
        "from bartizan.policies.analysis.solve import run\n"
        "def mine(skip):\n    yield 1\n"
        "print(list(run(mine)))\n"
    )
    done = subprocess.run([sys.executable], input=program, capture_output=True, text=True, check=False)
    assert "found mine of the main script; move it to a module" in done.stderr


def test_what_cannot_be_pickled_is_refused(analyses: ModuleType) -> None:
    """Arguments that cannot be sent to a worker are refused when the results are asked for."""
    with pytest.raises(WorkerError, match="cannot be sent"):
        list(run(analyses.counting, lambda: 3))


def test_an_event_loop_is_no_place_to_analyse(analyses: ModuleType) -> None:
    """On an event loop's thread an analysis is refused before it blocks."""

    async def main() -> None:
        run(analyses.counting, 1)

    with pytest.raises(WorkerError, match="to_thread"):
        asyncio.run(main())
