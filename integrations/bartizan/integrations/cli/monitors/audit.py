"""``bartizan monitors audit``: what did a tuning change, and does a probe's contract survive it?"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bartizan.policies.diagnostics import visible

from ..console import err, give_up, out
from .options import NEEDED, AsJson, Autoencoder, Device, Features, Place, needs, telling

if TYPE_CHECKING:  # torch, which the other commands do without
    from bartizan.monitors.auditing import AuditReport

PROBE = "With --probe"


def audit(
    base: Annotated[
        Path, typer.Argument(help="The folder of the checkpoint before tuning.", show_default=False)
    ],
    tuned: Annotated[
        list[Path],
        typer.Argument(help="Folders of later checkpoints, in their order.", show_default=False),
    ],
    sae: Autoencoder,
    hook_point: Place,
    general: Annotated[
        Path,
        typer.Option(
            "--general",
            help="Prompts on which nothing should have changed: lines of a .txt file, or text in a .jsonl file.",
        ),
    ],
    specific: Annotated[
        Path,
        typer.Option("--specific", help="Prompts on which something may have changed; such a file, too."),
    ],
    feature: Features = None,
    aligned: Annotated[
        str | None,
        typer.Option("--aligned", help="One of the checkpoints: do later ones rebound from it to the base?"),
    ] = None,
    probe: Annotated[
        Path | None, typer.Option("--probe", help="A probe's folder: does its contract survive?")
    ] = None,
    benign: Annotated[
        Path | None,
        typer.Option(
            "--benign", help="Benign episodes: JSON lines with text, episode, tool.", rich_help_panel=PROBE
        ),
    ] = None,
    attacks: Annotated[
        Path | None,
        typer.Option("--attacks", help="Attacks, in the same form.", rich_help_panel=PROBE),
    ] = None,
    recall_loss: Annotated[
        float | None,
        typer.Option(help="The share of attacks that may be lost. Default: 0.1.", rich_help_panel=PROBE),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Top features of a token.")] = 5,
    alpha: Annotated[float, typer.Option(help="The level of the tests.")] = 0.05,
    permutations: Annotated[
        int | None, typer.Option(min=1, help="Default: as many as one feature needs to stand out.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the permutations.")] = 0,
    window: Annotated[int, typer.Option(min=2, help="Tokens that the model reads at once.")] = 192,
    device: Device = None,
    output: Annotated[
        Path | None, typer.Option("--out", "-o", help="A folder for report.json, report.md and drift.png.")
    ] = None,
    allow_drift: Annotated[
        bool, typer.Option("--allow-drift", help="Features may move: only contracts and rebounds count.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Compare tuned checkpoints with their base by the features of an autoencoder, and a probe's contract with both.

    Exit code 0: no significant drift, contracts survive, nothing rebounds; 1: one of that is not so; 2: it could not
    be told (too few episodes), or what was given cannot be used.
    """
    needs(*NEEDED)
    if probe is None and (benign, attacks, recall_loss) != (None, None, None):
        give_up(
            "--benign, --attacks and --recall-loss are for a contract: name the probe with --probe FOLDER"
        )
    if probe is not None and benign is None:
        give_up("--probe: name benign episodes with --benign FILE, on which its false alarms are counted")
    with telling():
        from bartizan.monitors import auditing, formats  # on use: torch
        from bartizan.monitors.capture import HookPoint
        from bartizan.monitors.probes.storage import load_probe
        from bartizan.monitors.reader import Layout

        for folder in (base, *tuned):
            if not folder.is_dir():
                give_up(f"{folder}: expected the folder of a checkpoint, found none")
        _prepare(output)
        layout = Layout(window, window // 3, batch=max(window, Layout().batch))
        checkpoints = [
            auditing.Checkpoint(name, auditing.Checkpoint.folder(folder, layout, device=device).load)
            for name, folder in _names([base, *tuned])
        ]
        promised = None
        if probe is not None:
            loaded = load_probe(probe)
            promised = auditing.Promised(
                loaded,
                auditing.contract_of(loaded),
                auditing.read_episodes(benign) if benign is not None else (),
                auditing.read_episodes(attacks) if attacks is not None else (),
                auditing.RECALL_LOSS if recall_loss is None else recall_loss,
            )
        report = auditing.audit(
            checkpoints[0],
            checkpoints[1:],
            hook_point=HookPoint.parse(hook_point),
            general=auditing.read_prompts(general),
            specific=auditing.read_prompts(specific),
            promised=promised,
            sae=formats.load(sae),
            features=feature,
            n=top,
            alpha=alpha,
            permutations=permutations,
            seed=seed,
            aligned=aligned,
            progress=_progress,
        )
        if output is not None:
            _write(report, output)
        _print(report, as_json)
    objections, undecided = report.objections(drift=not allow_drift), report.undecided()
    _say("no", objections)
    _say("not known", undecided)
    if objections or undecided:
        raise typer.Exit(1 if objections else 2)


def _names(folders: list[Path]) -> list[tuple[str, Path]]:
    """Each folder under its last name; under its path where several share that."""
    names = [Path(os.path.abspath(folder)).name for folder in folders]
    shared = Counter(names)
    return [
        (str(folder) if shared[name] > 1 else name, folder)
        for name, folder in zip(names, folders, strict=True)
    ]


def _prepare(output: Path | None) -> None:
    """Results that could not be written are better known before the work."""
    if output is None:
        return
    output.mkdir(parents=True, exist_ok=True)
    if not os.access(output, os.W_OK | os.X_OK):
        give_up(f"{output}: expected a folder that can be written to")


def _progress(name: str, done: int, total: int) -> None:
    if done == 1:
        err.print(visible(f"{name}: reading {total} prompts"), markup=False)


def _write(report: AuditReport, output: Path) -> None:
    from bartizan.monitors.auditing import AuditError, page
    from bartizan.monitors.replacing import replace_text

    page.write(report, output / "report.json")
    text = page.markdown(report)
    try:
        page.plot(report, output / "drift.png")
        text += "\n![drift](drift.png)\n"
    except AuditError as error:
        err.print(f"no plot: {error}", markup=False)
    replace_text(output / "report.md", text)


def _print(report: AuditReport, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.json(), allow_nan=False))
        return
    from bartizan.monitors.auditing import page

    for table in page.tables(report):
        out.print(table)


def _say(verdict: str, lines: list[str]) -> None:
    for line in lines:
        err.print(visible(f"{verdict}: {line}"), markup=False)
