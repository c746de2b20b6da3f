"""Analyses for a worker process, most of which go wrong."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator

from bartizan.policies.analysis.answers import Budget
from bartizan.policies.analysis.formula import Formulas, Model
from bartizan.policies.analysis.solve import Asking, Solver
from bartizan.policies.regular import prefix

Items = Iterator[Asking | str]


def counting(count: int, skip: frozenset[str]) -> Items:
    """Answers ``count`` questions."""
    for index in range(count):
        if f"q{index}" not in skip:
            yield Asking(f"q{index}")
            yield f"answer {index}"


def fatal(how: str, skip: frozenset[str]) -> Items:
    """Answers the questions 0 to 4, but for 1 and 3, over which the process meets its fate."""
    for index in range(5):
        if f"q{index}" in skip:
            continue
        yield Asking(f"q{index}")
        if index in (1, 3):
            _fate(how)
        yield f"answer {index}"


def _fate(how: str) -> None:
    match how:
        case "hang":
            time.sleep(600)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(7)
        case "hog":
            hog = []
            while True:
                hog.append(bytes(1 << 28))  # address space, which is what is limited; no page is touched
        case "garbage":  # what is printed must not reach the parent's pipe
            print("garbage", flush=True)
            sys.stdout.buffer.write(b"\x80garbage")
            sys.stdout.flush()
        case "raise":
            raise ArithmeticError("seven")


def stillborn(skip: frozenset[str]) -> Items:
    """Ends before its first question."""
    os._exit(3)
    yield "never"


def solving(skip: frozenset[str]) -> Items:
    """Asks the solver something."""
    yield Asking("prefix")
    make = Formulas()
    found = Solver(make, Budget()).check(make.member(make.text("x", 10), prefix("/srv/")))
    assert isinstance(found, Model)
    yield next(iter(found.texts.values()))


def naming(path: str, skip: frozenset[str]) -> Items:
    """Writes its process id to a file and waits."""
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    yield Asking("forever")
    yield "begun"
    time.sleep(600)
