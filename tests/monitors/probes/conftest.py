"""A small probe, with everything that a card can hold."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bartizan.monitors.calibration import Measured, Platt, arm, calibrate, drift_reference, verify
from bartizan.monitors.capture.fingerprint import Fingerprint
from bartizan.monitors.probes.card import Card, DataSource, Promise
from bartizan.monitors.probes.evaluation import Rate, Row
from bartizan.monitors.probes.heads import HeadConfig, build_head
from bartizan.monitors.probes.probe import Probe

FINGERPRINT = Fingerprint(
    model="tensors:" + "ab" * 32,
    tokenizer="cd" * 32,
    chat_template="",
    config=(("hidden_size", "6"),),
    dtype="float32",
    n_layers=6,
    d_model=6,
)


def card_fields() -> dict[str, Any]:
    return {
        "name": "injection",
        "version": "1",
        "description": "Instructions in a tool's result.",
        "licence": "Apache-2.0",
        "reads": ["result"],
        "positions": "tokens of the result",
        "hook_point": "resid_post.4",
        "fingerprint": FINGERPRINT.json(),
        "head": {"kind": "mean", "d_in": 6},
        "data": [{"name": "mails", "attacks": 10, "benign": 20}],
    }


@pytest.fixture
def fingerprint() -> Fingerprint:
    return FINGERPRINT


@pytest.fixture
def probe() -> Probe:
    """A probe with a calibration of one bin, a verified contract and a refused one."""
    config = HeadConfig(kind="rolling", d_in=6, n_heads=2, hidden=3, window=4)
    head = build_head(config)
    with torch.no_grad():
        for weight in head.parameters():
            weight.copy_(torch.randn_like(weight))
    scores = [i / 7 for i in range(80)]
    calibration = calibrate(Measured(str(i), score) for i, score in enumerate(scores))
    contract = arm(calibration, 0.05)
    promises = (
        Promise(contract=contract, verification=verify(contract, [0.5] * 100)),
        Promise(refused="0.1% needs 2,995 benign episodes, and there are 80"),
    )
    rows = (
        Row(method="probe", source="mails", attacks=10, benign=20, auroc=0.8, spread=0.01),
        Row(method="bag of words", source="mails", attacks=10, benign=20, auroc=0.9, caught=Rate.of(3, 10)),
    )
    card = Card.model_validate(card_fields() | {"head": config}).model_copy(
        update={
            "data": (DataSource(name="mails", attacks=10, benign=20, licence="MIT"),),
            "seeds": (0, 1, 2),
            "training": {"lr": 1e-3, "epochs": 5},
            "evaluation": rows,
            "display": Platt(slope=0.5, intercept=-1.0),
            "promises": promises,
            "drift": drift_reference(scores),
            "limits": ("Quoted attacks | in security mails\nare flagged.",),
        }
    )
    return Probe(head.requires_grad_(False), card, calibration)
