"""Another kernel's opinion: a program that reads lean4export's format and says by its exit code whether it accepts.

How each is called is what the Lean Kernel Arena does (https://github.com/leanprover/lean-kernel-arena, ``checkers/``).
Only exit code 0 accepts: a rejection, a refusal to say, a crash, a signal, silence beyond the time are all the same.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 60.0
_NANODA = {
    "use_stdin": False,
    "permitted_axioms": [],
    "unpermitted_axiom_hard_error": True,
    "nat_extension": True,
    "string_extension": False,
    "num_threads": 1,
}


@dataclass(frozen=True, slots=True)
class Kernel:
    """A program with its arguments: ``{file}`` is the proof, ``{config}`` a configuration that names it."""

    name: str
    program: str
    args: tuple[str, ...] = ("{file}",)


KNOWN: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("nanoda_bin", ("{config}",)),
    ("con-ron", ("--verified", "{file}")),
    ("con-leche", ("--verified", "{file}")),
    ("lean4lean", ("--import", "{file}")),
)
"""The kernels that are looked for, in this order."""


class NoKernel(ValueError):
    """There is no such program; the message says what would help."""


def find_kernel(command: Sequence[str] = ()) -> Kernel:
    """The first known kernel on PATH, or the command given. Raises :class:`NoKernel`.

    A command that is only a known kernel's name, wherever it lies, gets the arguments that it needs. Other arguments
    must name the proof: a program that does not see it accepts anything.
    """
    if command:
        program = shutil.which(command[0])
        if program is None:
            raise NoKernel(f"no program {command[0]!r} on PATH")
        name = Path(command[0]).name
        args = tuple(command[1:]) or dict(KNOWN).get(name, ("{file}",))
        if not any(place in each for each in args for place in ("{file}", "{config}")):
            raise NoKernel(f"the arguments of {command[0]!r} name no proof: write {{file}} (or {{config}})")
        return Kernel(name, os.path.abspath(program), args)
    for name, args in KNOWN:
        if (program := shutil.which(name)) is not None:
            return Kernel(name, os.path.abspath(program), args)
    names = ", ".join(name for name, _ in KNOWN)
    raise NoKernel(f"none of {names} is on PATH: install one, or name a command")


def rejection(kernel: Kernel, proof: bytes, seconds: float = SECONDS) -> str | None:
    """Why the kernel does not accept these bytes; None if it does.

    It sees a copy of its own, so that what it reads is what was checked otherwise.
    """
    with TemporaryDirectory(prefix="bartizan-kernel-") as folder:
        file, config, said = (Path(folder) / name for name in ("proof.ndjson", "config.json", "said"))
        file.write_bytes(proof)
        config.write_text(json.dumps({**_NANODA, "export_file_path": str(file)}))
        args = [each.replace("{file}", str(file)).replace("{config}", str(config)) for each in kernel.args]
        try:
            with said.open("wb") as output:
                code = _run([kernel.program, *args], folder, output.fileno(), seconds)
        except OSError as error:
            return f"{kernel.name} could not be started: {error}"
        if code == 0:
            return None
        ending = f"ended with {code}" if code is not None else f"said nothing within {seconds:g} seconds"
        with said.open("rb") as output:
            output.seek(max(0, said.stat().st_size - 500))
            tail = " ".join(output.read().decode(errors="replace").split())
        return f"{kernel.name} {ending}{': ' if tail else ''}{tail}"


def _run(command: Sequence[str], folder: str, output: int, seconds: float) -> int | None:
    """The exit code, or None if the time was over; nothing of the program is left running."""
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        env={key: os.environ[key] for key in ("PATH", "HOME", "LANG") if key in os.environ},
        start_new_session=True,
    )
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
