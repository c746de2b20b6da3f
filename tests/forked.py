"""Processes that would spend most of their time importing torch: forked from a server that has imported it once.

What runs in one is what ``python script.py ...`` or ``bartizan ...`` runs, with arguments, environment, output and end
of its own; it can be killed in the middle as any other. Only other people's packages are imported beforehand: ours are
imported by each process anew. Each command also has a test that starts it as a shell does.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from io import BufferedReader, BufferedWriter, FileIO, TextIOWrapper
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any, Self

IMPORTED = [
    "torch", "torch._dynamo", "numpy", "safetensors.torch", "transformers.modeling_utils", "transformers.generation",
    "sklearn.linear_model", "matplotlib.pyplot", "pydantic", "typer", "rich.progress", "yaml", "pytest",
]  # fmt: skip
"""``torch._dynamo`` is what torch imports when the first optimizer is made."""

ALONE = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
"""What is read when those are imported."""


class Forked:
    """A process, as :class:`subprocess.Popen` shows one whose output is text."""

    def __init__(
        self,
        command: Sequence[object],
        environment: Mapping[str, str],
        *,
        stdout: int | None = None,
        merged: bool = False,
    ) -> None:
        """``command``: a script, or ``bartizan``, and its arguments. ``stdout`` goes to that descriptor instead of a
        pipe; ``merged``: standard error goes where it goes."""
        said, said_end = os.pipe()
        told, told_end = os.pipe()
        out = said_end if stdout is None else stdout
        self.args = list(map(str, command))
        self.stdout, self.stderr = (
            TextIOWrapper(BufferedReader(FileIO(end)), encoding="utf-8") for end in (said, told)
        )
        self._process = _server().Process(
            target=_run,
            args=(self.args, dict(environment), _Passed(out), _Passed(out if merged else told_end)),
        )
        self._process.start()
        os.close(said_end)
        os.close(told_end)

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self.poll() is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Its output and its errors, to the end."""
        read = ["", ""]

        def drain(number: int) -> None:
            read[number] = (self.stdout, self.stderr)[number].read()

        threads = [threading.Thread(target=drain, args=(number,), daemon=True) for number in (0, 1)]
        for thread in threads:
            thread.start()
        try:
            self.wait(timeout)
        finally:
            self.kill()
            for thread in threads:
                thread.join()
            self._close()
        return read[0], read[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._close()  # first, so that it does not wait for ever for somebody to read what it says
        self.wait()

    def _close(self) -> None:
        self.stdout.close()
        self.stderr.close()


@cache
def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(IMPORTED)
    before = {name: os.environ.get(name) for name in ALONE}
    os.environ.update(ALONE)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
    return context


class _Passed:
    """A descriptor that arrives in the process as a number."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> Any:
        return _received, (DupFd(self.descriptor),)


def _received(duplicate: Any) -> int:
    return int(duplicate.detach())


def _run(command: list[str], environment: dict[str, str], said: int, told: int) -> None:
    """In the process: the command, as if it had been started by itself."""
    os.environ.clear()
    os.environ.update(environment)
    encoding = environment.get("PYTHONIOENCODING", "utf-8")
    for number, name, end in ((1, "stdout", said), (2, "stderr", told)):
        os.dup2(end, number)
        errors = "backslashreplace" if number == 2 else "strict"
        stream = TextIOWrapper(
            BufferedWriter(FileIO(number, "w", closefd=False)), encoding, errors, line_buffering=number == 2
        )
        setattr(sys, name, stream)
    for end in {said, told}:
        os.close(end)
    sys.argv = command
    try:
        if command[0] == "bartizan":
            from bartizan.integrations.cli import main

            main()
        else:
            sys.path.insert(0, str(Path(command[0]).parent))
            runpy.run_path(command[0], run_name="__main__")
    finally:
        atexit._run_exitfuncs()
