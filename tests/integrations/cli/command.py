"""The command ``bartizan``: as a process of its own, and in this process where many runs would take too long."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.forked import Forked
from typer.testing import CliRunner

from bartizan.integrations.cli import app

BARTIZAN = [sys.executable, "-c", "from bartizan.integrations.cli import main; main()"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1"}


def bartizan(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; nothing that it prints may be a trace, or move a cursor."""
    command = [*BARTIZAN, *map(str, args)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=ENVIRONMENT | environment, timeout=300
    )
    return checked(done)


def forked(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same, but torch is there already."""
    process = Forked(["bartizan", *args], ENVIRONMENT | environment)
    said, told = process.communicate(timeout=300)
    return checked(subprocess.CompletedProcess(process.args, process.wait(), said, told))


def here(*args: object) -> subprocess.CompletedProcess[str]:
    """Run it in this process."""
    done = CliRunner(env=ENVIRONMENT).invoke(app, [*map(str, args)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return checked(subprocess.CompletedProcess([*args], done.exit_code, done.stdout, done.stderr))


def run(*args: object) -> tuple[int, str, str]:
    """The same: exit code, output and errors."""
    done = here(*args)
    return done.returncode, done.stdout, done.stderr


def checked(done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
    assert "Traceback" not in done.stderr, done.stderr
    assert not set("\x1b\x07\x08\r\x9b") & set(done.stdout + done.stderr), (done.stdout, done.stderr)
    return done
