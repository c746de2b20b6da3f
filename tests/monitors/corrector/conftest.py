"""Correctors trained here in seconds: one of calls under a limit, one of texts with a number in them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import torch
from tests.monitors.device import DEVICE

from bartizan.guard import Principal, Refused, Request, Session, ToolCall
from bartizan.guard.testing import StaticProgram
from bartizan.monitors.corrector.reading import ToolReading, call_input, text_input
from bartizan.monitors.corrector.storage import Corrector
from bartizan.monitors.corrector_training import CorrectorTrainingConfig, Trainer
from bartizan.monitors.corrector_training.examples import Example

PROGRAM = StaticProgram(allow=["pay"], limits={"amount": 100})
TOOLS = {"pay": ToolReading({"amount": ()})}
SECRET = "the pin is 4417"


def refused(amount: int, to: str = "bob", program: StaticProgram = PROGRAM) -> Refused:
    request = Request(ToolCall.of("c1", "pay", {"amount": amount, "to": to}), 0, Principal("ann"))
    session = Session("s", state=program.initial())
    return Refused(request, session, program.decide(request, session), program)


def call_examples(count: int, seed: int = 0) -> list[Example]:
    """Amounts above 100 become 100; those below are left alone."""
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        amount = draw.choice((draw.randint(1, 100), draw.randint(101, 9999)))
        output = b"=" if amount <= 100 else b"amount=100"
        found.append(Example(tuple(call_input(refused(amount), TOOLS)), output, "one", {"amount": amount}))
    return found


def text_examples(count: int, seed: int = 0) -> list[Example]:
    draw = random.Random(seed)
    found = []
    for _ in range(count):
        start = draw.choice(("Fine, ", "Sure: ", "Ok then, "))
        output = f'{len(start)}-{len(start) + len(SECRET)}>"I may not say"'.encode()
        found.append(Example(tuple(text_input("", f"{start}{SECRET}.")), output, "text"))
    return found


def trained(examples: list[Example], steps: int) -> Trainer:
    config = CorrectorTrainingConfig(
        size="tiny", steps=steps, tokens=1024, lr=1e-2, identity=0.0, expert=0.0, precision="fp32", ema=0.9
    )
    trainer = Trainer(examples, config, device=DEVICE)
    for _ in trainer.run():
        pass
    return trainer


@pytest.fixture(scope="session")
def of_calls() -> Corrector:
    torch.set_num_threads(1)
    return Corrector(trained(call_examples(400), 150).average, "calls", PROGRAM.hash, TOOLS, threshold=-1.0)


@pytest.fixture(scope="session")
def of_texts() -> Corrector:
    torch.set_num_threads(1)
    return Corrector(trained(text_examples(60), 120).average, "texts", threshold=-1.0)


@pytest.fixture
def closing() -> Iterator[Callable[..., object]]:
    """Closes what it is given when the test is over."""
    open_: list[object] = []

    def keep(one: object) -> object:
        open_.append(one)
        return one

    yield keep
    for one in open_:
        one.close()  # type: ignore[attr-defined]
