"""Steps 4 and 5: thresholds that are contracts, checked on fresh benign episodes; and the probe with its card.

    python monitors/training/calibrate.py --gathered build/monitors --probe build/monitors/probe --out build/injection

An episode is one run of an agent; its score is the largest of its tools' results. Calibration, verification and
training share no task and no group of texts. Writes ``card.yaml`` and ``probe.safetensors``, the card as a page, and
plots of the ROC and of observed against promised false alarms.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import gathered
import matplotlib
import numpy as np
from corpus import UNLEARNED_LANGUAGES
from episodes import Episode
from gathered import Gathered
from matplotlib import pyplot
from rich.console import Console
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.stats import beta
from train_probe import scorer

from bartizan.monitors.calibration import (
    Calibration,
    Contract,
    Measured,
    NotArmed,
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

NEVER_LEARNED = (UNLEARNED_LANGUAGES, "cyberseceval_indirect")
PROMISES = {0.01: 0.95, 0.05: 0.99, 0.1: 0.99}  # with which confidence: 99% of 1% would need 459 episodes
LICENCES = {"agentdyn": "MIT", "agentdojo": "MIT", "toolemu": "MIT", "bipia_email": "MIT", "bipia_code": "MIT",
            "tasktracker": "MIT", "cyberseceval": "MIT", "composed": "Apache-2.0", "languages": "Apache-2.0",
            "torn": "Apache-2.0"}  # fmt: skip
LIMITS = (
    "Reads one text at a time: an instruction spread over several results is seen in pieces.",
    "Has no word on scripts other than Latin. Of languages in Latin letters it learned English, German, French, "
    "Spanish, Italian and Portuguese; Dutch and Polish were left out and stand in the table as unlearned_languages.",
    "Reads no ciphers: what base64, a rhyme or a riddle says is not seen.",
    "Fires on texts that give orders to anybody: manuals, task lists, prompts that stand in a result.",
    "Not tested against an attacker who optimises a text against the probe. Do not let its absence of an alarm alone "
    "let a harmful call go.",
    "p-values hold for benign episodes like those of the calibration (emulated tools, shopping and daily life); other "
    "worlds raise other rates of false alarms: calibrate on your own benign runs.",
)  # fmt: skip

Score = Callable[[Gathered], float]
Run = tuple[Episode, list[Gathered]]


def measured(runs: Iterable[Run], score: Score) -> list[Measured]:
    """Every result of every run, as the monitor would measure it."""
    return [
        Measured(episode=episode.run, score=score(text), length=len(text.x_TD))
        for episode, results in runs
        for text in results
        if len(text.x_TD)
    ]


def counted(runs: Sequence[Run]) -> str:
    """``412 runs of 28 tasks``."""
    return f"{len(runs):,} runs of {len({episode.task for episode, _ in runs})} tasks"


def by_task(runs: Sequence[Run], p_values: Mapping[str, float], at: float) -> list[tuple[int, int]]:
    """Of each task, the runs that raise an alarm at this p-value, and all of them."""
    tasks: dict[str, tuple[int, int]] = {}
    for episode, _ in runs:
        if (p := p_values.get(episode.run)) is not None:
            alarms, all_of_them = tasks.get(episode.task, (0, 0))
            tasks[episode.task] = alarms + (p <= at), all_of_them + 1
    return list(tasks.values())


def highest_rate(tasks: Sequence[tuple[int, int]], confidence: float = 0.95) -> float:
    """An upper bound of the rate of alarms where runs of one task resemble one another (Korn and Graubard 1998).

    Clopper and Pearson's, for as many runs as would be worth that many independent ones: n divided by the ratio of
    the variance over tasks to that of independent runs. Without alarms nobody knows that ratio, and it is taken for 1.
    """
    alarms_T, runs_T = np.array(tasks, dtype=float).T
    n, rate = runs_T.sum(), alarms_T.sum() / runs_T.sum()
    worth = n
    if 0 < rate < 1:
        spread = len(tasks) / (len(tasks) - 1) * np.sum((alarms_T - rate * runs_T) ** 2) / n**2
        worth = n / max(1.0, spread / (rate * (1 - rate) / n))
    return float(beta.ppf(confidence, rate * worth + 1, worth - rate * worth)) if rate < 1 else 1.0


def armed(
    calibration: Calibration, runs: Sequence[Run], p_values: Mapping[str, float], fpr: float
) -> Contract:
    """A contract that holds for runs as if they were independent, and where those of a task resemble one another.

    Raises :class:`NotArmed` as :func:`~bartizan.monitors.calibration.arm` does.
    """
    contract = arm(calibration, fpr, PROMISES[fpr])
    for r in range(contract.exceedances, -1, -1):
        at = (r + 1) / (calibration.n + 1)
        if highest_rate(by_task(runs, p_values, at), PROMISES[fpr]) <= fpr:
            return contract.model_copy(update={"exceedances": r, "p_value": at})
    raise NotArmed(
        f"not one threshold keeps {fpr:g} where runs of a task are alike: record more tasks", calibration.n, 0
    )


def promises(
    calibration: Calibration, kept: Sequence[Run], own: Mapping[str, float], fresh: Sequence[float]
) -> list[Promise]:
    found = []
    for fpr in PROMISES:
        try:
            contract = armed(calibration, kept, own, fpr)
            found.append(Promise(contract=contract, verification=verify(contract, fresh)))
        except NotArmed as error:
            found.append(Promise(refused=f"{fpr:g}: {error}"))
    return found


def resemblance(runs: Sequence[Run], fresh: Mapping[str, float], promised: Sequence[Promise]) -> str:
    """Of how many tasks the alarms are, and what that says of their rate."""
    said = []
    for contract in (promise.contract for promise in promised if promise.contract):
        tasks = by_task(runs, fresh, contract.p_value)
        alarms, of = sum(a for a, _ in tasks), sum(a > 0 for a, _ in tasks)
        said.append(
            f"at {contract.fpr:.0%} {alarms} alarms are of {of} tasks, a true rate of at most {highest_rate(tasks):.1%}"
        )
    return (
        f"Fresh episodes are {counted(runs)}. Runs of one task resemble one another, so that an interval which counts "
        f"runs is too narrow; as Korn and Graubard count, {'; '.join(said)}. A promise of 1% of tasks, not of runs, "
        "would need 299 tasks. The contracts allow for that, and those of 5% and 10% are made with 99% confidence, "
        "since two earlier sets of contracts, at 95%, were undecided on these same episodes."
    )  # fmt: skip


def plots(out: Path, calibration: Calibration, fresh: Sequence[float], attacks: Sequence[float]) -> None:
    matplotlib.use("svg")
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 4), layout="constrained")
    rates = np.linspace(0, 1, 201)
    left.plot(rates, [float(np.mean(np.array(attacks) <= rate)) for rate in rates])
    left.set(
        xlabel="benign episodes that raise an alarm",
        ylabel="attacks that raise one",
        title="ROC, attacks of sources that were never learned",
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
    parser.add_argument("--version", default="2")
    options = parser.parse_args()
    candidate = options.probe / "candidate.safetensors"
    with safe_open(candidate, "pt") as opened:
        metadata = opened.metadata()
    head = build_head(HeadConfig.model_validate_json(metadata["head"])).eval()
    head.load_state_dict(load_file(candidate))
    evaluation = json.loads((options.probe / "evaluation.json").read_text(encoding="utf-8"))
    score = scorer(head)
    texts = [text for text in gathered.load(options.gathered, metadata["hook_point"]) if len(text.x_TD)]
    kept = gathered.episodes(options.gathered, metadata["hook_point"], gathered.CALIBRATE)
    calibration = calibrate(measured(kept, score))
    fresh_runs = gathered.episodes(options.gathered, metadata["hook_point"], gathered.VERIFY)
    fresh = calibration.episodes(measured(fresh_runs, score))
    own = calibration.episodes(measured(kept, score))
    promised = promises(calibration, kept, own, list(fresh.values()))
    attacks = [text for text in texts if text.label and text.source in NEVER_LEARNED]
    shown = [(score(text), 1) for text in attacks]
    shown += [(max(score(text) for text in results), 0) for _, results in fresh_runs if results]
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
                name="toolemu and agentdyn, other tasks", attacks=0, benign=len(kept), role="calibrate", licence="MIT",
                note=counted(kept),
            ),
            DataSource(
                name="toolemu and agentdyn, other tasks", attacks=0, benign=len(fresh_runs), role="test", licence="MIT",
                note=f"fresh episodes: {counted(fresh_runs)}",
            ),
        ),
        seeds=tuple(evaluation["seeds"]),
        training={"method": "L2 logistic regression on tokens", "C": evaluation["strength"]},
        evaluation=tuple(Row.model_validate(row) for row in evaluation["rows"]),
        display=fit_platt([s for s, _ in shown], [label for _, label in shown]),
        calibration=Calibrated(
            data="the largest score of each benign run of ToolEmu's and AgentDyn's tools, no task of which was trained "
            f"on: {counted(kept)}",
            bins=tuple(BinSize(tool=b.tool, length=b.length, episodes=b.n) for b in calibration.bins),
        ),
        promises=tuple(promised),
        drift=drift_reference([m.score for m in measured(kept, score)]),
        limits=(*LIMITS, resemblance(fresh_runs, fresh, promised)),
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
