"""Correctors for a host in any process: trained once, saved, and loaded where they are asked."""

from __future__ import annotations

from pathlib import Path

import torch
from tests.monitors.corrector.conftest import PROGRAM, TOOLS, call_examples, trained

from bartizan.monitors.corrector.edit_script import EditScriptCorrector
from bartizan.monitors.corrector.storage import Corrector
from bartizan.monitors.corrector_host.app import Correctors


def train(folder: Path) -> None:
    """A corrector of calls under a limit of 100, written to a folder: some seconds."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = trained(call_examples(400), 150).average
    Corrector(model, "calls", PROGRAM.hash, TOOLS, threshold=-1.0).save(folder)


def made(folder: Path) -> Correctors:
    """What a host of it has."""
    torch.set_num_threads(1)
    return Correctors(calls=EditScriptCorrector.load(folder, within=30.0), policy=PROGRAM.hash)
