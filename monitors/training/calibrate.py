"""Steps 4 and 5: thresholds that are contracts, checked on fresh benign episodes; and the probe with its card.

    python monitors/training/calibrate.py --gathered build/monitors --probe build/monitors/probe --out build/injection

An episode is one run of an agent; its score is the largest of its tools' results. Calibration, verification and
training share no group of texts. Writes ``card.yaml`` and ``probe.safetensors``, the card as a page, and plots of the
ROC and of observed against promised false alarms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import gathered
import matplotlib
import numpy as np
from gathered import Gathered
from matplotlib import pyplot
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file
from train_probe import scorer

from bartizan.monitors.calibration import (
    Calibration,
    Contract,
    Measured,
    NotArmed,
    Verification,
    arm,
    calibrate,
    drift_reference,
    fit_platt,
    verify,
)
from bartizan.monitors.probes.card import BinSize, Calibrated, Card, DataSource, Promise
from bartizan.monitors.probes.evaluation import Row
from bartizan.monitors.probes.heads import HeadConfig, build_head
from bartizan.monitors.probes.markdown import markdown
from bartizan.monitors.probes.probe import Probe
from bartizan.monitors.probes.storage import load_probe, save_probe

BENIGN = ("toolemu", "agentdyn")
CALIBRATED_ON = (
    "the largest score of each benign run of ToolEmu's and AgentDyn's tools, in groups of their own"
)
PROMISES = (0.01, 0.05, 0.1)
LICENCES = {"agentdyn": "MIT", "agentdojo": "MIT", "toolemu": "MIT", "bipia_email": "MIT", "bipia_code": "MIT",
            "tasktracker": "MIT", "cyberseceval": "MIT", "composed": "Apache-2.0"}  # fmt: skip
LIMITS = (
    "Reads one text at a time: an instruction spread over several results is seen in pieces.",
    "Trained mostly on English; other languages appear in short frames only. On AgentDojo, with an alarm at p <= 0.2, "
    "an unseen Chinese frame around English goals got 101 of 949 attacks past it, a goal torn in two 6.",
    "Fires on texts that give orders to anybody: manuals, task lists, prompts that stand in a result.",
    "Not tested against an attacker who optimises a text against the probe. Do not let its absence of an alarm alone "
    "let a harmful call go.",
    "p-values hold for benign episodes like those of the calibration (emulated tools, shopping and daily life); other "
    "worlds raise other rates of false alarms: calibrate on your own benign runs.",
)


def episodes(texts: Iterable[Gathered], folds: Sequence[int]) -> list[Gathered]:
    """Benign results that belong to these folds and to an episode."""
    return [t for t in texts if not t.label and t.fold in folds and t.source in BENIGN and t.episode]


def promises(calibration: Calibration, fresh: Sequence[float]) -> list[Promise]:
    found = []
    for fpr in PROMISES:
        try:
            contract: Contract = arm(calibration, fpr)
            checked: Verification = verify(contract, fresh)
            found.append(Promise(contract=contract, verification=checked))
        except NotArmed as error:
            found.append(Promise(refused=f"{fpr:g}: {error}"))
    return found


def plots(out: Path, calibration: Calibration, fresh: Sequence[float], attacks: Sequence[float]) -> None:
    matplotlib.use("svg")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    rates = np.linspace(0, 1, 201)
    left.plot(rates, [float(np.mean(np.array(attacks) <= rate)) for rate in rates])
    left.set(
        xlabel="benign episodes that raise an alarm",
        ylabel="attacks that raise one",
        title="ROC, held-out folds",
    )
    right.plot(rates, [float(np.mean(np.array(fresh) <= rate)) for rate in rates], label="observed")
    right.plot(rates, rates, "--", color="grey", label="promised")
    right.set(
        xlabel="p-value at which an alarm is raised", ylabel="fresh benign episodes", title="Calibration"
    )
    right.legend()
    figure.savefig(out / "plots.svg")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gathered", type=Path, default=Path("build/monitors"))
    parser.add_argument("--probe", type=Path, default=Path("build/monitors/probe"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--version", default="1")
    options = parser.parse_args()
    candidate = options.probe / "candidate.safetensors"
    with safe_open(candidate, "pt") as opened:
        metadata = opened.metadata()
    head = build_head(HeadConfig.model_validate_json(metadata["head"])).eval()
    head.load_state_dict(load_file(candidate))
    evaluation = json.loads((options.probe / "evaluation.json").read_text(encoding="utf-8"))
    score = scorer(head)
    texts = [text for text in gathered.load(options.gathered, metadata["hook_point"]) if len(text.x_TD)]
    kept = episodes(texts, gathered.CALIBRATE)
    measured = [Measured(episode=t.episode, score=score(t), length=len(t.x_TD)) for t in kept]
    calibration = calibrate(measured)
    fresh_texts = episodes(texts, gathered.VERIFY)
    fresh = calibration.episodes(
        Measured(episode=t.episode, score=score(t), length=len(t.x_TD)) for t in fresh_texts
    )
    attacks = [text for text in texts if text.label and text.fold in gathered.VERIFY and text.injected]
    shown = [(score(text), text.label) for text in (*attacks, *fresh_texts)]
    card = Card(
        name="injection",
        version=options.version,
        description="Does a tool's result tell the agent to do something? The largest mean over a few tokens.",
        licence="Apache-2.0",
        reads=("result",),
        positions="every token of the result",
        scripts=("Latin",),
        hook_point=metadata["hook_point"],
        fingerprint=json.loads((options.gathered / "fingerprint.json").read_text(encoding="utf-8")),
        head=head.config,
        data=(
            *(
                DataSource(name=name, attacks=a, benign=b, licence=LICENCES.get(name, ""))
                for name, (a, b) in evaluation["trained"].items()
            ),
            DataSource(
                name="toolemu and agentdyn, other groups", attacks=0, benign=len(kept), role="calibrate", licence="MIT"
            ),
        ),
        seeds=tuple(evaluation["seeds"]),
        training={"method": "L2 logistic regression on tokens", "C": evaluation["strength"]},
        evaluation=tuple(Row.model_validate(row) for row in evaluation["rows"]),
        display=fit_platt([s for s, _ in shown], [label for _, label in shown]),
        calibration=Calibrated(
            data=CALIBRATED_ON,
            bins=tuple(BinSize(tool=b.tool, length=b.length, episodes=b.n) for b in calibration.bins),
        ),
        promises=tuple(promises(calibration, list(fresh.values()))),
        drift=drift_reference([m.score for m in measured]),
        limits=LIMITS,
    )  # fmt: skip
    save_probe(options.out, Probe(head, card, calibration))
    probe = load_probe(options.out)
    plots(options.out, calibration, list(fresh.values()), [calibration.p_value(score(t)) for t in attacks])
    (options.out / "card.md").write_text(markdown(probe.card), encoding="utf-8")
    Console().print(
        f"{calibration.n} episodes calibrate, {len(fresh)} fresh ones verify; written to {options.out}"
    )


if __name__ == "__main__":
    main()
